"""When screencast pictures are acknowledged, which is how fast they come. On the CDP loop.

Chromium lets two pictures be on their way and compresses them side by side. Where cores are scarce
that starves the page itself; so at full speed a picture is acknowledged when the next has come, and
one at a time is compressed: on free cores as many pictures come, a little younger, on two full
ones more, and younger by a fifth (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

FASTEST_US = 1e6 / 60  # screencasts come at 60 a second at most
HELD_S = 0.1  # a browser that lets only one be on its way goes on after so long

Acknowledge = Callable[[], None]


class Flow:
    """See the module."""

    def __init__(self, fps: float) -> None:
        self.interval_us = 1e6 / fps  # between two pictures, at least
        self._next_us = 0.0
        self._held: Acknowledge | None = None
        self._release: asyncio.TimerHandle | None = None

    def set_fps_cap(self, fps: float) -> None:
        """At most this many a second, by late acknowledgement."""
        self.interval_us = 1e6 / max(fps, 0.1)

    def restart(self) -> None:
        """Another screencast: what is held belongs to the one before."""
        self._held = None
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def came(self, now_us: int, acknowledge: Acknowledge) -> None:
        """A picture is here, at this monotonic time; see the module."""
        self._let_go()
        loop = asyncio.get_running_loop()
        if self.interval_us <= FASTEST_US:
            self._held = acknowledge
            self._release = loop.call_later(HELD_S, self._let_go)
            return
        self._next_us = max(self._next_us, now_us - self.interval_us) + self.interval_us
        wait_us = self._next_us - now_us
        if wait_us <= 0:
            acknowledge()
        else:
            loop.call_later(wait_us / 1e6, acknowledge)

    def _let_go(self) -> None:
        held = self._held
        self.restart()
        if held is not None:
            held()
