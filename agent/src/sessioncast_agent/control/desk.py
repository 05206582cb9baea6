"""The control desk: the one way in for everybody who acts on the session.

    packet ─▶ known and allowed? ─▶ per-sender limit ─▶ parsed ─▶ lease ─▶ backend, audit

People (data packets), programs (RPC) and the VNC fallback all come through `act`. Everything here
runs on the event loop and waits for nothing; injection happens on the backend's own thread.

What other parts may use: `act`, `may_act`, `request`, `release`, `grant`, `deny`, `take`, `leave`,
`holder`, `subscribe`, `person`, and the `clipboard`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.config import ControlSettings
from sessioncast_agent.control.fitting import fitted
from sessioncast_agent.control.floods import FLOODED, Floods
from sessioncast_agent.control.hands import Hands, Sequence, is_bare_move
from sessioncast_agent.control.lease import (
    NOT_ALLOWED,
    STEERING,
    Change,
    Lease,
    LeaseRefused,
    Mode,
    What,
)
from sessioncast_agent.control.limits import Bucket, Complaints, Inboxes, Packet
from sessioncast_agent.control.messages import (
    BeatMessage,
    Message,
    MoveMessage,
    Refusal,
    ResetMessage,
    parse,
)
from sessioncast_agent.control.outbox import NOTICE, Outbox
from sessioncast_agent.control.people import People
from sessioncast_agent.control.place import Place
from sessioncast_agent.control.record import InputRecord
from sessioncast_agent.control.shim import shim_control
from sessioncast_agent.control.tell import ANSWER_MS, Teller
from sessioncast_agent.errors import ControlRefused
from sessioncast_agent.inputs import InputEvent
from sessioncast_agent.stages import ShimMethod, Stage

log = logging.getLogger(__name__)

TICK_S = 0.1
LETS_GO = frozenset({What.GRANTED, What.LOST, What.RELEASE_KEYS})


class ControlDesk(Stage):
    """See the module. One per session."""

    name = "control"

    def __init__(self, place: Place, settings: ControlSettings, record: InputRecord) -> None:
        self._place, self._record = place, record
        self.lease = Lease(Mode(settings.mode))
        self.people = People()
        self.outbox = Outbox()
        self._counters = place.usage.counters
        self.complaints = Complaints()
        self._hands = Hands()
        self._inboxes = Inboxes()
        self.floods = Floods(self._flooded, self._counters)
        self._sequences: dict[str, Sequence] = {}
        self._notices: dict[str, Bucket] = {}
        self._scheduled: set[str] = set()
        self._teller = Teller(self.outbox, self.people, self.lease, record)
        self._wake = asyncio.Event()

    # -- for people, programs and the fallback -------------------------------------------------

    @property
    def holder(self) -> Person | None:
        """Who has control."""
        return self.lease.holder

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        """Be told of every grant, loss, request and refusal; called on the loop."""
        self._teller.listeners.append(listener)

    def unsubscribe(self, listener: Callable[[Change], None]) -> None:
        """And no more."""
        self._teller.listeners.remove(listener)

    def person(self, identity: str) -> Person | None:
        """Who this is, if the shim has said so (or the token that it signed)."""
        return self.people.get(identity)

    def may_act(self, identity: str) -> bool:
        """Whether a click of this one would have an effect now."""
        person = self.people.get(identity)
        return (
            person is not None
            and person.role in STEERING
            and self.lease.would(person, monotonic_us(), dragging=self._hands.dragging)
        )

    def act(self, identity: str, packets: Iterable[Packet]) -> bool:
        """Let these be done, in order, as soon as the sender's rate allows; True when somebody
        of that identity may act at all. Raw packets (bytes) and read ones (messages) are alike."""
        person = self.people.get(identity)
        if person is None or person.role not in STEERING:
            self._counters.input_ignored += 1
            return False
        inbox = self._inboxes.of(identity)
        for packet in packets:
            if not inbox.put(packet):
                self._complain("too long")
        if identity not in self._scheduled:
            self._drain(identity)
        return True

    def request(self, identity: str) -> dict[str, Any]:
        """Ask for control; raises ControlRefused."""
        self._apply(self.lease.request, identity)
        holder = self.lease.holder
        if holder is None or holder.identity == identity:
            return {"state": "granted"}
        about = {"identity": holder.identity, "name": holder.name, "actor": holder.actor}
        return {"state": "pending", "holder": about, "timeout_ms": ANSWER_MS}

    def release(self, identity: str) -> dict[str, Any]:
        """Give it back."""
        self._apply(self.lease.release, identity)
        return {"state": "free"}

    def grant(self, identity: str, target: str) -> dict[str, Any]:
        """Hand it to somebody."""
        to = self.people.get(target)
        self._apply(lambda person, now_us: self.lease.grant(person, to, now_us), identity)
        return {"state": "granted"}

    def deny(self, identity: str, target: str) -> dict[str, Any]:
        """Refuse a request."""
        self._apply(lambda person, _: self.lease.deny(person, target), identity)
        return {"state": "denied"}

    def take(self, identity: str) -> dict[str, Any]:
        """An admin does not ask."""
        self._apply(self.lease.take, identity)
        return {"state": "granted"}

    def set_mode(self, identity: str, mode: str) -> dict[str, Any]:
        """How control is had."""
        self._apply(lambda person, _: self.lease.set_mode(person, Mode(mode)), identity)
        return {"mode": mode}

    def leave(self, identity: str, reason: str = "it left") -> None:
        """Its connection has ended (the fallback's; the room's own news come by themselves)."""
        self._inboxes.forget(identity)
        self._sequences.pop(identity, None)
        self.outbox.gone(identity)
        self._changed(self.lease.gone(identity, monotonic_us(), reason))

    def check_holder(self, identity: str, *, takes: bool = True) -> Person:
        """The person, if its act may have an effect now (it takes free control); else raises."""
        person = self._known(identity)
        try:
            self._changed(
                self.lease.act(person, monotonic_us(), dragging=self._hands.dragging, takes=takes)
            )
        except LeaseRefused as error:
            raise ControlRefused(error.code, str(error)) from error
        return person

    def do(self, person: Person, messages: Iterable[Message]) -> None:
        """Inject at once what `check_holder` has allowed (programs' verbs)."""
        for message in messages:
            self._inject(person, message)

    def hello(self, identity: str) -> dict[str, Any]:
        """A program or page introduces itself: its own topic for input."""
        return {"topic": self.people.hello(self._known(identity).identity)}

    def noted(self, person: Person, events: list[InputEvent]) -> None:
        """What `check_holder` has allowed was done elsewhere (an existing VNC server)."""
        if events:
            self._record.acted(person, self.lease.number, self._place.frame_id(), events)

    def note(self, kind: str, person: Person, fields: dict[str, Any]) -> None:
        """Keep in the audit what else somebody did."""
        self._record.note(kind, person, self.lease.number, fields)

    # -- Stage ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Watches the clock while there is anything to watch, and sends what is to be said."""
        sender = asyncio.get_running_loop().create_task(self.outbox.run(), name="control-outbox")
        try:
            while not sender.done():
                self._changed(self.lease.tick(monotonic_us()))
                if self.lease.restless:
                    await asyncio.sleep(TICK_S)
                else:
                    self._wake.clear()
                    await self._wake.wait()
            await sender
        finally:
            sender.cancel()
            self._let_go()

    def shim_methods(self) -> dict[str, ShimMethod]:
        """See Stage."""
        return {"shim.control": partial(shim_control, self)}

    def banned(self, identity: str, until_us: int) -> None:
        """See Stage: nothing of it is read any more."""
        del until_us  # no identity is given out twice
        self.people.ban(identity, monotonic_us())
        self.leave(identity)

    def pardoned(self, identity: str) -> None:
        """See Stage."""
        self.people.pardon(identity)

    def attributes(self) -> dict[str, str]:
        """See Stage."""
        holder = self.lease.holder
        return {
            "control.holder": "" if holder is None else holder.identity,
            "control.name": "" if holder is None else holder.name,
            "control.actor": "" if holder is None else holder.actor,
            "control.mode": self.lease.mode.value,
        }

    def expected(self, person: Person) -> None:
        """See Stage."""
        self.people.expect(person, monotonic_us())
        self._sequences.pop(person.identity, None)

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self.outbox.room = self.people.room = room
        self.lease.resume(monotonic_us())
        room.on("reconnecting", self._link_lost)
        room.on("reconnected", lambda: self.lease.resume(monotonic_us()))

    def left(self) -> None:
        """See Stage; the holder keeps the lease, but no key stays down meanwhile."""
        self.outbox.room = self.people.room = None
        self._link_lost()

    def participant_joined(self, identity: str) -> None:
        """See Stage."""
        self._sequences.pop(identity, None)
        self.people.announced(identity)

    def participant_left(self, identity: str) -> None:
        """See Stage; late, and only a backup: who is still heard has come back meanwhile."""
        if not self.lease.hears(identity, monotonic_us()):
            self.leave(identity)

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        """See Stage."""
        sender = self.people.sender(topic, identity, monotonic_us())
        if sender is not None:
            self.act(sender, (payload,))

    # -- packets -------------------------------------------------------------------------------

    def _flooded(self, topic: str, identity: str) -> str:
        self._complain("a flood")
        identity = self.people.sender(topic, identity, monotonic_us()) or ""
        if identity not in self.people:
            return ""
        self.leave(identity, "too much was sent at once")
        self.outbox.tell(NOTICE, ["refused", "input", FLOODED], [identity])
        return identity

    def _drain(self, identity: str) -> None:
        self._scheduled.discard(identity)
        person = self.people.get(identity)
        if person is None:
            return
        inbox = self._inboxes.of(identity)
        with self._place.usage.stage("control"):
            now_us = monotonic_us()
            while (packet := inbox.take(now_us)) is not None:
                if lost := inbox.take_lost():
                    self._counters.input_dropped += lost
                    self._complain("too many")
                    if self.lease.holds(identity):
                        self._let_go()
                message = parse(packet) if isinstance(packet, bytes) else packet
                if isinstance(message, Refusal):
                    self._complain(message.reason)
                else:
                    self._obey(person, message, now_us, beats=isinstance(packet, bytes))
        wait_us = inbox.wait_us(now_us)
        if wait_us is not None:
            self._scheduled.add(identity)
            asyncio.get_running_loop().call_later(wait_us / 1e6, self._drain, identity)

    def _obey(self, person: Person, message: Message, now_us: int, *, beats: bool) -> None:
        """`beats`: it came as a data packet, whose senders beat while they have control; the
        fallback's connection is watched by the fallback."""
        identity = person.identity
        if not self._sequences.setdefault(identity, Sequence()).fresh(message):
            return
        if beats:
            self._changed(self.lease.heard(person, now_us))
        if isinstance(message, BeatMessage | ResetMessage):
            if self.lease.holds(identity):
                self._inject(person, message)
            return
        bare = is_bare_move(message)
        try:
            changes = self.lease.act(person, now_us, dragging=self._hands.dragging, takes=not bare)
        except LeaseRefused as error:
            self._refused(person, message, str(error), now_us)
            return
        if changes:
            self._changed(changes)
            if beats:
                self.lease.heard(person, now_us)
        self._inject(person, message)

    def _refused(self, person: Person, message: Message, sentence: str, now_us: int) -> None:
        if isinstance(message, MoveMessage):
            width, height = self._place.size_px()
            x, y = min(max(int(message.x), 0), width), min(max(int(message.y), 0), height)
            self.outbox.pointer(person, x, y)
        elif not is_bare_move(message):
            bucket = self._notices.setdefault(person.identity, Bucket(1.0, 1.0))
            if bucket.take(now_us):
                self.outbox.tell(NOTICE, ["refused", "input", sentence], [person.identity])

    def _inject(self, person: Person, message: Message) -> None:
        if isinstance(message, ResetMessage):
            if self._hands.holding:
                self._let_go()
            return
        size_px, named = self._place.size_px(), getattr(message, "frame", 0)
        message = fitted(message, self._place.frame_size_px(named), size_px)
        events = self._hands.events(message, size_px)
        if events:
            self._place.backend.inject(events)
            self._counters.input_done += len(events)
            frame = named or self._place.frame_id()
            self._record.acted(person, self.lease.number, frame, events)

    def _let_go(self) -> None:
        self._hands.let_go()
        self._place.backend.release_all()

    def _complain(self, reason: str) -> None:
        self._counters.input_refused += reason != "too many"
        number = self.complaints.due(monotonic_us())
        if number:
            log.warning("input refused: %s (%d since the last line)", reason, number)

    def _link_lost(self) -> None:
        self.lease.pause()
        self._let_go()

    # -- changes of the lease ------------------------------------------------------------------

    def _known(self, identity: str) -> Person:
        person = self.people.get(identity)
        if person is None:
            raise ControlRefused(NOT_ALLOWED, "the agent does not know you; join again")
        return person

    def _apply(self, ask: Callable[[Person, int], list[Change]], identity: str) -> None:
        try:
            self._changed(ask(self._known(identity), monotonic_us()))
        except LeaseRefused as error:
            raise ControlRefused(error.code, str(error)) from error

    def _changed(self, changes: list[Change]) -> None:
        self._wake.set()
        if not changes:
            return
        if any(change.what in LETS_GO for change in changes):
            self._let_go()
        for change in changes:
            self._teller.tell(change)
        self._place.attributes_changed()
