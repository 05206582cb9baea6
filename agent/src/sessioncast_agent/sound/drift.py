"""Keeps the time that sound waits between two clocks bounded. Pure.

A source that is 50 ppm faster than what it feeds fills a buffer with a second of sound in five and
a half hours. So the waiting frames are watched: when even the least that waited within a second is
more than needed, two frames are cross-faded into one; after a stall the oldest are dropped at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum


class Act(Enum):
    """What to do with the next frame."""

    KEEP = "keep"
    MERGE = "merge"  # cross-fade it with the one after it
    DROP = "drop"


@dataclass
class DriftKeeper:
    """Ask before each frame; units are frames that wait, the next one included."""

    needed: int = 2
    limit: int = 6
    window: int = 100
    merged: int = 0
    dropped: int = 0
    _seen: deque[int] = field(default_factory=deque)
    _falling: bool = False

    def act(self, waiting: int) -> Act:
        """Decide for the next frame, given how many wait."""
        if self._falling or waiting > self.limit:
            self._falling = waiting > self.needed
            if self._falling:
                self.dropped += 1
                self._seen.clear()
                return Act.DROP
        self._seen.append(waiting)
        if len(self._seen) < self.window:
            return Act.KEEP
        least = min(self._seen)
        self._seen.popleft()
        if least > self.needed:
            self._seen.clear()
            self.merged += 1
            return Act.MERGE
        return Act.KEEP
