"""Who hears of a change of control: those concerned by notices, other parts by their listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sessioncast_agent.audience import Person
from sessioncast_agent.control.lease import ANSWER_US, Change, Lease, What
from sessioncast_agent.control.outbox import NOTICE, Outbox
from sessioncast_agent.control.people import People
from sessioncast_agent.control.record import InputRecord

log = logging.getLogger(__name__)

ANSWER_MS = ANSWER_US // 1000


class Teller:
    """One per desk."""

    def __init__(self, outbox: Outbox, people: People, lease: Lease, record: InputRecord) -> None:
        self._outbox, self._people, self._lease, self._record = outbox, people, lease, record
        self.listeners: list[Callable[[Change], None]] = []

    def tell(self, change: Change) -> None:
        """Notice, log, record, listeners."""
        person = change.person
        log.info("control %s identity=%s", change.what.value, person.identity)
        self._record.control(change, self._lease.number)
        if change.what is What.REQUESTED:
            about = [person.identity, person.name, person.actor, ANSWER_MS]
            self._outbox.tell(NOTICE, ["control.requested", *about], self._deciders(person))
        elif change.what is What.GRANTED:
            self._outbox.tell(NOTICE, ["control.granted"], [person.identity])
            self._outbox.gone(person.identity)
        elif change.what in {What.LOST, What.DENIED}:
            notice = f"control.{change.what.value}"
            self._outbox.tell(NOTICE, [notice, change.reason], [person.identity])
        for listener in self.listeners:
            listener(change)

    def _deciders(self, asking: Person) -> list[str]:
        holder = self._lease.holder
        names = {person.identity for person in self._people.admins()}
        if holder is not None:
            names.add(holder.identity)
        return sorted(names - {asking.identity})
