"""Grabbed pictures as arrays of BGRX words, and words in a client's own pixel format. Pure."""

from __future__ import annotations

import av
import numpy as np

from sessioncast_agent.rfb.wire import NATIVE_FORMAT, PixelFormat

Words = np.ndarray[tuple[int, int], np.dtype[np.uint32]]
_PACKED = frozenset({"bgr0", "bgra"})


def words_of(picture: av.VideoFrame) -> Words:
    """The picture as (height, width) little-endian 0x??RRGGBB words; a view where it can be."""
    if picture.format.name not in _PACKED:
        picture = picture.reformat(format="bgra")
    plane = picture.planes[0]
    words = np.frombuffer(memoryview(plane), "<u4").reshape(-1, plane.line_size // 4)
    return words[: picture.height, : picture.width]


def is_native(form: PixelFormat) -> bool:
    """Whether grabbed words can be sent as they are."""
    return form == NATIVE_FORMAT


def pack_pixels(words: Words, form: PixelFormat) -> bytes:
    """In the client's format."""
    if is_native(form):
        return (words & 0xFFFFFF).astype("<u4").tobytes()
    packed = np.zeros(words.shape, np.uint32)
    for maximum, shift, ours in zip(form.maxima, form.shifts, (16, 8, 0), strict=True):
        channel = (words >> np.uint32(ours)) & np.uint32(0xFF)
        packed |= ((channel * np.uint32(maximum) + np.uint32(127)) // np.uint32(255)) << np.uint32(
            shift
        )
    order = ">" if form.big_endian else "<"
    return packed.astype(f"{order}u{form.bits // 8}").tobytes()


def is_compact(form: PixelFormat) -> bool:
    """Whether Tight packs this format's pixels into three bytes R, G, B."""
    return form.bits == 32 and form.depth == 24 and form.maxima == (255, 255, 255)


def pack_tight(words: Words, form: PixelFormat) -> bytes:
    """TPIXELs."""
    if not is_compact(form):
        return pack_pixels(words, form)
    octets = np.ascontiguousarray(words, "<u4").view(np.uint8).reshape(*words.shape, 4)
    return octets[..., 2::-1].tobytes()
