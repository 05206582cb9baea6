"""Open H.264 rectangles (encoding 50) out of the very access units that feed the room.

The encode thread puts, the event loop takes. What a slow client cannot take is dropped up to the
next IDR, which is asked for once there is room again; the encode thread never waits.
"""

from __future__ import annotations

import struct
import threading
from collections import deque

from sessioncast_agent.media import AccessUnit
from sessioncast_agent.rfb.server import Rect
from sessioncast_agent.rfb.wire import Encoding

MAX_UNITS = 60
MAX_BYTES = 2_000_000
RESET_CONTEXT = 1


class UnitQueue:
    """Access units for one client: a run without a gap, or nothing until the next IDR."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._units: deque[AccessUnit] = deque()
        self._bytes = 0
        self._starved = True
        self.dropped = 0

    @property
    def starved(self) -> bool:
        """Whether nothing can be shown before an IDR comes."""
        return self._starved

    def put(self, unit: AccessUnit) -> None:
        """Thread safe; never waits."""
        with self._lock:
            if unit.keyframe:
                self._drop_all()  # it needs nothing of what came before
                self._starved = False
            elif self._starved:
                self.dropped += 1
                return
            elif len(self._units) >= MAX_UNITS or self._bytes >= MAX_BYTES:
                self._drop_all()
                self.dropped += 1
                self._starved = True
                return
            self._units.append(unit)
            self._bytes += len(unit.data)

    def take(self) -> list[AccessUnit]:
        """All that wait and have one size."""
        with self._lock:
            taken: list[AccessUnit] = []
            while self._units and (not taken or _size(self._units[0]) == _size(taken[0])):
                unit = self._units.popleft()
                self._bytes -= len(unit.data)
                taken.append(unit)
            return taken

    def size_px(self) -> tuple[int, int] | None:
        """The size of what waits first."""
        with self._lock:
            return _size(self._units[0]) if self._units else None

    def restart(self) -> None:
        """Whatever comes, only an IDR counts."""
        with self._lock:
            self._drop_all()
            self._starved = True

    def _drop_all(self) -> None:
        self.dropped += len(self._units)
        self._units.clear()
        self._bytes = 0


def _size(unit: AccessUnit) -> tuple[int, int]:
    return unit.width_px, unit.height_px


def h264_rect(units: list[AccessUnit], size_px: tuple[int, int], *, reset: bool) -> Rect:
    """One rectangle of the whole picture; `size_px` cuts off what pads an odd side."""
    data = b"".join(unit.data for unit in units)
    payload = struct.pack(">II", len(data), RESET_CONTEXT if reset else 0) + data
    return Rect(0, 0, *size_px, Encoding.H264, payload)
