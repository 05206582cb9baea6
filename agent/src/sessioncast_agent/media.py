"""The values that travel between the stages, and the one-slot hand-over between two threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import av


@dataclass(frozen=True)
class RawFrame:
    """One grabbed picture.

    `picture` is packed 32-bit BGR (`bgr0`/`bgra`) of `width_px` x `height_px`, or any format
    that swscale knows. `captured_us` is monotonic, taken just before the grab.
    """

    picture: av.VideoFrame
    width_px: int
    height_px: int
    captured_us: int


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture: Annex B H.264, SPS and PPS in front of every IDR.

    `fresh` is False for a repeat of the last picture (heartbeat, sharpening, late joiner);
    `captured_us` is the monotonic time of the picture's content.
    """

    data: bytes
    width_px: int
    height_px: int
    keyframe: bool
    qp: float
    captured_us: int
    fresh: bool


T = TypeVar("T")


@dataclass
class SlotCounters:
    """How many values went in, and how many were replaced before anybody took them."""

    put: int = 0
    dropped: int = 0


@dataclass
class LatestSlot(Generic[T]):
    """A one-value mailbox: the newest wins, the replaced one is counted.

    `on_put` is called after each put, on the putting thread, to wake the taker; `taps` see every
    value there and must not block.
    """

    on_put: Callable[[], None]
    counters: SlotCounters = field(default_factory=SlotCounters)
    taps: tuple[Callable[[T], None], ...] = ()
    _value: T | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, value: T) -> None:
        """Replace whatever is waiting."""
        with self._lock:
            if self._value is not None:
                self.counters.dropped += 1
            self._value = value
            self.counters.put += 1
        for tap in self.taps:
            tap(value)
        self.on_put()

    def take(self) -> T | None:
        """The waiting value, or None; never blocks."""
        with self._lock:
            value, self._value = self._value, None
            return value
