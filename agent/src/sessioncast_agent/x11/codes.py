"""`KeyboardEvent.code` → X keycode of the evdev rules, for the keys that shortcuts are made of."""

from __future__ import annotations

_ROWS = {
    10: "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal",
    24: "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight",
    38: "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote",
    51: "Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash",
}

KEYCODES: dict[str, int] = {
    name: first + at for first, row in _ROWS.items() for at, name in enumerate(row.split())
} | {"IntlBackslash": 94, "Space": 65}
