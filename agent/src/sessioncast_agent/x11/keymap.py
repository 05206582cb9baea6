"""Which key, with which modifiers, gives a symbol on a keyboard. Pure.

The core keyboard mapping lists, for each keycode, group 1's levels 1 and 2, group 2's levels 1
and 2, then levels 3 and 4 of both. Level 2 is had by Shift, level 3 by AltGr, level 4 by both; caps
lock acts as Shift on letters, num lock on the keypad.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sessioncast_agent.x11.keysyms import canonical, other_case

SHIFT, LOCK = 1, 2  # core modifier bits
NO_SYMBOL = 0
SHIFT_L, LEVEL3 = 0xFFE1, 0xFE03
NUM_LOCK, CAPS_LOCK = 0xFF7F, 0xFFE5
MODIFIERS = frozenset([*range(0xFFE1, 0xFFEF), *range(0xFE01, 0xFE14), 0xFF7E, NUM_LOCK])
SYNONYMS = {
    0xFFE2: (0xFFE1,),  # Shift_R
    0xFFE4: (0xFFE3,),  # Control_R
    0xFFEA: (0xFFE9, LEVEL3),  # Alt_R
    0xFFE7: (0xFFEB, 0xFFE9),  # Meta_L: a Mac's command key
    0xFFE8: (0xFFEC, 0xFFEB, 0xFFE9),
    0xFFEC: (0xFFEB,),  # Super_R
    0xFF7E: (LEVEL3,),  # Mode_switch
    LEVEL3: (0xFF7E,),
    0xFF8D: (0xFF0D,),  # KP_Enter
}
_KEYPAD = range(0xFF80, 0xFFBE)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A key and the level that has the symbol; None as level: whatever the modifiers are."""

    keycode: int
    level: int | None


@dataclass(frozen=True, slots=True)
class Bits:
    """Which modifier bits stand for what under the present map."""

    level3: int
    num: int


class Keymap:
    """One keyboard mapping as the server has it."""

    def __init__(
        self,
        first_keycode: int,
        rows: Sequence[Sequence[int]],
        modifiers: Iterable[Iterable[int]],
    ) -> None:
        self._rows: dict[int, list[int]] = {
            first_keycode + at: [canonical(symbol) for symbol in row] for at, row in enumerate(rows)
        }
        self._strokes: dict[int, dict[int, list[Stroke]]] = {}
        self.modifier_keycodes = [[code for code in codes if code] for codes in modifiers]
        self.bits = Bits(self._bit_of(LEVEL3), self._bit_of(NUM_LOCK))
        self.shift = self._first(SHIFT_L, self.modifier_keycodes[0])
        bit3 = self.bits.level3
        self.altgr = (
            self._first(LEVEL3, self.modifier_keycodes[bit3.bit_length() - 1]) if bit3 else None
        )

    def spare_keycodes(self) -> list[int]:
        """Keycodes without any symbol, the highest first (those of no real key)."""
        return [code for code, row in sorted(self._rows.items(), reverse=True) if not any(row)]

    def find(self, symbol: int, group: int, state: int) -> Stroke | None:
        """The key that gives `symbol`, best one that needs no other modifiers than are down."""
        strokes = self._strokes.get(group)
        if strokes is None:
            strokes = self._strokes[group] = self._index(group)
        for name in (canonical(symbol), *SYNONYMS.get(symbol, ())):
            found = [stroke for stroke in strokes.get(name, ()) if self._reachable(stroke)]
            if found:
                ready = [s for s in found if s.level == self.level(s.keycode, group, state)]
                return (ready or found)[0]
        return None

    def level(self, keycode: int, group: int, state: int) -> int:
        """The level that this key has now."""
        levels = self._levels(keycode, group)
        shift = bool(state & SHIFT)
        third = bool(state & self.bits.level3) and any(levels[2:])
        pair = levels[2:] if third else levels[:2]
        if state & LOCK and pair[0] != pair[1] and other_case(pair[0]) == pair[1]:
            shift = not shift
        if levels[0] in _KEYPAD or levels[1] in _KEYPAD:
            shift ^= bool(state & self.bits.num)
        return (2 if third else 0) + (1 if shift else 0)

    def wanted_state(self, stroke: Stroke, group: int, state: int) -> tuple[bool, bool]:
        """Whether Shift and AltGr must be down for this stroke, given the locks."""
        level = stroke.level or 0
        altgr = level >= 2
        without = state & ~SHIFT & ~self.bits.level3
        at_rest = self.level(stroke.keycode, group, without | (self.bits.level3 if altgr else 0))
        return (level & 1) != (at_rest & 1), altgr

    def _index(self, group: int) -> dict[int, list[Stroke]]:
        strokes: dict[int, list[Stroke]] = {}
        for level in range(4):
            for keycode in self._rows:
                symbol = self._levels(keycode, group)[level]
                if symbol != NO_SYMBOL:
                    strokes.setdefault(symbol, []).append(Stroke(keycode, level))
        return strokes

    def _levels(self, keycode: int, group: int) -> list[int]:
        """Four levels of a key in a group; the first group's where it has no other."""
        row = [*self._rows.get(keycode, ()), *[NO_SYMBOL] * 8]
        first, second = [*row[0:2], *row[4:6]], [*row[2:4], *row[6:8]]
        levels = second if group == 1 and any(second) else first
        if levels[1] == NO_SYMBOL:
            levels[1] = other_case(levels[0]) if levels[0] else NO_SYMBOL
        if levels[2] != NO_SYMBOL and levels[3] == NO_SYMBOL:
            levels[3] = levels[2]
        return levels

    def _reachable(self, stroke: Stroke) -> bool:
        level = stroke.level or 0
        return (level < 2 or self.altgr is not None) and (level % 2 == 0 or self.shift is not None)

    def _bit_of(self, symbol: int) -> int:
        for bit, codes in enumerate(self.modifier_keycodes):
            if any(symbol in self._rows.get(code, ()) for code in codes):
                return 1 << bit
        return 0

    def _first(self, symbol: int, codes: Iterable[int]) -> int | None:
        return next((code for code in codes if symbol in self._rows.get(code, ())), None)


def spare_rows(symbols: Mapping[int, int]) -> list[tuple[int, list[list[int]]]]:
    """Requests that give each keycode its one symbol on all levels, neighbours in one."""
    requests: list[tuple[int, list[list[int]]]] = []
    for keycode, symbol in sorted(symbols.items()):
        row = [symbol] * 4
        if requests and requests[-1][0] + len(requests[-1][1]) == keycode:
            requests[-1][1].append(row)
        else:
            requests.append((keycode, [row]))
    return requests
