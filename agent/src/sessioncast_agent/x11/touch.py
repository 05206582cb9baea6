"""Fingers to pointer: tap, long press, drag, two-finger tap and scroll. Pure; times in µs."""

from __future__ import annotations

from enum import Enum, auto

from sessioncast_agent.inputs import Button, InputEvent, Move, Press, Touch, Wheel

SLOP_PX = 12  # a finger that rests moves this much
LONG_PRESS_US = 600_000


class _Gesture(Enum):
    NONE = auto()
    TAP = auto()
    DRAG = auto()
    TWO = auto()
    SCROLL = auto()
    OVER = auto()  # until the last finger is lifted


Place = tuple[int, int]


class TouchPointer:
    """One per input thread; what it returns is injected at once."""

    def __init__(self) -> None:
        self._gesture = _Gesture.NONE
        self._began_us = 0
        self._start: Place = (0, 0)
        self._last: Place = (0, 0)

    def reset(self) -> None:
        """All was released by other means."""
        self._gesture = _Gesture.NONE

    def feed(self, touch: Touch, now_us: int) -> list[InputEvent]:
        """The pointer's part of this."""
        if touch.phase == "cancel":
            return self._cancel()
        if touch.phase == "start":
            return self._start_finger(touch, now_us)
        if touch.phase == "move":
            return self._move(touch)
        return self._end(touch, now_us)

    def _start_finger(self, touch: Touch, now_us: int) -> list[InputEvent]:
        place = _centre(touch)
        before = self._gesture
        dragged = before is _Gesture.DRAG
        if len(touch.points) == 1:
            self._gesture, self._began_us = _Gesture.TAP, now_us
            self._start = self._last = place
            lifted = [Press(Button.LEFT, False, None)] if dragged else []  # its end was lost
            return [*lifted, Move(*place)]
        self._start = self._last = place
        two = len(touch.points) == 2 and before in {_Gesture.NONE, _Gesture.TAP}
        self._gesture = _Gesture.TWO if two else _Gesture.OVER
        return [Press(Button.LEFT, False, None)] if dragged else []

    def _move(self, touch: Touch) -> list[InputEvent]:
        place = _centre(touch)
        if self._gesture is _Gesture.TAP and _far(place, self._start):
            self._gesture = _Gesture.DRAG
            return [Press(Button.LEFT, True, self._start), Move(*place)]
        if self._gesture is _Gesture.DRAG:
            return [Move(*place)]
        if self._gesture is _Gesture.TWO and _far(place, self._start):
            self._gesture = _Gesture.SCROLL
        if self._gesture is _Gesture.SCROLL:
            dx, dy = self._last[0] - place[0], self._last[1] - place[1]
            self._last = place
            return [Wheel(dx, dy, self._start)]
        return []

    def _end(self, touch: Touch, now_us: int) -> list[InputEvent]:
        gesture = self._gesture
        if touch.points and gesture is not _Gesture.TWO:
            if gesture is _Gesture.SCROLL:
                self._gesture = _Gesture.OVER
            return []
        self._gesture = _Gesture.OVER if touch.points else _Gesture.NONE
        if gesture is _Gesture.TAP:
            long = now_us - self._began_us >= LONG_PRESS_US
            return _click(Button.RIGHT if long else Button.LEFT, self._start)
        if gesture is _Gesture.TWO:
            return _click(Button.RIGHT, self._start)
        if gesture is _Gesture.DRAG:
            return [Press(Button.LEFT, False, None)]
        return []

    def _cancel(self) -> list[InputEvent]:
        dragged = self._gesture is _Gesture.DRAG
        self._gesture = _Gesture.NONE
        return [Press(Button.LEFT, False, None)] if dragged else []


def _centre(touch: Touch) -> Place:
    count = len(touch.points)
    return (
        sum(point.x_px for point in touch.points) // count,
        sum(point.y_px for point in touch.points) // count,
    )


def _far(one: Place, other: Place) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) > SLOP_PX


def _click(button: Button, place: Place) -> list[InputEvent]:
    return [Press(button, True, place), Press(button, False, place)]
