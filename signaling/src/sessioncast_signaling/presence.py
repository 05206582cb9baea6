"""Who is in which room, asked of the SFU at most once a second for each session."""

import asyncio
from dataclasses import dataclass

from .clock import Clock
from .coalesce import Coalescer
from .errors import SfuError
from .ids import agent_identity
from .sfu import Participant, Sfu

MAX_AGE_S = 1.0
MAX_CONCURRENT = 16  # questions to the SFU at once, however long a list is


@dataclass(frozen=True)
class Snapshot:
    """One look into a room."""

    agent: Participant | None
    viewers: tuple[Participant, ...]


class Presence:
    """Looks into rooms and keeps them standing."""

    def __init__(self, sfu: Sfu, clock: Clock) -> None:
        self._sfu = sfu
        self._snapshots: Coalescer[Snapshot] = Coalescer(clock, MAX_AGE_S, (SfuError,))
        self._rooms: Coalescer[None] = Coalescer(clock, MAX_AGE_S, (SfuError,))
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

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

    async def _look(self, session: str) -> Snapshot:
        async with self._slots:
            present = await self._sfu.participants(session)
        agent = agent_identity(session)
        return Snapshot(
            agent=next((p for p in present if p.identity == agent), None),
            viewers=tuple(p for p in present if p.identity != agent),
        )
