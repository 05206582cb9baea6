"""What an operator can do to a session, as values. Pure; every backend injects the same ones.

Places are pixels of the desktop (or of the page's viewport), already clamped to its size; keys are
X keysyms; distances of the wheel are CSS pixels, positive to the right and down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Button(IntEnum):
    """Pointer buttons, numbered as `MouseEvent.button` of the DOM."""

    LEFT = 0
    MIDDLE = 1
    RIGHT = 2
    BACK = 3
    FORWARD = 4


@dataclass(frozen=True, slots=True)
class Move:
    """The pointer goes to a place."""

    x_px: int
    y_px: int


@dataclass(frozen=True, slots=True)
class MoveBy:
    """The pointer moves by a distance (pointer lock)."""

    dx_px: int
    dy_px: int


@dataclass(frozen=True, slots=True)
class Press:
    """A button goes down or up, at a place or (None) where the pointer is."""

    button: Button
    down: bool
    place_px: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Wheel:
    """The wheel turns by CSS pixels, at a place or (None) where the pointer is."""

    dx: float
    dy: float
    place_px: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key goes down or up. `code` is `KeyboardEvent.code`, or empty where it is not known."""

    keysym: int
    down: bool
    code: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Composed text (an input method's, a paste by typing)."""

    text: str


@dataclass(frozen=True, slots=True)
class Locks:
    """How caps lock and num lock stand at the operator's keyboard; None is unknown."""

    caps: bool | None
    num: bool | None


@dataclass(frozen=True, slots=True)
class TouchPoint:
    """One finger."""

    id: int
    x_px: int
    y_px: int


@dataclass(frozen=True, slots=True)
class Touch:
    """Fingers that are down now; a phase is start, move, end or cancel."""

    phase: str
    points: tuple[TouchPoint, ...]


InputEvent = Move | MoveBy | Press | Wheel | Key | Text | Locks | Touch


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clipboard holds: `text/plain` in UTF-8, or a PNG."""

    mime: str
    data: bytes
