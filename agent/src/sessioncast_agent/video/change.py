"""How much of a picture differs from the one before, and how much detail it has: measured on every
eighth line of luma."""

from __future__ import annotations

import ctypes
from math import sqrt
from typing import Any

import av

from sessioncast_agent.video.convert import LIBYUV

EVERY = 8  # lines; small text is twelve high


class ChangeMeter:
    """Remembers the lines of the last picture. Not thread safe."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._lines = (ctypes.c_uint8 * 0)()
        try:
            library: Any = ctypes.CDLL(LIBYUV)
            self._copy, self._error = library.CopyPlane, library.ComputeSumSquareErrorPlane
        except (OSError, AttributeError):
            self._copy = self._error = None
            return
        pointer, number = ctypes.c_void_p, ctypes.c_int
        self._copy.argtypes = (pointer, number, pointer, number, number, number)
        self._copy.restype = None
        self._error.argtypes = (pointer, number, pointer, number, number, number)
        self._error.restype = ctypes.c_uint64

    def measure(self, picture: av.VideoFrame) -> float | None:
        """Mean squared difference of luma, in levels; None for the first picture of a size, or
        where libyuv is missing."""
        if self._error is None:
            return None
        size = width, height = picture.width, picture.height // EVERY
        plane = picture.planes[0]
        source = (plane.buffer_ptr, plane.line_size * EVERY)
        found = None
        if size == self._size:
            squares = self._error(*source, self._lines, width, width, height)
            found = squares / max(1, width * height)
        else:
            self._size, self._lines = size, (ctypes.c_uint8 * max(1, width * height))()
        self._copy(*source, self._lines, width, width, height)
        return found

    def detail(self, picture: av.VideoFrame) -> float | None:
        """Root mean square of the steps from each sample to its right neighbour, in levels."""
        width, height = picture.width - 1, picture.height // EVERY
        if self._error is None or width < 1 or height < 1:
            return None
        plane = picture.planes[0]
        stride = plane.line_size * EVERY
        left, right = plane.buffer_ptr, plane.buffer_ptr + 1
        return sqrt(self._error(left, stride, right, stride, width, height) / (width * height))
