"""A small JPEG of a grabbed picture, small enough for one RPC answer."""

from __future__ import annotations

import base64
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

MAX_JPEG_BYTES = 10_000  # 13.4 kB as base64; an RPC answer holds 15 kB
QUALITIES = (4, 8, 14, 22, 31)  # mjpeg's qscale, best first


def fit(width_px: int, height_px: int, into_width_px: int) -> tuple[int, int]:
    """The even size of `into_width_px` width that keeps the picture's proportions."""
    width = min(into_width_px, width_px) & ~1
    return max(2, width), max(2, round(height_px * width / width_px / 2) * 2)


def make_jpeg(picture: av.VideoFrame, width_px: int) -> tuple[bytes, int, int]:
    """JPEG bytes and their size; the quality falls until it fits `MAX_JPEG_BYTES`."""
    width, height = fit(picture.width, picture.height, width_px)
    small = picture.reformat(
        width, height, "yuvj420p", dst_color_range=ColorRange.JPEG, interpolation="AREA"
    )
    data = b""
    for quality in QUALITIES:
        data = _encode(small, quality)
        if len(data) <= MAX_JPEG_BYTES:
            break
    return data, width, height


def _encode(picture: av.VideoFrame, quality: int) -> bytes:
    codec = av.CodecContext.create("mjpeg", "w")
    if not isinstance(codec, VideoCodecContext):
        raise TypeError("mjpeg is no video codec")
    codec.width, codec.height, codec.pix_fmt = picture.width, picture.height, "yuvj420p"
    codec.time_base = Fraction(1, 1)
    codec.qmin = codec.qmax = quality
    codec.options = {"flags": "+qscale", "global_quality": str(quality * 118)}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(picture), *codec.encode(None)])


def thumbnail_answer(picture: av.VideoFrame, width_px: int, captured_at: str) -> dict[str, object]:
    """The answer of `shim.thumbnail`."""
    data, width, height = make_jpeg(picture, width_px)
    return {
        "jpeg_base64": base64.b64encode(data).decode(),
        "width_px": width,
        "height_px": height,
        "captured_at": captured_at,
    }
