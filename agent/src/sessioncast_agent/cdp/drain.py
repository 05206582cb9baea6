"""When an animated page leaves out one turn, so that Chromium's own pipeline empties. Pure.

Once a frame of an animation was late, Chromium's compositor draws the frame before first, and goes
on so for as long as the page animates: each picture is one or two frame intervals older than it
need be. One turn in which the page draws nothing ends one of them, and nobody sees it, since the
frame that waited fills the place. Where none waited a picture is missing, and the next time is put
off. Measured: docs/performance.md, "Browser sessions".
"""

from __future__ import annotations

from collections import deque

PICTURES, WITHIN_US = 60, 1_600_000  # so many in so long are an animation
PAUSE_US = 100_000  # a page that draws nothing for a moment empties the pipeline itself
LATE_US = 25_000  # after the picture before: one is missing between them
LOOK_US = 130_000  # how long one that is missing is looked for
LEVELS = 3  # so often in a row; a page that moves by other means has no turn to leave out
SOON_US, FIRST_US, SELDOM_US = 500_000, 2_000_000, 32_000_000


class Drain:
    """Of one screencast."""

    def __init__(self) -> None:
        self._came_us: deque[int] = deque(maxlen=PICTURES)
        self._skipped_us: int | None = None
        self._row = 0
        self._interval_us, self._not_before_us = FIRST_US, 0

    def due(self, now_us: int) -> bool:
        """Whether the page is to leave out a turn after the picture that came at this time."""
        wait_us = now_us - self._came_us[-1] if self._came_us else 0
        missing = wait_us > LATE_US
        if self._skipped_us is not None and (missing or now_us - self._skipped_us >= LOOK_US):
            self._skipped_us = None
            self._learn(now_us, emptied=not missing)
        if wait_us > PAUSE_US:
            self._came_us.clear()
        self._came_us.append(now_us)
        animated = len(self._came_us) == PICTURES and now_us - self._came_us[0] < WITHIN_US
        if not animated or now_us < self._not_before_us or self._skipped_us is not None:
            return False
        self._skipped_us = now_us
        return True

    def _learn(self, now_us: int, *, emptied: bool) -> None:
        self._row = self._row + 1 if emptied else LEVELS
        if self._row < LEVELS:
            self._not_before_us = now_us + SOON_US
            return
        self._row = 0
        self._not_before_us = now_us + self._interval_us
        self._interval_us = min(2 * self._interval_us, SELDOM_US)
