"""Senders far above any honest rate: noticed at once, and silenced at the SFU for a while.

Whatever the desk throws away has already come through the SFU and the SDK into the interpreter,
where ten thousand packets a second delay the video (docs/performance.md). So the shim is asked to
take the sender's right to send data, and gives it back after a rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sessioncast_agent.errors import AgentError
from sessioncast_agent.stages import Stage

log = logging.getLogger(__name__)

# (microseconds, packets): a surge, and what goes on for longer. The page sends a few hundred a
# second; 1,000 typed characters are 2,000 at once.
LIMITS = ((180_000, 1_500), (3_000_000, 3_600))
REST_S = 10.0
FLOODED = "too much was sent at once: nothing is read for ten seconds"
RETRY_S = 2.0
RETRIES = 150
MAX_GAUGES = 64

Mute = Callable[[str, bool], Awaitable[None]]


@dataclass
class _Window:
    began_us: int = 0
    count: int = 0


@dataclass
class FloodGauge:
    """How fast one sender sends. Pure; times are monotonic microseconds."""

    _windows: tuple[_Window, ...] = field(default_factory=lambda: tuple(_Window() for _ in LIMITS))

    def flooded(self, now_us: int) -> bool:
        """Count one packet; whether it was one too many."""
        over = False
        for window, (length_us, limit) in zip(self._windows, LIMITS, strict=True):
            if now_us - window.began_us >= length_us:
                window.began_us, window.count = now_us, 0
            window.count += 1
            over = over or window.count > limit
        return over


class Floods(Stage):
    """Asked for each data packet; `on_flood` is called once for each flood, on the loop."""

    name = "floods"

    def __init__(self, on_flood: Callable[[str], None]) -> None:
        self.mute: Mute | None = None  # set before it runs; stays unset without a shim
        self._on_flood = on_flood
        self._gauges: dict[str, FloodGauge] = {}
        self._resting: dict[str, asyncio.Task[None]] = {}

    def drops(self, identity: str, now_us: int) -> bool:
        """Count one packet of this sender; True when nothing of it is to be read."""
        if identity in self._resting:
            return True
        gauge = self._gauges.get(identity)
        if gauge is None:
            if len(self._gauges) >= MAX_GAUGES:
                del self._gauges[next(iter(self._gauges))]
            gauge = self._gauges[identity] = FloodGauge()
        if not gauge.flooded(now_us):
            return False
        del self._gauges[identity]
        self._resting[identity] = asyncio.get_running_loop().create_task(self._rest(identity))
        self._on_flood(identity)
        return True

    async def run(self) -> None:
        """See Stage."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in list(self._resting.values()):
                task.cancel()

    async def _rest(self, identity: str) -> None:
        log.warning("a viewer sends far too much: it is not heard for %.0f s", REST_S)
        try:
            await self._tell(identity, muted=True)
            await asyncio.sleep(REST_S)
            for _ in range(RETRIES):
                if await self._tell(identity, muted=False):
                    break
                await asyncio.sleep(RETRY_S)
        finally:
            self._resting.pop(identity, None)

    async def _tell(self, identity: str, *, muted: bool) -> bool:
        if self.mute is None:
            return True
        try:
            await self.mute(identity, muted)
        except AgentError as error:
            log.debug("the shim could not be told of a flood: %s", error)
            return False
        return True
