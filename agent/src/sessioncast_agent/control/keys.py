"""Names of keys for programs: `ctrl+shift+t`, `Return`, `F5`, `ü`. Pure."""

from __future__ import annotations

MAX_KEYS = 8
UNICODE = 0x1000000

_NAMES = {
    "backspace": 0xFF08, "tab": 0xFF09, "return": 0xFF0D, "enter": 0xFF0D, "pause": 0xFF13,
    "scroll_lock": 0xFF14, "escape": 0xFF1B, "esc": 0xFF1B, "delete": 0xFFFF, "del": 0xFFFF,
    "home": 0xFF50, "left": 0xFF51, "up": 0xFF52, "right": 0xFF53, "down": 0xFF54,
    "page_up": 0xFF55, "pageup": 0xFF55, "page_down": 0xFF56, "pagedown": 0xFF56, "end": 0xFF57,
    "print": 0xFF61, "insert": 0xFF63, "menu": 0xFF67, "num_lock": 0xFF7F, "caps_lock": 0xFFE5,
    "shift": 0xFFE1, "ctrl": 0xFFE3, "control": 0xFFE3, "alt": 0xFFE9, "altgr": 0xFE03,
    "super": 0xFFEB, "meta": 0xFFEB, "cmd": 0xFFEB, "win": 0xFFEB, "space": 0x20, "plus": 0x2B,
    "minus": 0x2D,
}  # fmt: skip
_NAMES |= {f"f{number}": 0xFFBD + number for number in range(1, 25)}


def keysym_of_char(char: str) -> int:
    """The keysym of one character."""
    point = ord(char)
    return point if point < 0x100 else UNICODE + point


def parse_keys(text: str) -> list[int] | None:
    """The keysyms of a chord in the order in which they go down; None when one is unknown."""
    parts = ["+"] if text == "+" else text.split("+")
    if text.endswith("++"):
        parts = [*text[:-2].split("+"), "+"]
    symbols = []
    for part in parts:
        if len(part) == 1 and part.isprintable():
            symbols.append(keysym_of_char(part))
        elif part.lower() in _NAMES:
            symbols.append(_NAMES[part.lower()])
        else:
            return None
    return symbols if 0 < len(symbols) <= MAX_KEYS else None
