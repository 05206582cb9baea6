"""The pointer drawn into the picture, for `--cursor embed`. Pure."""

from __future__ import annotations

import av
import numpy as np

from sessioncast_agent.cdp.cursor import SIDE_PX, cursor_pixels
from sessioncast_agent.media import RawFrame

Plane = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
Alpha = np.ndarray[tuple[int, int], np.dtype[np.float64]]
_GREY = 128  # no colour, of either chroma


def _samples(plane: av.video.plane.VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


class PointerPainter:
    """Where the pointer is, and pictures with it; those that it is given stay as they are."""

    def __init__(self) -> None:
        self._place_px = (0, 0)
        self._shape = ""

    def move(self, place_px: tuple[int, int], shape: str) -> None:
        """To this place, in the picture's pixels; an empty shape hides it."""
        self._place_px, self._shape = place_px, shape

    def painted(self, frame: RawFrame) -> RawFrame:
        """The picture with the pointer; full-range planar YUV, as JPEGs are."""
        picture = frame.picture
        if not self._shape or len(picture.planes) != 3:
            return frame
        copy = av.VideoFrame(picture.width, picture.height, picture.format.name)
        for at, (source, target) in enumerate(zip(picture.planes, copy.planes, strict=True)):
            samples = _samples(target)
            samples[:] = _samples(source)
            step = (round(picture.width / source.width), round(picture.height / source.height))
            self._paint(samples, step, luma=at == 0)
        return RawFrame(copy, frame.width_px, frame.height_px, frame.captured_us)

    def _paint(self, samples: Plane, step: tuple[int, int], *, luma: bool) -> None:
        grey, alpha, hot = cursor_pixels(self._shape)
        left, top = self._place_px[0] - hot[0], self._place_px[1] - hot[1]
        x, y = left // step[0], top // step[1]
        share = _reduced(alpha, left - x * step[0], top - y * step[1], step)
        value = grey if luma else np.full_like(share, _GREY)
        # what lies outside of the picture is cut off
        from_x, from_y = max(0, -x), max(0, -y)
        until_x = min(share.shape[1], samples.shape[1] - x)
        until_y = min(share.shape[0], samples.shape[0] - y)
        if from_x >= until_x or from_y >= until_y:
            return
        part = (slice(from_y, until_y), slice(from_x, until_x))
        under = samples[y + from_y : y + until_y, x + from_x : x + until_x]
        mixed = under * (1 - share[part]) + value[part] * share[part]
        under[:] = mixed.round().astype(np.uint8)


def _reduced(alpha: Alpha, right: int, down: int, step: tuple[int, int]) -> Alpha:
    """The shares on a plane of fewer samples, the pointer being so far into the first of them."""
    if step == (1, 1):
        return alpha
    wide, high = SIDE_PX // step[0] + 1, SIDE_PX // step[1] + 1
    canvas = np.zeros((high * step[1], wide * step[0]))
    canvas[down : down + SIDE_PX, right : right + SIDE_PX] = alpha
    shares: Alpha = canvas.reshape(high, step[1], wide, step[0]).mean(axis=(1, 3))
    return shares
