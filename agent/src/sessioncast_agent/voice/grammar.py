"""Spoken commands. Pure: words in, a command out, or None for what is none.

computer, click                      computer, type good morning
computer, double click               computer, press control l
computer, click at 640 360           computer, press enter
computer, right click                computer, scroll down
computer, stop (gives control back)  computer, say hello everybody
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WAKE_WORD = "computer"
SCROLL_PX = 400

_SMALL = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
]
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_BETWEEN = frozenset({"and", "by", "comma"})
_KEYS = {
    "enter": "Return", "return": "Return", "escape": "Escape", "tab": "Tab", "space": "space",
    "backspace": "BackSpace", "delete": "Delete", "home": "Home", "end": "End", "up": "Up",
    "down": "Down", "left": "Left", "right": "Right", "page up": "Prior", "page down": "Next",
}  # fmt: skip
_MODIFIERS = {"control": "ctrl", "ctrl": "ctrl", "shift": "shift", "alt": "alt", "super": "super"}


@dataclass(frozen=True)
class Click:
    """`x`, `y` are None for where the pointer is."""

    button: int = 0
    count: int = 1
    x: int | None = None
    y: int | None = None


@dataclass(frozen=True)
class Type:
    """Text for the window that has the focus."""

    text: str


@dataclass(frozen=True)
class Press:
    """A combination as the `key` verb takes it."""

    keys: str


@dataclass(frozen=True)
class Scroll:
    """Positive is down."""

    dy_px: int


@dataclass(frozen=True)
class Say:
    """Words for everybody in the room."""

    text: str


@dataclass(frozen=True)
class Stop:
    """Give control back."""


Command = Click | Type | Press | Scroll | Say | Stop


def parse(spoken: str, wake: str = WAKE_WORD) -> Command | None:
    """The command of a phrase that begins with the wake word."""
    words = re.sub(r"[,;:!?]|\.(?=\s|$)", " ", spoken.strip()).split()
    if wake:
        if not words or words[0].lower() != wake:
            return None
        words = words[1:]
    lower = [word.lower() for word in words]
    command: Command | None
    match lower:
        case ["type" | "write", _, *_]:
            command = Type(_after(spoken, lower[0]))
        case ["say" | "tell", _, *_]:
            command = Say(_after(spoken, lower[0]))
        case ["press" | "hit", _, *_]:
            command = _press(lower[1:])
        case ["scroll", ("up" | "down") as way]:
            command = Scroll(SCROLL_PX if way == "down" else -SCROLL_PX)
        case ["stop"] | ["release", *_]:
            command = Stop()
        case _:
            command = _click(lower)
    return command


def _after(spoken: str, verb: str) -> str:
    """What was said after the verb, as the recognizer wrote it."""
    return re.split(rf"\b{verb}\b", spoken, maxsplit=1, flags=re.IGNORECASE)[1].strip(" ,:")


def _click(words: list[str]) -> Click | None:
    kinds = {"right": (2, 1), "middle": (1, 1), "double": (0, 2), "triple": (0, 3)}
    button, count = (0, 1)
    if words and words[0] in kinds:
        button, count = kinds[words[0]]
        words = words[1:]
    match words:
        case ["click"]:
            return Click(button, count)
        case ["click", "at" | "on", *numbers] | ["click", *numbers]:
            place = _numbers(numbers)
            return Click(button, count, *place) if len(place) == 2 else None
    return None


def _press(words: list[str]) -> Press | None:
    modifiers = []
    while words and words[0] in _MODIFIERS:
        modifiers.append(_MODIFIERS[words[0]])
        words = [word for word in words[1:] if word not in {"plus", "and"} or len(words) == 2]
    name = " ".join(words)
    key = _KEYS.get(name) or (name if re.fullmatch(r"[a-z0-9]|f1?[0-9]", name) else None)
    if key is None:
        return None
    return Press("+".join([*modifiers, key.upper() if re.fullmatch(r"f\d+", key) else key]))


def _numbers(words: list[str]) -> list[int]:
    """Digits or number words: `640 360`, `six hundred forty three hundred sixty`; else none."""
    rest = [part for text in words for part in text.split("-") if part not in _BETWEEN]
    found: list[int] = []
    while rest:
        value, used = _number(rest)
        if not used:
            return []
        found.append(value)
        rest = rest[used:]
    return found


def _number(words: list[str]) -> tuple[int, int]:
    """The number at the front, and how many words it takes; 0 words where there is none."""
    if words[0].isdigit():
        return int(words[0]), 1
    if words[0] in _SMALL and words[1:2] == ["hundred"]:
        value, used = _below_hundred(words[2:])
        return _SMALL.index(words[0]) * 100 + value, 2 + used
    return _below_hundred(words)


def _below_hundred(words: list[str]) -> tuple[int, int]:
    """Nothing that begins the next hundred: `forty` of `forty three hundred`."""
    if not words or words[1:2] == ["hundred"]:
        return 0, 0
    if words[0] in _SMALL:
        return _SMALL.index(words[0]), 1
    if words[0] not in _TENS:
        return 0, 0
    ones = words[1] if len(words) > 1 and words[2:3] != ["hundred"] else ""
    if ones in _SMALL[1:10]:
        return _TENS[words[0]] + _SMALL.index(ones), 2
    return _TENS[words[0]], 1
