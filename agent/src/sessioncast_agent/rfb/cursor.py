"""The pointer's shape for VNC clients, in the three forms that are in use. Pure but for the PNG."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from sessioncast_agent.backend import CursorImage
from sessioncast_agent.rfb.pixels import pack_pixels
from sessioncast_agent.rfb.server import Rect, RfbServer
from sessioncast_agent.rfb.wire import Encoding

Rgba = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
FORMS = (Encoding.CURSOR_WITH_ALPHA, Encoding.VMWARE_CURSOR, Encoding.CURSOR)


@dataclass(frozen=True)
class Shape:
    """A decoded pointer: straight-alpha RGBA and its hot spot."""

    rgba: Rgba
    hot_px: tuple[int, int]


def decode(image: CursorImage) -> Shape:
    """Out of the PNG that every page gets."""
    codec = av.CodecContext.create("png", "r")
    assert isinstance(codec, VideoCodecContext)  # noqa: S101 - for the type checker
    frame = codec.decode(av.Packet(image.png))[0]
    rgba = np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    return Shape(rgba.reshape(frame.height, frame.width, 4), (image.hot_x_px, image.hot_y_px))


def draws_pointer(server: RfbServer) -> bool:
    """Whether the client draws the pointer by itself."""
    return any(server.knows(form) for form in FORMS)


def cursor_rect(server: RfbServer, shape: Shape) -> Rect | None:
    """In the best form that the client knows; None when it knows none."""
    form = next((form for form in FORMS if server.knows(form)), None)
    if form is None:
        return None
    if form is Encoding.CURSOR_WITH_ALPHA:
        payload = _with_alpha(shape.rgba)
    elif form is Encoding.VMWARE_CURSOR:
        payload = _vmware(shape.rgba)
    else:
        payload = _classic(shape.rgba, server)
    height, width = shape.rgba.shape[:2]
    return Rect(*shape.hot_px, width, height, form, payload)


def _premultiplied(rgba: Rgba) -> Rgba:
    wide = rgba.astype(np.uint16)
    wide[..., :3] = (wide[..., :3] * wide[..., 3:] + 127) // 255
    return wide.astype(np.uint8)


def _with_alpha(rgba: Rgba) -> bytes:
    return struct.pack(">i", Encoding.RAW) + _premultiplied(rgba).tobytes()


def _vmware(rgba: Rgba) -> bytes:
    return bytes((1, 0)) + rgba.tobytes()


def _classic(rgba: Rgba, server: RfbServer) -> bytes:
    bgrx = np.ascontiguousarray(rgba[..., [2, 1, 0, 3]]).view("<u4")[..., 0]
    mask = np.packbits(rgba[..., 3] >= 128, axis=1)
    return pack_pixels(bgrx, server.pixel_format) + mask.tobytes()


def blend(picture: np.ndarray, shape: Shape, place_px: tuple[int, int]) -> None:
    """Draw the pointer into an (height, width) array of BGRX words, for those who draw none."""
    height, width = picture.shape
    left, top = place_px[0] - shape.hot_px[0], place_px[1] - shape.hot_px[1]
    x0, y0 = max(0, left), max(0, top)
    x1 = min(width, left + shape.rgba.shape[1])
    y1 = min(height, top + shape.rgba.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    source = shape.rgba[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.uint16)
    alpha = source[..., 3:]
    below = np.ascontiguousarray(picture[y0:y1, x0:x1]).view(np.uint8)
    below = below.reshape(y1 - y0, x1 - x0, 4).astype(np.uint16)
    below[..., :3] = (source[..., 2::-1] * alpha + below[..., :3] * (255 - alpha) + 127) // 255
    picture[y0:y1, x0:x1] = below.astype(np.uint8).view("<u4")[..., 0]
