"""X keysyms as the DevTools protocol wants keys: `key`, `code`, Windows key code, text. Pure."""

from __future__ import annotations

from dataclasses import dataclass

ALT, CTRL, META, SHIFT = 1, 2, 4, 8  # Input.dispatchKeyEvent's modifier bits


@dataclass(frozen=True)
class KeyInfo:
    """One key; `text` is what it types, empty for a key that types nothing."""

    key: str
    code: str
    virtual_key: int
    text: str = ""
    location: int = 0  # 1 left, 2 right, 3 keypad
    modifier: int = 0


def _named() -> dict[int, KeyInfo]:
    table = {
        0xFF08: KeyInfo("Backspace", "Backspace", 8),
        0xFF09: KeyInfo("Tab", "Tab", 9),
        0xFE20: KeyInfo("Tab", "Tab", 9),  # ISO_Left_Tab: shift and tab
        0xFF0D: KeyInfo("Enter", "Enter", 13, "\r"),
        0xFF13: KeyInfo("Pause", "Pause", 19),
        0xFF14: KeyInfo("ScrollLock", "ScrollLock", 145),
        0xFF1B: KeyInfo("Escape", "Escape", 27),
        0xFF50: KeyInfo("Home", "Home", 36),
        0xFF51: KeyInfo("ArrowLeft", "ArrowLeft", 37),
        0xFF52: KeyInfo("ArrowUp", "ArrowUp", 38),
        0xFF53: KeyInfo("ArrowRight", "ArrowRight", 39),
        0xFF54: KeyInfo("ArrowDown", "ArrowDown", 40),
        0xFF55: KeyInfo("PageUp", "PageUp", 33),
        0xFF56: KeyInfo("PageDown", "PageDown", 34),
        0xFF57: KeyInfo("End", "End", 35),
        0xFF61: KeyInfo("PrintScreen", "PrintScreen", 44),
        0xFF63: KeyInfo("Insert", "Insert", 45),
        0xFF67: KeyInfo("ContextMenu", "ContextMenu", 93),
        0xFF7F: KeyInfo("NumLock", "NumLock", 144),
        0xFFFF: KeyInfo("Delete", "Delete", 46),
        0xFFE1: KeyInfo("Shift", "ShiftLeft", 16, location=1, modifier=SHIFT),
        0xFFE2: KeyInfo("Shift", "ShiftRight", 16, location=2, modifier=SHIFT),
        0xFFE3: KeyInfo("Control", "ControlLeft", 17, location=1, modifier=CTRL),
        0xFFE4: KeyInfo("Control", "ControlRight", 17, location=2, modifier=CTRL),
        0xFFE5: KeyInfo("CapsLock", "CapsLock", 20),
        0xFFE7: KeyInfo("Meta", "MetaLeft", 91, location=1, modifier=META),
        0xFFE8: KeyInfo("Meta", "MetaRight", 92, location=2, modifier=META),
        0xFFE9: KeyInfo("Alt", "AltLeft", 18, location=1, modifier=ALT),
        0xFFEA: KeyInfo("Alt", "AltRight", 18, location=2, modifier=ALT),
        0xFFEB: KeyInfo("Meta", "MetaLeft", 91, location=1, modifier=META),  # Super_L
        0xFFEC: KeyInfo("Meta", "MetaRight", 92, location=2, modifier=META),
        0xFE03: KeyInfo("AltGraph", "AltRight", 225, location=2),  # its characters come as such
        0xFF7E: KeyInfo("ModeChange", "AltRight", 31, location=2),
        0xFF8D: KeyInfo("Enter", "NumpadEnter", 13, "\r", location=3),
        0xFFAA: KeyInfo("*", "NumpadMultiply", 106, "*", location=3),
        0xFFAB: KeyInfo("+", "NumpadAdd", 107, "+", location=3),
        0xFFAC: KeyInfo(",", "NumpadComma", 108, ",", location=3),
        0xFFAD: KeyInfo("-", "NumpadSubtract", 109, "-", location=3),
        0xFFAE: KeyInfo(".", "NumpadDecimal", 110, ".", location=3),
        0xFFAF: KeyInfo("/", "NumpadDivide", 111, "/", location=3),
        0xFFBD: KeyInfo("=", "NumpadEqual", 187, "=", location=3),
    }
    for number in range(24):
        name = f"F{number + 1}"
        table[0xFFBE + number] = KeyInfo(name, name, 112 + number)
    for digit in range(10):
        info = KeyInfo(str(digit), f"Numpad{digit}", 96 + digit, str(digit), location=3)
        table[0xFFB0 + digit] = info
    # the keypad without num lock
    pad = ["Home", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "PageUp", "PageDown"]
    pad += ["End", "Clear", "Insert", "Delete"]
    codes = (7, 4, 8, 6, 2, 9, 3, 1, 5, 0)
    virtual = (36, 37, 38, 39, 40, 33, 34, 35, 12, 45, 46)
    for at, name in enumerate(pad):
        code = f"Numpad{codes[at]}" if at < len(codes) else "NumpadDecimal"
        table[0xFF95 + at] = KeyInfo(name, code, virtual[at], location=3)
    return table


NAMED = _named()

# code of a US keyboard → its Windows key code and its two characters
_PUNCTUATION = {
    "Space": (32, "  "),
    "Semicolon": (186, ";:"),
    "Equal": (187, "=+"),
    "Comma": (188, ",<"),
    "Minus": (189, "-_"),
    "Period": (190, ".>"),
    "Slash": (191, "/?"),
    "Backquote": (192, "`~"),
    "BracketLeft": (219, "[{"),
    "Backslash": (220, "\\|"),
    "BracketRight": (221, "]}"),
    "Quote": (222, "'\""),
    "IntlBackslash": (226, "<>"),
}
_SHIFTED_DIGITS = ")!@#$%^&*("
_BY_CHARACTER: dict[str, tuple[str, int]] = {}
for _code, (_virtual, _characters) in reversed(_PUNCTUATION.items()):
    for _character in _characters:
        _BY_CHARACTER[_character] = (_code, _virtual)
for _at, _character in enumerate(_SHIFTED_DIGITS):
    _BY_CHARACTER[_character] = (f"Digit{_at}", ord("0") + _at)

# dead keys reach the page as composed text; alone they type nothing
_DEAD = range(0xFE50, 0xFE90)


def character_of(keysym: int) -> str:
    """The character that a keysym types, or nothing."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if 0x01000100 <= keysym <= 0x0110FFFF:
        point = keysym - 0x01000000
        return "" if 0xD800 <= point <= 0xDFFF else chr(point)
    if keysym == 0x20AC:
        return "€"
    return ""


def key_info(keysym: int, code: str) -> KeyInfo | None:
    """A keysym (and the physical key, where known) as a key; None for what has no meaning."""
    named = NAMED.get(keysym)
    if named is not None:
        return named
    if keysym in _DEAD:
        return KeyInfo("Dead", code, 0)
    character = character_of(keysym)
    if not character:
        return None
    own_code, virtual = _place(character)
    if code in _PUNCTUATION and not (character.isascii() and character.isalnum()):
        virtual = _PUNCTUATION[code][0]  # on other layouts the place decides
    return KeyInfo(character, code or own_code, virtual, character)


def _place(character: str) -> tuple[str, int]:
    if character.isascii() and character.isalpha():
        return f"Key{character.upper()}", ord(character.upper())
    if character.isascii() and character.isdigit():
        return f"Digit{character}", ord(character)
    return _BY_CHARACTER.get(character, ("", 0))
