"""Pointer shapes by their CSS names, drawn here: DevTools says no more of the pointer than a name.

The digest of an image is `css-<name>`, so that a page may also set its own pointer to just that.
Pure.
"""

from __future__ import annotations

from functools import cache

import av
import numpy as np

from sessioncast_agent.backend import CursorImage

Grey = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
Polygon = tuple[tuple[float, float], ...]

SIDE_PX = 32
_FINE = 4  # samples a pixel, each way
DIGEST_PREFIX = "css-"

_ARROW: Polygon = ((2, 1), (2, 17), (5.8, 13.6), (8.4, 19.6), (11, 18.5), (8.5, 12.6), (13.4, 12.6))
_HAND: Polygon = (
    (8, 2), (10, 2), (10.6, 3), (10.6, 9), (13, 8.8), (13.6, 9.6), (16, 9.6), (16.6, 10.6),
    (18.6, 10.8), (19.4, 12), (19.4, 16), (17.6, 20), (17.6, 22), (9.4, 22), (9.4, 20.4), (4, 14.6),
    (3.4, 13), (4.8, 12), (7.4, 14), (7.4, 3),
)  # fmt: skip
_BEAM: tuple[Polygon, ...] = (
    ((6, 3), (9.2, 3), (10, 3.8), (10.8, 3), (14, 3), (14, 4.4), (11.2, 4.6), (10.8, 5.4),
     (10.8, 18.6), (11.2, 19.4), (14, 19.6), (14, 21), (10.8, 21), (10, 20.2), (9.2, 21), (6, 21),
     (6, 19.6), (8.8, 19.4), (9.2, 18.6), (9.2, 5.4), (8.8, 4.6), (6, 4.4)),
)  # fmt: skip
_CROSS: tuple[Polygon, ...] = (
    ((11, 3), (13, 3), (13, 11), (21, 11), (21, 13), (13, 13), (13, 21), (11, 21), (11, 13),
     (3, 13), (3, 11), (11, 11)),
)  # fmt: skip
_ARROWS_X: Polygon = (
    (2, 12), (7, 7), (7, 10.6), (17, 10.6), (17, 7), (22, 12), (17, 17), (17, 13.4), (7, 13.4),
    (7, 17),
)  # fmt: skip


def _turn(polygon: Polygon, degrees: float) -> Polygon:
    angle = np.deg2rad(degrees)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return tuple(
        (12 + (x - 12) * cos - (y - 12) * sin, 12 + (x - 12) * sin + (y - 12) * cos)
        for x, y in polygon
    )


def _ring(radius: float, centre: tuple[float, float] = (12, 12), n: int = 40) -> Polygon:
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return tuple(
        (centre[0] + radius * float(np.cos(a)), centre[1] + radius * float(np.sin(a)))
        for a in angles
    )


_SLASH: Polygon = _turn(((4, 10.8), (20, 10.8), (20, 13.2), (4, 13.2)), 45)
_HOURGLASS: Polygon = ((6, 3), (18, 3), (18, 6), (13, 12), (18, 18), (18, 21), (6, 21), (6, 18),
                       (11, 12), (6, 6))  # fmt: skip
_FIST: Polygon = (
    (6, 9), (9, 7.6), (18, 8.4), (19, 10), (19, 15), (17.4, 20), (9, 20), (5, 15.6), (4.6, 12.4),
)  # fmt: skip
_OPEN: Polygon = (
    (8, 5), (9.6, 4), (10.8, 5), (12, 3.4), (13.4, 4.4), (15, 4), (16, 5.4), (17.6, 5.6),
    (18.6, 7), (18.6, 14), (17, 20), (9, 20), (4, 13), (5, 11.6), (8, 13.6),
)  # fmt: skip

# name → polygons, hot spot; overlapping polygons cut each other out (even-odd)
_SHAPES: dict[str, tuple[tuple[Polygon, ...], tuple[int, int]]] = {
    "default": ((_ARROW,), (2, 1)),
    "pointer": ((_HAND,), (9, 2)),
    "text": (_BEAM, (10, 12)),
    "vertical-text": (tuple(_turn(p, 90) for p in _BEAM), (12, 10)),
    "crosshair": (_CROSS, (12, 12)),
    "ew-resize": ((_ARROWS_X,), (12, 12)),
    "ns-resize": ((_turn(_ARROWS_X, 90),), (12, 12)),
    "nwse-resize": ((_turn(_ARROWS_X, 45),), (12, 12)),
    "nesw-resize": ((_turn(_ARROWS_X, -45),), (12, 12)),
    "move": ((_ARROWS_X, _turn(_ARROWS_X, 90)), (12, 12)),
    "not-allowed": ((_ring(9), _ring(6.6), _SLASH), (12, 12)),
    "wait": ((_HOURGLASS,), (12, 12)),
    "grab": ((_OPEN,), (12, 12)),
    "grabbing": ((_FIST,), (12, 13)),
    "zoom-in": ((_ring(7, (10, 10)), _ring(5, (10, 10)), ((15, 14), (21, 20), (20, 21), (14, 15))),
                (10, 10)),
}  # fmt: skip
_ALIASES = {
    "auto": "default",
    "context-menu": "default",
    "help": "default",
    "progress": "wait",
    "cell": "crosshair",
    "alias": "default",
    "copy": "default",
    "no-drop": "not-allowed",
    "all-scroll": "move",
    "col-resize": "ew-resize",
    "row-resize": "ns-resize",
    "e-resize": "ew-resize",
    "w-resize": "ew-resize",
    "n-resize": "ns-resize",
    "s-resize": "ns-resize",
    "ne-resize": "nesw-resize",
    "sw-resize": "nesw-resize",
    "nw-resize": "nwse-resize",
    "se-resize": "nwse-resize",
    "zoom-out": "zoom-in",
}
HIDDEN = "none"


def known_shape(name: str) -> str:
    """The shape that is drawn for a CSS name; anything unknown is the arrow."""
    name = _ALIASES.get(name, name)
    return name if name in _SHAPES else "default"


def _inside(polygon: Polygon) -> Mask:
    """Even-odd rule at the centres of `_FINE` x `_FINE` samples of each pixel."""
    side = SIDE_PX * _FINE
    centres = (np.arange(side) + 0.5) / _FINE
    x, y = np.meshgrid(centres, centres)
    inside = np.zeros((side, side), np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if ay != by:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def _coverage(mask: Mask) -> Grey:
    shares: Grey = mask.reshape(SIDE_PX, _FINE, SIDE_PX, _FINE).mean(axis=(1, 3))
    return shares


@cache
def cursor_pixels(shape: str) -> tuple[Grey, Grey, tuple[int, int]]:
    """Grey (0 to 255), opacity (0 to 1), hot spot: black with a white rim, as desktops draw it."""
    polygons, hot = _SHAPES[shape]
    masks = [_inside(polygon) for polygon in polygons]
    body = masks[0]
    for mask in masks[1:]:
        body = body ^ mask if shape in {"not-allowed", "zoom-in"} else body | mask
    if shape == "not-allowed":
        body = (masks[0] & ~masks[1]) | (masks[2] & masks[0])
    rim = body.copy()
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
        rim |= np.roll(body, (dy * _FINE, dx * _FINE), (0, 1))
    alpha, black = _coverage(rim), _coverage(body)
    grey = np.where(alpha > 0, 255 * (1 - black / np.maximum(alpha, 1e-6)), 0).clip(0, 255)
    return grey, alpha, hot


@cache
def cursor_image(shape: str) -> CursorImage:
    """The same for pages."""
    grey, alpha, hot = cursor_pixels(shape)
    rgba = np.stack([grey, grey, grey, alpha * 255], axis=-1).round().astype(np.uint8)
    png = _encode_png(np.ascontiguousarray(rgba))
    return CursorImage(DIGEST_PREFIX + shape, SIDE_PX, SIDE_PX, hot[0], hot[1], png)


def _encode_png(rgba: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> bytes:
    codec = av.CodecContext.create("png", "w")
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "rgba"
    codec.time_base = 1  # type: ignore[assignment]  # a still picture has no time
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
