"""The half of the store in memory that is about people: admissions, bans, tickets, rates, news."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any

from .clock import Clock
from .expiring import Expiring
from .rates import gcra
from .roles import Role
from .store import (
    ADMITTED_TTL_S,
    Admission,
    Ban,
    Bounds,
    Entry,
    Event,
    ExpectedViewer,
    SessionRecord,
    Ticket,
)


class MemoryAccess(ABC):
    """See MemoryStore, which adds the sessions."""

    def __init__(self, clock: Clock, bounds: Bounds) -> None:
        self._bounds = bounds
        self._clock = clock
        self._admitted: dict[str, Expiring[ExpectedViewer]] = {}
        self._expected_until: dict[str, Expiring[None]] = {}
        self._raised: dict[str, dict[str, Role]] = {}
        self._bans: dict[tuple[str, str], Ban] = {}
        self._tickets: Expiring[Ticket] = Expiring(clock)
        self._rates: Expiring[float] = Expiring(clock, bounds.rates)
        self._events: deque[Event] = deque(maxlen=bounds.events)
        self._event_number = 0
        self._news = asyncio.Event()
        self._epoch = f"{clock.unix_us():x}"  # another process's ids are not ours

    @abstractmethod
    def _is_running(self, session: str) -> bool: ...

    def _forget_people(self, session: str) -> None:
        """Drop what a session that has ended needs no more."""
        self._expected_until.pop(session, None)
        self._admitted.pop(session, None)
        self._raised.pop(session, None)
        for key, ticket in list(self._tickets.items()):
            if ticket.session == session:
                self._tickets.pop(key)

    @abstractmethod
    async def session(self, session: str) -> SessionRecord | None:
        """See Store."""

    async def enter(
        self, session: str, subject: str, key: str, *, per_minute: float, burst: int
    ) -> Entry:
        """See Store."""
        wait_s = await self.allow(key, per_minute=per_minute, burst=burst)
        return Entry(wait_s, await self.banned(session, subject), await self.session(session))

    async def admit(
        self,
        session: str,
        viewer: ExpectedViewer,
        ttl_s: float,
        *,
        ticket: str = "",
        ticket_ttl_s: float = 0.0,
    ) -> Admission:
        """See Store."""
        if not self._is_running(session):
            return Admission.ENDED
        if not viewer.trusted and await self.banned(session, viewer.subject):
            return Admission.BANNED
        if session not in self._admitted:
            self._admitted[session] = Expiring(self._clock, self._bounds.admitted)
            self._expected_until[session] = Expiring(self._clock, self._bounds.admitted)
        self._admitted[session].put(viewer.identity, viewer, ADMITTED_TTL_S)
        self._expected_until[session].put(viewer.identity, None, ttl_s)
        if ticket:
            if len(self._tickets) >= self._bounds.tickets:
                return Admission.WITHOUT_TICKET
            self._tickets.put(ticket, Ticket.of(session, viewer), ticket_ttl_s)
        return Admission.IN

    async def expected(self, session: str) -> list[ExpectedViewer]:
        """See Store."""
        awaited = self._expected_until.get(session)
        if awaited is None:
            return []
        found = [self._admitted[session].get(identity) for identity, _ in awaited.items()]
        return [viewer for viewer in found if viewer is not None]

    async def admitted(self, session: str, identity: str) -> ExpectedViewer | None:
        """See Store."""
        viewers = self._admitted.get(session)
        return None if viewers is None else viewers.get(identity)

    async def admitted_by(self, session: str, subject: str) -> list[ExpectedViewer]:
        """See Store."""
        viewers = self._admitted.get(session)
        return [] if viewers is None else [v for _, v in viewers.items() if v.subject == subject]

    async def raise_role(self, session: str, subject: str, role: Role | None) -> None:
        """See Store."""
        if not self._is_running(session):
            return
        raised = self._raised.setdefault(session, {})
        raised.pop(subject, None)
        if role is not None:
            raised[subject] = role
            while len(raised) > self._bounds.admitted:
                del raised[next(iter(raised))]

    async def raised_role(self, session: str, subject: str) -> Role | None:
        """See Store."""
        return self._raised.get(session, {}).get(subject)

    async def ban(self, ban: Ban) -> None:
        """See Store."""
        key = (ban.session, ban.who)
        known = self._bans.get(key)
        if known is None or known.until < ban.until:
            self._bans[key] = ban

    async def lift_ban(self, session: str, who: str) -> bool:
        """See Store."""
        found = self._bans.pop((session, who), None)
        return found is not None and found.until > self._now_s()

    async def bans(self, session: str | None = None) -> list[Ban]:
        """See Store."""
        now = self._now_s()
        for key in [key for key, ban in self._bans.items() if ban.until <= now]:
            del self._bans[key]
        found = [b for b in self._bans.values() if session is None or b.session == session]
        return sorted(found, key=lambda b: (b.session, b.who))

    async def banned(self, session: str, who: str) -> bool:
        """See Store."""
        ban = self._bans.get((session, who))
        return ban is not None and ban.until > self._now_s()

    async def take_ticket(self, digest: str) -> Ticket | None:
        """See Store."""
        return self._tickets.pop(digest)

    async def drop_tickets(self, session: str, identity: str | None = None) -> None:
        """See Store."""
        for key, ticket in list(self._tickets.items()):
            if ticket.session == session and identity in {None, ticket.identity}:
                self._tickets.pop(key)

    async def allow(self, key: str, *, per_minute: float, burst: int) -> float:
        """See Store."""
        now = self._now_s()
        wait_s, due = gcra(self._rates.get(key), now, per_minute=per_minute, burst=burst)
        if wait_s == 0:
            self._rates.put(key, due, due - now)
        return wait_s

    async def publish(self, kind: str, session: str, data: Mapping[str, Any]) -> None:
        """See Store."""
        self._event_number += 1
        self._events.append(Event(self._event_id(), kind, session, dict(data)))
        self._news.set()
        self._news = asyncio.Event()

    async def last_event_id(self) -> str:
        """See Store."""
        return self._event_id()

    async def events_after(self, event_id: str, wait_s: float) -> list[Event] | None:
        """See Store."""
        epoch, _, number = event_id.partition("-")
        if epoch != self._epoch or not number.isdigit() or int(number) > self._event_number:
            return None
        missed = self._event_number - int(number)
        if missed > len(self._events):
            return None
        if missed == 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                return []
            return await self.events_after(event_id, 0)
        return list(self._events)[-missed:]

    async def ping(self) -> None:  # noqa: B027 - memory always answers
        """See Store."""

    async def close(self) -> None:  # noqa: B027 - and holds nothing
        """See Store."""

    def _event_id(self) -> str:
        return f"{self._epoch}-{self._event_number}"

    def _now_s(self) -> float:
        return self._clock.unix_us() / 1e6
