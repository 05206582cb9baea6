"""The `input` packets of docs/protocol.md: bytes to checked values, or a refusal. Pure.

Everything here is written by a stranger. Nothing raises: what is malformed becomes a `Refusal`.
The examples of tests/fixtures/input_messages.json are read by this side and by the page's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VERSION = 1
MAX_BYTES = 8_192
MAX_TEXT_CHARS = 1_000
MAX_FINGERS = 10
MAX_HELD_KEYS = 64
MAX_PLACE_PX = 100_000  # further away than any screen; what is inside is clamped to the desktop
MAX_STEP_PX = 10_000
MAX_COUNT = 2**53 - 1  # what JavaScript counts exactly
MAX_FRAME = 2**32 - 1
MAX_NAME_CHARS = 32
BUTTONS = range(5)
PHASES = frozenset({"start", "move", "end", "cancel"})

_CODE = re.compile(r"[A-Za-z0-9]*")
_KEYSYMS = (
    (0x0020, 0x007E),  # Latin-1
    (0x00A0, 0x00FF),
    (0x01A1, 0x20AC),  # the older alphabets, one block each
    (0xFD01, 0xFD1E),  # terminals' 3270 keys
    (0xFE01, 0xFEFE),  # ISO: levels, groups, dead keys
    (0xFF08, 0xFFFF),  # editing, cursor, keypad, function keys, modifiers
    (0x1000100, 0x100D7FF),  # Unicode, without the halves of surrogate pairs
    (0x100E000, 0x110FFFF),
    (0x10080001, 0x1008FFFF),  # XFree86: volume, browser, media
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a packet was not understood; holds nothing of its content."""

    reason: str


@dataclass(frozen=True, slots=True)
class MoveMessage:
    """`move`."""

    seq: int
    x: float
    y: float
    frame: int


@dataclass(frozen=True, slots=True)
class RelMessage:
    """`rel`."""

    seq: int
    dx: float
    dy: float


@dataclass(frozen=True, slots=True)
class ButtonMessage:
    """`button`; the place is None where the pointer is."""

    seq: int
    button: int
    down: bool
    x: float | None
    y: float | None
    frame: int


@dataclass(frozen=True, slots=True)
class WheelMessage:
    """`wheel`; the place is None where the pointer is."""

    seq: int
    dx: float
    dy: float
    x: float | None
    y: float | None
    frame: int


@dataclass(frozen=True, slots=True)
class KeyMessage:
    """`key`."""

    keysym: int
    down: bool
    code: str


@dataclass(frozen=True, slots=True)
class TextMessage:
    """`text`."""

    text: str


@dataclass(frozen=True, slots=True)
class TouchMessage:
    """`touch`; points are (id, x, y)."""

    seq: int
    phase: str
    points: tuple[tuple[int, float, float], ...]
    frame: int


@dataclass(frozen=True, slots=True)
class BeatMessage:
    """`beat`: what the operator's page holds down."""

    keys: tuple[int, ...]
    buttons: tuple[int, ...]
    caps: bool | None
    num: bool | None


@dataclass(frozen=True, slots=True)
class ResetMessage:
    """`reset`: release everything."""


Message = (
    MoveMessage
    | RelMessage
    | ButtonMessage
    | WheelMessage
    | KeyMessage
    | TextMessage
    | TouchMessage
    | BeatMessage
    | ResetMessage
)


class _Malformed(Exception):
    """Only inside of this module."""


def is_keysym(value: int) -> bool:
    """Whether X could have a key of this symbol."""
    return any(low <= value <= high for low, high in _KEYSYMS)


def parse(raw: bytes) -> Message | Refusal:
    """Read one packet."""
    if len(raw) > MAX_BYTES:
        return Refusal("too long")
    try:
        fields = json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Refusal("not JSON")
    try:
        return _read(fields)
    except _Malformed as error:
        return Refusal(str(error))


def check_text(value: object) -> str | None:
    """The text if it may be typed, else None."""
    try:
        return _text(value)
    except _Malformed:
        return None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _read(fields: object) -> Message:
    if not isinstance(fields, list) or len(fields) < 2:
        raise _Malformed("not an array of version and kind")
    if type(fields[0]) is not int or fields[0] != VERSION:
        raise _Malformed("another version")
    kind = fields[1]
    known = _KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise _Malformed("an unknown kind")
    count, read = known
    if len(fields) != count + 2:
        raise _Malformed(f"{kind} with another number of fields")
    return read(*fields[2:])


def _whole(value: object, most: int, what: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _Malformed(f"no {what}")
    return value


def _number(value: object, most: float, what: str) -> float:
    if type(value) not in {int, float}:
        raise _Malformed(f"no {what}")
    number: Any = value
    if not -most <= number <= most or not math.isfinite(number):  # compared first: ints may be huge
        raise _Malformed(f"no {what}")
    return number  # type: ignore[no-any-return]  # an int or a float, checked above


def _truth(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise _Malformed(f"no {what}")
    return value


def _keysym(value: object) -> int:
    if type(value) is not int or not is_keysym(value):
        raise _Malformed("no keysym")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARS:
        raise _Malformed("no text of 1 to 1,000 characters")
    for char in value:
        point = ord(char)
        if (point < 0x20 and char not in "\t\n") or 0x7F <= point < 0xA0:
            raise _Malformed("a control character in text")
        if 0xD800 <= point < 0xE000:
            raise _Malformed("half a character in text")
    return value


def _place(x: object, y: object) -> tuple[float | None, float | None]:
    if x is None and y is None:
        return None, None
    return _number(x, MAX_PLACE_PX, "place"), _number(y, MAX_PLACE_PX, "place")


def _move(seq: object, x: object, y: object, frame: object) -> Message:
    return MoveMessage(
        _whole(seq, MAX_COUNT, "seq"),
        _number(x, MAX_PLACE_PX, "place"),
        _number(y, MAX_PLACE_PX, "place"),
        _whole(frame, MAX_FRAME, "frame"),
    )


def _rel(seq: object, dx: object, dy: object) -> Message:
    return RelMessage(
        _whole(seq, MAX_COUNT, "seq"),
        _number(dx, MAX_STEP_PX, "step"),
        _number(dy, MAX_STEP_PX, "step"),
    )


def _button(seq: object, button: object, down: object, x: object, y: object, f: object) -> Message:
    return ButtonMessage(
        _whole(seq, MAX_COUNT, "seq"),
        _whole(button, BUTTONS[-1], "button"),
        _truth(down, "down"),
        *_place(x, y),
        _whole(f, MAX_FRAME, "frame"),
    )


def _wheel(seq: object, dx: object, dy: object, x: object, y: object, frame: object) -> Message:
    return WheelMessage(
        _whole(seq, MAX_COUNT, "seq"),
        _number(dx, MAX_STEP_PX, "step"),
        _number(dy, MAX_STEP_PX, "step"),
        *_place(x, y),
        _whole(frame, MAX_FRAME, "frame"),
    )


def _key(keysym: object, down: object, code: object) -> Message:
    if not isinstance(code, str) or len(code) > MAX_NAME_CHARS or not _CODE.fullmatch(code):
        raise _Malformed("no code")
    return KeyMessage(_keysym(keysym), _truth(down, "down"), code)


def _touch(seq: object, phase: object, points: object, frame: object) -> Message:
    if not isinstance(phase, str) or phase not in PHASES:
        raise _Malformed("no phase")
    if not isinstance(points, list) or len(points) > MAX_FINGERS:
        raise _Malformed("no fingers")
    read: list[tuple[int, float, float]] = []
    for point in points:
        if not isinstance(point, list) or len(point) != 3:
            raise _Malformed("no finger")
        name = _whole(point[0], MAX_COUNT, "finger")
        x, y = (_number(value, MAX_PLACE_PX, "place") for value in point[1:])
        read.append((name, x, y))
    if phase in {"start", "move"} and not read:
        raise _Malformed("no fingers")
    if len({point[0] for point in read}) != len(read):
        raise _Malformed("one finger twice")
    return TouchMessage(
        _whole(seq, MAX_COUNT, "seq"), phase, tuple(read), _whole(frame, MAX_FRAME, "frame")
    )


def _beat(keys: object, buttons: object, caps: object, num: object) -> Message:
    if not isinstance(keys, list) or len(keys) > MAX_HELD_KEYS:
        raise _Malformed("no list of keys")
    if not isinstance(buttons, list) or len(buttons) > len(BUTTONS):
        raise _Malformed("no list of buttons")
    locks = [None if lock is None else _truth(lock, "lock") for lock in (caps, num)]
    return BeatMessage(
        tuple(_keysym(key) for key in keys),
        tuple(_whole(button, BUTTONS[-1], "button") for button in buttons),
        *locks,
    )


_KINDS: dict[str, tuple[int, Callable[..., Message]]] = {
    "move": (4, _move),
    "rel": (3, _rel),
    "button": (6, _button),
    "wheel": (6, _wheel),
    "key": (3, _key),
    "text": (1, lambda text: TextMessage(_text(text))),
    "touch": (4, _touch),
    "beat": (4, _beat),
    "reset": (0, ResetMessage),
}
