"""A grabbed picture as JPEG or PNG for programs that look at it."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

JPEG_QSCALE = 3  # mjpeg's; text stays readable


def encode_picture(
    picture: av.VideoFrame, max_width_px: int, picture_format: str
) -> tuple[bytes, int, int]:
    """The file's bytes and its size in pixels; `picture_format` is jpeg or png."""
    width = min(picture.width, max_width_px)
    height = max(1, round(picture.height * width / picture.width))
    png = picture_format == "png"
    pixels = "rgb24" if png else "yuvj444p"
    colour = None if png else ColorRange.JPEG
    small = picture.reformat(width, height, pixels, dst_color_range=colour, interpolation="AREA")
    codec = av.CodecContext.create("png" if png else "mjpeg", "w")
    if not isinstance(codec, VideoCodecContext):
        raise TypeError(f"{picture_format} is no picture format")
    codec.width, codec.height, codec.pix_fmt = width, height, pixels
    codec.time_base = Fraction(1, 1)
    if not png:
        codec.qmin = codec.qmax = JPEG_QSCALE
        codec.options = {"flags": "+qscale", "global_quality": str(JPEG_QSCALE * 118)}
    small.pts = 0
    return (
        b"".join(bytes(part) for part in [*codec.encode(small), *codec.encode(None)]),
        width,
        height,
    )
