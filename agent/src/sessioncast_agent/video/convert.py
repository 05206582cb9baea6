"""Packed BGR to planar 4:2:0, BT.601 limited range, sides padded to even.

libyuv does it in a quarter of swscale's time (docs/decisions.md) and writes straight into the
encoder's picture; where its library is missing, or for pictures that are not 32-bit BGR, swscale
does the same.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

LIBYUV = "libyuv.so.0"
PACKED_BGR = frozenset({"bgr0", "bgra"})


# JPEG's full range to limited: a weighted mean with a constant, luma 220/256 of it and 36/256 of
# 114, chroma 225/256 and 31/256 of 128; never more than 0.7 of a level beside the exact value
FULL_RANGE = frozenset({"yuvj420p"})
_CONSTANT_ROW_PX = 16_384
_LUMA, _CHROMA = (114, 36), (128, 31)


class _ToI420(Protocol):
    def __call__(self, *args: ctypes.c_void_p | int) -> int: ...


def even(size_px: int) -> int:
    """The next even size; 4:2:0 has no odd ones."""
    return size_px + (size_px & 1)


def _load(name: str, arguments: tuple[type[ctypes.c_void_p | ctypes.c_int], ...]) -> Any:
    try:
        function = getattr(ctypes.CDLL(LIBYUV), name)
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_int
    function.argtypes = arguments
    return function


_PLANE = (ctypes.c_void_p, ctypes.c_int)


def load_libyuv() -> _ToI420 | None:
    """libyuv's ARGBToI420 ("ARGB" is its name for B, G, R, A bytes), or None where missing."""
    function: _ToI420 | None = _load("ARGBToI420", (*(_PLANE * 4), ctypes.c_int, ctypes.c_int))
    return function


def load_interpolate() -> _ToI420 | None:
    """libyuv's InterpolatePlane, or None where missing."""
    function: _ToI420 | None = _load("InterpolatePlane", (*(_PLANE * 3), *(ctypes.c_int,) * 3))
    return function


class Converter:
    """Converts into one picture of its own, which stays valid until the next `convert`.

    Not thread safe. `convert` raises ValueError for a picture without pixels.
    """

    def __init__(self) -> None:
        self._to_i420 = load_libyuv()
        self._interpolate = load_interpolate()
        self._rows = [
            (ctypes.c_uint8 * _CONSTANT_ROW_PX)(*[value] * _CONSTANT_ROW_PX)
            for value, _ in (_LUMA, _CHROMA)
        ]
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
        elif self._interpolate and picture.format.name in FULL_RANGE:
            self._narrowed(self._interpolate, picture, target)
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

    def _narrowed(
        self, interpolate: _ToI420, picture: av.VideoFrame, target: av.VideoFrame
    ) -> None:
        for at, (source, plane) in enumerate(zip(picture.planes, target.planes, strict=True)):
            constant = ctypes.addressof(self._rows[min(at, 1)])
            interpolate(
                ctypes.c_void_p(source.buffer_ptr), source.line_size,
                ctypes.c_void_p(constant), 0,
                ctypes.c_void_p(plane.buffer_ptr), plane.line_size,
                source.width, source.height, (_LUMA, _CHROMA)[min(at, 1)][1],
            )  # fmt: skip

    def _with_swscale(self, picture: av.VideoFrame, target: av.VideoFrame) -> None:
        converted = self._reformatter.reformat(
            picture,
            format="yuv420p",
            src_color_range=ColorRange.JPEG if picture.format.name in FULL_RANGE else None,
            src_colorspace=Colorspace.ITU601 if picture.format.name in FULL_RANGE else None,
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
