"""Keysyms and characters, by libxkbcommon (GTK's and Chromium's own library for this).

An alphabet has two names in X: its older keysyms, which keyboard layouts hold (Cyrillic_ef), and
Unicode's, which browsers know (U0444). `canonical` gives both the same. Without the library only
the latter are understood.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from typing import Any

log = logging.getLogger(__name__)

UNICODE = 0x1000000
RETURN, TAB, BACKSPACE = 0xFF0D, 0xFF09, 0xFF08
_OLD_ALPHABETS = range(0x1A1, 0x20AD)


@cache
def _library() -> Any:
    try:
        library = ctypes.CDLL("libxkbcommon.so.0")
        library.xkb_keysym_to_utf32.argtypes = [ctypes.c_uint32]
        library.xkb_keysym_to_utf32.restype = ctypes.c_uint32
    except (OSError, AttributeError):
        log.warning("libxkbcommon is missing; install it, older keyboard layouts are typed slower")
        return None
    return library


@cache
def canonical(keysym: int) -> int:
    """The one name of this symbol."""
    if keysym in _OLD_ALPHABETS:
        library = _library()
        point = 0 if library is None else int(library.xkb_keysym_to_utf32(keysym))
        return of_char(chr(point)) if point else keysym
    if UNICODE + 0x20 <= keysym < UNICODE + 0x100:
        return keysym - UNICODE
    return keysym


def of_char(char: str) -> int:
    """The canonical keysym of a character; line breaks and tabs are keys of their own."""
    special = {"\n": RETURN, "\r": RETURN, "\t": TAB}.get(char)
    if special is not None:
        return special
    point = ord(char)
    return point if point < 0x100 else UNICODE + point


def is_latin(keysym: int) -> bool:
    """Whether programs know a shortcut by this symbol whatever the layout."""
    return 0x20 <= keysym < 0x80 or 0xFE00 <= keysym < UNICODE or keysym > UNICODE + 0x10FFFF


def other_case(keysym: int) -> int:
    """The same letter in the other case, or the symbol itself."""
    point = keysym - UNICODE if keysym >= UNICODE else keysym
    if keysym >= UNICODE or 0x20 <= keysym < 0x100:
        try:
            swapped = chr(point).swapcase()
        except ValueError:
            return keysym
        return of_char(swapped) if len(swapped) == 1 else keysym
    return keysym
