"""Senders far above any honest rate: noticed at once, and silenced at the SFU for a while.

Ten thousand packets a second delay the video even when each is thrown away at once, since each has
come through the SFU and the SDK into the interpreter (docs/performance.md). So the shim is asked to
take the sender's right to send data, and gives it back after a rest.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import AgentError
from sessioncast_agent.stages import Stage
from sessioncast_agent.usage import Counters

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
    """`admits` is asked for each data packet, on the SDK's thread; all else is on the loop.

    `on_flood` is called once for each flood with topic and sender as the SFU gave them, and returns
    the identity that is to be silenced; empty when nobody can tell.
    """

    name = "floods"

    def __init__(self, on_flood: Callable[[str, str], str], counters: Counters) -> None:
        self.mute: Mute | None = None  # set before it runs; stays unset without a shim
        self._on_flood, self._counters = on_flood, counters
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._gauges: dict[str, FloodGauge] = {}
        self._resting: dict[str, int] = {}  # by key: packets dropped
        self._rests: set[asyncio.Task[None]] = set()

    def admits(self, topic: str, identity: str) -> bool:
        """Count one packet; False when it is not to be looked at."""
        key = identity or topic
        with self._lock:
            if key in self._resting:
                self._resting[key] += 1
                return False
            gauge = self._gauges.get(key)
            if gauge is None:
                if len(self._gauges) >= MAX_GAUGES:
                    del self._gauges[next(iter(self._gauges))]
                gauge = self._gauges[key] = FloodGauge()
            if self._loop is None or not gauge.flooded(monotonic_us()):
                return True
            del self._gauges[key]
            self._resting[key] = 1
        self._loop.call_soon_threadsafe(self._begin, key, topic, identity)
        return False

    async def run(self) -> None:
        """See Stage."""
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.Event().wait()
        finally:
            self._loop = None
            for task in self._rests:
                task.cancel()

    def _begin(self, key: str, topic: str, identity: str) -> None:
        log.warning("a viewer sends far too much: it is not heard for %.0f s", REST_S)
        task = asyncio.get_running_loop().create_task(
            self._rest(key, self._on_flood(topic, identity))
        )
        self._rests.add(task)
        task.add_done_callback(self._rests.discard)

    async def _rest(self, key: str, identity: str) -> None:
        try:
            await self._tell(identity, muted=True)
            await asyncio.sleep(REST_S)
            for _ in range(RETRIES):
                if await self._tell(identity, muted=False):
                    break
                await asyncio.sleep(RETRY_S)
        finally:
            with self._lock:
                self._counters.input_dropped += self._resting.pop(key)

    async def _tell(self, identity: str, *, muted: bool) -> bool:
        if self.mute is None or not identity:
            return True
        try:
            await self.mute(identity, muted)
        except AgentError as error:
            log.debug("the shim could not be told of a flood: %s", error)
            return False
        return True
