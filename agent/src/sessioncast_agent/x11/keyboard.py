"""Keys by symbol through XTest, whatever the session's layout is. Belongs to the input thread.

A symbol that the layout has is typed with its key, with Shift or AltGr added or lifted for that one
stroke; any other gets a keycode that no key has, from a pool that is used again and again. The
keycode of each press is remembered, so that its release finds it whatever changed meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import Xlib.display
from Xlib import X
from Xlib.ext import xtest

from sessioncast_agent.x11.codes import KEYCODES
from sessioncast_agent.x11.keymap import (
    CAPS_LOCK,
    LOCK,
    MODIFIERS,
    NUM_LOCK,
    SHIFT,
    Keymap,
    Stroke,
    spare_rows,
)
from sessioncast_agent.x11.keysyms import UNICODE, canonical, is_latin, of_char, other_case
from sessioncast_agent.x11.ping import ProgramPing

log = logging.getLogger(__name__)

MAX_SPARE = 48
_CONTROL, _MOD1, _MOD4 = X.ControlMask, X.Mod1Mask, X.Mod4Mask
_CHORD = _CONTROL | _MOD1 | _MOD4


class Keyboard:
    """The keyboard of one X connection."""

    def __init__(self, display: Xlib.display.Display) -> None:
        self._display = display
        self._down: dict[int, int] = {}  # symbol → keycode of its press
        self._spare: dict[int, int] = {}  # keycode → symbol, the longest unused first
        self._used_at = self._settled_at = 0.0
        self._own_changes: set[tuple[int, int]] = set()
        self._ping = ProgramPing(display, self._event)
        self._stale = False
        self._spare = dict(self._left_behind())
        self._read_map()

    # -- for the input thread ----------------------------------------------------------------

    def read_events(self) -> None:
        """Take what the server says of the mapping."""
        for _ in range(self._display.pending_events()):
            self._event(self._display.next_event())
        if self._stale:
            self._read_map()

    def _event(self, event: Any) -> None:
        """A change of the mapping by others; our own are known already."""
        if event.type == X.MappingNotify:
            own = (event.first_keycode, event.count) in self._own_changes
            self._stale |= event.request != X.MappingKeyboard or not own

    def key(self, symbol: int, code: str, *, down: bool) -> None:
        """Press or release the key of this symbol."""
        if not down:
            keycode = self._down.pop(symbol, None)
            if keycode is not None and keycode not in self._down.values():
                self._fake(keycode, down=False)
            return
        if symbol in self._down:
            return
        state = self._state()
        stroke = self._stroke(symbol, code, state)
        if stroke is None:
            return
        self._down[symbol] = stroke.keycode
        with self._modifiers(symbol, stroke, state):
            self._fake(stroke.keycode, down=True)

    def type(self, text: str) -> None:
        """One character after the other, whatever is held or locked."""
        symbols = [of_char(char) for char in text]
        with self._at_rest():
            while symbols:
                symbols = symbols[self._type_some(symbols) :]

    def set_locks(self, caps: bool | None, num: bool | None) -> None:
        """Make caps lock and num lock what they are at the operator's keyboard."""
        state = self._state()
        for wanted, bit, symbol in (
            (caps, LOCK, CAPS_LOCK),
            (num, self._map.bits.num, NUM_LOCK),
        ):
            if wanted is not None and bit and bool(state & bit) != wanted:
                self._tap(symbol, state)

    def release_all(self) -> None:
        """Every key that we hold."""
        for keycode in set(self._down.values()):
            self._fake(keycode, down=False)
        self._down.clear()

    def close(self) -> None:
        """Give the spare keycodes back."""
        self.release_all()
        for keycode in self._spare:
            self._display.change_keyboard_mapping(keycode, [[X.NoSymbol] * 4])
        self._display.flush()

    # -- strokes -----------------------------------------------------------------------------

    def _stroke(self, symbol: int, code: str, state: int) -> Stroke | None:
        stroke = self._map.find(symbol, _group(state), state)
        if stroke is not None:
            return stroke
        if symbol in MODIFIERS:
            return None  # a modifier that this keyboard has not, under any of its names
        if state & _CHORD and code in KEYCODES and not is_latin(symbol):
            return Stroke(KEYCODES[code], None)  # a shortcut from another alphabet
        name = canonical(symbol)
        return Stroke(self._bind([name])[name], None)

    @contextmanager
    def _modifiers(self, symbol: int, stroke: Stroke, state: int) -> Iterator[None]:
        """Shift and AltGr as this stroke needs them, and afterwards as they were."""
        if stroke.keycode in self._spare and state & LOCK and other_case(symbol) != symbol:
            self._tap(CAPS_LOCK, state)
            yield
            self._tap(CAPS_LOCK, state)
            return
        if stroke.level is None or not _is_text(symbol):
            yield
            return
        shift, altgr = self._map.wanted_state(stroke, _group(state), state)
        if state & _CHORD and other_case(symbol) != symbol:
            shift = bool(state & SHIFT)  # Ctrl+Shift+v is a shortcut, not the letter v
        undo = self._want(SHIFT, self._map.shift, state, wanted=shift)
        undo += self._want(self._map.bits.level3, self._map.altgr, state, wanted=altgr)
        yield
        for keycode, down in reversed(undo):
            self._fake(keycode, down=down)

    def _want(
        self, bit: int, keycode: int | None, state: int, *, wanted: bool
    ) -> list[tuple[int, bool]]:
        """Put one modifier down or up; what takes it back."""
        if not bit or bool(state & bit) == wanted:
            return []
        if wanted:
            if keycode is None:
                return []
            self._fake(keycode, down=True)
            return [(keycode, False)]
        held = self._held(bit)
        for code in held:
            self._fake(code, down=False)
        return [(code, True) for code in held]

    def _held(self, bits: int) -> list[int]:
        """Our keys that are down and stand for these modifiers."""
        codes = {
            code
            for at, row in enumerate(self._map.modifier_keycodes)
            if bits & (1 << at)
            for code in row
        }
        return sorted(codes & set(self._down.values()))

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """No modifier and no caps lock while text is typed."""
        state = self._state()
        held = self._held(SHIFT | self._map.bits.level3 | _CHORD)
        for code in held:
            self._fake(code, down=False)
        if state & LOCK:
            self._tap(CAPS_LOCK, state)
        yield
        if state & LOCK:
            self._tap(CAPS_LOCK, state & ~LOCK)
        for code in held:
            self._fake(code, down=True)

    def _type_some(self, symbols: list[int]) -> int:
        """As many as the pool can hold at once; how many were typed."""
        state = self._state()
        group = _group(state)
        missing: dict[int, None] = {}
        count = 0
        for symbol in symbols:
            if self._map.find(symbol, group, state) is None:
                if symbol not in missing and len(missing) >= max(1, len(self._pool) // 2):
                    break
                missing[symbol] = None
            count += 1
        bound = self._bind(list(missing))
        for symbol in symbols[:count]:
            stroke = self._map.find(symbol, group, state) or Stroke(bound[symbol], None)
            with self._modifiers(symbol, stroke, state):
                self._fake(stroke.keycode, down=True)
                self._fake(stroke.keycode, down=False)
        return count

    def _tap(self, symbol: int, state: int) -> None:
        stroke = self._map.find(symbol, _group(state), state)
        if stroke is not None:
            self._fake(stroke.keycode, down=True)
            self._fake(stroke.keycode, down=False)

    def _fake(self, keycode: int, *, down: bool) -> None:
        if keycode == 0:
            return
        xtest.fake_input(self._display, X.KeyPress if down else X.KeyRelease, keycode)
        if keycode in self._spare:
            self._used_at = time.monotonic()

    def _state(self) -> int:
        return int(self._display.screen().root.query_pointer().mask)

    # -- the mapping and its spare keycodes --------------------------------------------------

    def _left_behind(self) -> Iterator[tuple[int, int]]:
        """Spare keycodes of a killed agent: off the letters, one symbol, more than once."""
        info = self._display.display.info
        first, last = info.min_keycode, info.max_keycode
        rows = self._display.get_keyboard_mapping(first, last - first + 1)
        for keycode, row in enumerate(rows, first):
            symbol = row[0]
            alone = row[1] == symbol and set(row) <= {symbol, X.NoSymbol}
            written = 0xA0 <= symbol < 0x100 or UNICODE <= symbol < 0x1110000
            if alone and written and keycode not in KEYCODES.values():
                yield keycode, symbol

    def _read_map(self) -> None:
        info = self._display.display.info
        first, last = info.min_keycode, info.max_keycode
        rows = [list(row) for row in self._display.get_keyboard_mapping(first, last - first + 1)]
        modifiers = [list(codes) for codes in self._display.get_modifier_mapping()]
        for keycode, symbol in list(self._spare.items()):
            row = rows[keycode - first]
            if row and row[0] == symbol:
                rows[keycode - first] = []  # ours: not a key of the layout
            else:
                del self._spare[keycode]  # somebody loaded another layout over it
        self._map = Keymap(first, rows, modifiers)
        self._pool = self._map.spare_keycodes()[:MAX_SPARE]
        self._spare = {code: symbol for code, symbol in self._spare.items() if code in self._pool}
        self._own_changes.clear()
        self._stale = False

    def _bind(self, symbols: list[int]) -> dict[int, int]:
        """A keycode for each of these; those that have one keep it."""
        new = [symbol for symbol in symbols if symbol not in self._spare.values()]
        if new and len(self._spare) + len(new) > len(self._pool):
            self._settle()
        bound = {self._spare[code]: code for code in self._spare}
        result: dict[int, int] = {}
        changes: dict[int, int] = {}
        kept = {bound[symbol] for symbol in symbols if symbol in bound}
        held = set(self._down.values())
        free = [code for code in self._pool if code not in self._spare]
        free += [code for code in self._spare if code not in kept | held]
        for symbol in symbols:
            if symbol in bound:
                keycode = bound[symbol]
                self._spare[keycode] = self._spare.pop(keycode)  # now the newest
            elif free:
                keycode = free.pop(0)
                self._spare.pop(keycode, None)
                self._spare[keycode] = symbol
                changes[keycode] = symbol
            else:
                log.warning("no keycode is free for another symbol; free some in the layout")
                keycode = 0
            result[symbol] = keycode
        for first, rows in spare_rows(changes):
            self._own_changes.add((first, len(rows)))
            self._display.change_keyboard_mapping(first, rows)
        if changes:
            self._ping.learn()
        return result

    def _settle(self) -> None:
        """Used keycodes get other symbols now: wait until their program has read them."""
        if self._used_at > self._settled_at:
            self._ping.wait(self._used_at)
            self._settled_at = time.monotonic()
            if self._stale:
                self._read_map()


def _group(state: int) -> int:
    return (state >> 13) & 3


def _is_text(symbol: int) -> bool:
    """Whether the level matters: a letter or sign, or the keypad's; not Tab, F5 or Shift."""
    return symbol < 0xFE00 or 0xFF80 <= symbol < 0xFFBE or UNICODE <= symbol < 0x1110000
