"""Packed BGR to planar 4:2:0, BT.601 limited range, sides padded to even.

libyuv does it in a quarter of swscale's time (docs/decisions.md) and writes straight into the
encoder's picture; where its library is missing, or for pictures that are not 32-bit BGR, swscale
does the same.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

LIBYUV = "libyuv.so.0"
PACKED_BGR = frozenset({"bgr0", "bgra"})


class _ToI420(Protocol):
    def __call__(self, *args: ctypes.c_void_p | int) -> int: ...


def even(size_px: int) -> int:
    """The next even size; 4:2:0 has no odd ones."""
    return size_px + (size_px & 1)


def load_libyuv() -> _ToI420 | None:
    """libyuv's ARGBToI420 ("ARGB" is its name for B, G, R, A bytes), or None where missing."""
    try:
        library = ctypes.CDLL(LIBYUV)
    except OSError:
        return None
    function = library.ARGBToI420
    function.restype = ctypes.c_int
    pointer, number = ctypes.c_void_p, ctypes.c_int
    function.argtypes = (*((pointer, number) * 4), number, number)
    return function


class Converter:
    """Converts into one picture of its own, which stays valid until the next `convert`.

    Not thread safe. `convert` raises ValueError for a picture without pixels.
    """

    def __init__(self) -> None:
        self._to_i420 = load_libyuv()
        self._target: av.VideoFrame | None = None
        self._reformatter = VideoReformatter()

    @property
    def name(self) -> str:
        """Which library does the work."""
        return "libyuv" if self._to_i420 else "swscale"

    def convert(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The same picture as yuv420p of even sides; the pad repeats the last row or column."""
        if picture.width < 1 or picture.height < 1:
            raise ValueError(f"a picture of {picture.width}x{picture.height} has no pixels")
        width, height = even(picture.width), even(picture.height)
        target = self._target
        if target is None or (target.width, target.height) != (width, height):
            target = self._target = av.VideoFrame(width, height, "yuv420p")
        if self._to_i420 and picture.format.name in PACKED_BGR:
            self._with_libyuv(self._to_i420, picture, target)
        else:
            self._with_swscale(picture, target)
        _pad(target, picture.width, picture.height)
        return target

    def _with_libyuv(self, to_i420: _ToI420, picture: av.VideoFrame, target: av.VideoFrame) -> None:
        source, (y, u, v) = picture.planes[0], target.planes
        to_i420(
            ctypes.c_void_p(source.buffer_ptr), source.line_size,
            ctypes.c_void_p(y.buffer_ptr), y.line_size,
            ctypes.c_void_p(u.buffer_ptr), u.line_size,
            ctypes.c_void_p(v.buffer_ptr), v.line_size,
            picture.width, picture.height,
        )  # fmt: skip

    def _with_swscale(self, picture: av.VideoFrame, target: av.VideoFrame) -> None:
        converted = self._reformatter.reformat(
            picture,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation="POINT",  # nothing is scaled
        )
        for plane, source in zip(target.planes, converted.planes, strict=True):
            ours = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            theirs = np.frombuffer(memoryview(source), np.uint8).reshape(
                source.height, source.line_size
            )
            ours[: source.height, : source.width] = theirs[:, : source.width]


def _pad(target: av.VideoFrame, width_px: int, height_px: int) -> None:
    if (width_px | height_px) & 1 == 0:
        return
    plane = target.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    if width_px & 1:
        luma[:, width_px] = luma[:, width_px - 1]
    if height_px & 1:
        luma[height_px, :] = luma[height_px - 1, :]
