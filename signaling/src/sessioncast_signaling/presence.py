"""Who is in which room.

`snapshot` asks the SFU, at most once a second for each session. What is known of all rooms is in a
book besides, which the SFU's webhooks and the agents' reports keep up to date: lists are made from
it, so that a thousand sessions do not cost a thousand questions. A page of the book that is older
than the webhooks can be trusted for is looked up again.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from .clock import Clock
from .coalesce import Coalescer
from .errors import SfuError
from .ids import agent_identity
from .sfu import Participant, Sfu

MAX_AGE_S = 1.0
MAX_CONCURRENT = 16  # questions to the SFU at once, however long a list is
HEARD_S = 120.0  # a webhook, or an agent's report, this long ago says that more would come
TRUSTED_S = 15.0  # then what is written in the book is good for this long
STALE_S = 60.0  # and is shown for this long, while it is looked up
JUST_COME_S = 10.0  # the SFU's count of a room is this late


@dataclass(frozen=True)
class Snapshot:
    """One look into a room."""

    agent: Participant | None
    viewers: tuple[Participant, ...]


EMPTY = Snapshot(None, ())


@dataclass
class _Page:
    snapshot: Snapshot
    at_s: float


class Presence:
    """Looks into rooms and keeps them standing."""

    def __init__(self, sfu: Sfu, clock: Clock) -> None:
        self._sfu = sfu
        self._clock = clock
        self._snapshots: Coalescer[Snapshot] = Coalescer(clock, MAX_AGE_S, (SfuError,))
        self._rooms: Coalescer[None] = Coalescer(clock, MAX_AGE_S, (SfuError,))
        self._counts: Coalescer[dict[str, int]] = Coalescer(clock, MAX_AGE_S, (SfuError,))
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._book: dict[str, _Page] = {}
        self._heard_at_s: float | None = None
        self._behind: set[asyncio.Task[None]] = set()

    async def snapshot(self, session: str) -> Snapshot:
        """Return who is in the room, at most MAX_AGE_S old; raises SfuError."""
        return await self._snapshots.get(session, lambda: self._look(session))

    async def ensure_room(self, session: str) -> None:
        """Make the room unless it stood MAX_AGE_S ago; raises SfuError."""
        await self._rooms.get(session, lambda: self._sfu.ensure_room(session))

    def invalidate(self, session: str) -> None:
        """Somebody is about to come or go: look again next time."""
        self._snapshots.invalidate(session)
        self._rooms.invalidate(session)
        page = self._book.get(session)
        if page is not None:
            page.at_s = float("-inf")

    async def glance(
        self, sessions: Collection[str], *, just_come: Collection[str] = ()
    ) -> Mapping[str, Snapshot]:
        """Return who is in these rooms, for a list: fresh as the webhooks are; raises SfuError.

        `just_come` are those whose agent may be there although the SFU does not count it yet.
        """
        counts = await self._counts.get("", self._sfu.rooms_now)
        now = self._clock.monotonic_s()
        trusted_s = TRUSTED_S if self.hears() else MAX_AGE_S
        found: dict[str, Snapshot] = {}
        missing: list[str] = []
        for session in sessions:
            page = self._book.get(session)
            if page is not None and now - page.at_s < trusted_s:
                found[session] = page.snapshot
            elif page is None and not counts.get(session) and session not in just_come:
                found[session] = EMPTY
            elif page is not None and self.hears() and now - page.at_s < STALE_S:
                found[session] = page.snapshot
                self._look_behind(session)
            else:
                missing.append(session)
        looked = await asyncio.gather(*(self.snapshot(session) for session in missing))
        return found | dict(zip(missing, looked, strict=True))

    def heard(self) -> None:
        """The SFU's webhooks reach us."""
        self._heard_at_s = self._clock.monotonic_s()

    def hears(self) -> bool:
        """Tell whether webhooks have reached us lately."""
        heard = self._heard_at_s
        return heard is not None and self._clock.monotonic_s() - heard < HEARD_S

    def joined(self, session: str, who: Participant) -> None:
        """A webhook says that somebody has joined."""
        self._snapshots.invalidate(session)
        self._write(session, lambda old: _with(session, old, who))

    def left(self, session: str, identity: str, sid: str) -> None:
        """A webhook says that a connection of somebody is over."""
        self._snapshots.invalidate(session)

        def without(old: Snapshot) -> Snapshot:
            gone = [p for p in old.viewers if p.identity == identity and p.sid in {"", sid}]
            agent = old.agent
            if agent is not None and agent.identity == identity and agent.sid in {"", sid}:
                agent = None
            return Snapshot(agent, tuple(p for p in old.viewers if p not in gone))

        self._write(session, without)

    def reported(self, session: str, attributes: Mapping[str, str]) -> None:
        """Its agent says what is going on."""

        def changed(old: Snapshot) -> Snapshot:
            if old.agent is None:
                return old
            return replace(old, agent=replace(old.agent, attributes=dict(attributes)))

        self._snapshots.invalidate(session)
        if session in self._book:
            self._write(session, changed)

    def forget(self, session: str) -> None:
        """The room is closed, or the session has ended."""
        self._snapshots.invalidate(session)
        self._book.pop(session, None)

    async def close(self) -> None:
        """Stop looking."""
        for task in list(self._behind):
            task.cancel()
        await asyncio.gather(*self._behind, return_exceptions=True)

    def _write(self, session: str, change: Callable[[Snapshot], Snapshot]) -> None:
        page = self._book.get(session)
        old = EMPTY if page is None else page.snapshot
        # a page that was never looked up lacks those who came before: it is not to be trusted yet
        at_s = float("-inf") if page is None else page.at_s
        self._book[session] = _Page(change(old), at_s)

    def _look_behind(self, session: str) -> None:
        if len(self._behind) >= MAX_CONCURRENT:
            return

        async def look() -> None:
            try:
                await self.snapshot(session)
            except SfuError:
                return

        task = asyncio.get_running_loop().create_task(look())
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _look(self, session: str) -> Snapshot:
        async with self._slots:
            asked_at_s = self._clock.monotonic_s()
            present = await self._sfu.participants(session)
        agent = agent_identity(session)
        found = Snapshot(
            agent=next((p for p in present if p.identity == agent), None),
            viewers=tuple(p for p in present if p.identity != agent),
        )
        if present:
            self._book[session] = _Page(found, asked_at_s)
        else:
            self._book.pop(session, None)
        return found


def _with(session: str, old: Snapshot, who: Participant) -> Snapshot:
    if who.identity == agent_identity(session):
        return replace(old, agent=who)
    others = tuple(p for p in old.viewers if p.identity != who.identity)
    return replace(old, viewers=(*others, who))
