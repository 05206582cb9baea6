"""A smooth wheel to X's clicks: distances add up until they make one. Pure."""

from __future__ import annotations

import math

UP, DOWN, LEFT, RIGHT = 4, 5, 6, 7  # X's buttons
CLICK_PX = 100.0
NOTCHES_PX = (120.0, 100.0)  # what one notch of a mouse wheel is to the browsers that have notches
MAX_CLICKS = 50  # in one event


class WheelClicks:
    """Keeps what did not make a click yet; a change of direction forgets it."""

    def __init__(self) -> None:
        self._rest = [0.0, 0.0]

    def turn(self, dx: float, dy: float) -> list[int]:
        """The buttons to click, in order."""
        vertical, horizontal = self._axis(1, dy), self._axis(0, dx)
        return [DOWN if vertical > 0 else UP] * abs(vertical) + [
            RIGHT if horizontal > 0 else LEFT
        ] * abs(horizontal)

    def _axis(self, axis: int, distance_px: float) -> int:
        if distance_px == 0.0:
            return 0
        for notch_px in NOTCHES_PX:
            if distance_px % notch_px == 0.0:
                clicks = int(distance_px / notch_px)
                break
        else:
            rest = self._rest[axis]
            if rest * distance_px < 0:
                rest = 0.0
            self._rest[axis], whole = math.modf(rest + distance_px / CLICK_PX)
            clicks = int(whole)
        return max(-MAX_CLICKS, min(MAX_CLICKS, clicks))
