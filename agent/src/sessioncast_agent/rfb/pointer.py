"""RFB's button masks and keys into the messages that everybody's input is made of. Pure."""

from __future__ import annotations

from sessioncast_agent.control.messages import (
    ButtonMessage,
    KeyMessage,
    Message,
    MoveMessage,
    WheelMessage,
    is_keysym,
)
from sessioncast_agent.inputs import Button
from sessioncast_agent.rfb.wire import KeyEvent, PointerEvent

WHEEL_STEP_PX = 100.0  # one click of a wheel, as browsers report it
_BUTTONS = {0: Button.LEFT, 1: Button.MIDDLE, 2: Button.RIGHT, 7: Button.BACK, 8: Button.FORWARD}
_WHEEL = {3: (0, -1), 4: (0, 1), 5: (-1, 0), 6: (1, 0)}

# XT scancodes (set 1, 0x80 for the E0 ones) → KeyboardEvent.code
_MAIN = (  # noqa: SIM905 - a hundred quotes would be harder to read
    "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal "
    "Backspace Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight "
    "Enter ControlLeft KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote "
    "ShiftLeft Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight "
    "NumpadMultiply AltLeft Space CapsLock F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock "
    "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 "
    "Numpad3 Numpad0 NumpadDecimal"
).split()
CODES = dict(enumerate(_MAIN, start=1)) | {
    0x54: "PrintScreen", 0x56: "IntlBackslash", 0x57: "F11", 0x58: "F12", 0x70: "KanaMode",
    0x73: "IntlRo", 0x79: "Convert", 0x7B: "NonConvert", 0x7D: "IntlYen", 0x9C: "NumpadEnter",
    0x9D: "ControlRight", 0xB5: "NumpadDivide", 0xB7: "PrintScreen", 0xB8: "AltRight",
    0xC6: "Pause", 0xC7: "Home", 0xC8: "ArrowUp", 0xC9: "PageUp", 0xCB: "ArrowLeft",
    0xCD: "ArrowRight", 0xCF: "End", 0xD0: "ArrowDown", 0xD1: "PageDown", 0xD2: "Insert",
    0xD3: "Delete", 0xDB: "MetaLeft", 0xDC: "MetaRight", 0xDD: "ContextMenu",
}  # fmt: skip


def key_messages(event: KeyEvent) -> list[Message]:
    """A key with its place on the keyboard, where the client knows it; none for no keysym."""
    if not is_keysym(event.keysym):
        return []
    return [KeyMessage(event.keysym, event.down, CODES.get(event.scancode, ""))]


class ButtonMask:
    """Remembers what is down, so that a new mask becomes presses and turns of the wheel."""

    def __init__(self) -> None:
        self._mask = 0
        self._place: tuple[int, int] | None = None
        self._seq = 0

    def messages(self, event: PointerEvent) -> list[Message]:
        """What this mask and place mean."""
        x, y = place = (event.x_px, event.y_px)
        changed, self._mask = self._mask ^ event.mask, event.mask
        messages: list[Message] = []
        if place != self._place:
            self._place = place
            messages.append(MoveMessage(self._next(), x, y, 0))
        for bit, button in _BUTTONS.items():
            if changed >> bit & 1:
                down = bool(event.mask >> bit & 1)
                messages.append(ButtonMessage(self._next(), button, down, x, y, 0))
        for bit, (right, down_) in _WHEEL.items():
            if changed & event.mask & 1 << bit:  # its release says nothing
                dx, dy = right * WHEEL_STEP_PX, down_ * WHEEL_STEP_PX
                messages.append(WheelMessage(self._next(), dx, dy, x, y, 0))
        return messages

    def _next(self) -> int:
        self._seq += 1
        return self._seq
