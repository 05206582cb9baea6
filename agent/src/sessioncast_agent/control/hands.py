"""From messages to the events that a backend injects, and what the holder has down. Pure."""

from __future__ import annotations

import math

from sessioncast_agent.control.messages import (
    BeatMessage,
    ButtonMessage,
    KeyMessage,
    Message,
    MoveMessage,
    RelMessage,
    ResetMessage,
    TextMessage,
    TouchMessage,
    WheelMessage,
)
from sessioncast_agent.inputs import (
    Button,
    InputEvent,
    Key,
    Locks,
    Move,
    MoveBy,
    Press,
    Text,
    Touch,
    TouchPoint,
    Wheel,
)

_NAMES = {Move: "move", MoveBy: "rel", Press: "button", Wheel: "wheel", Key: "key", Text: "text",
          Locks: "locks", Touch: "touch"}  # fmt: skip


class Sequence:
    """Which of one sender's positional messages are stale: a move that came after a later one."""

    def __init__(self) -> None:
        self._last = -1

    def fresh(self, message: Message) -> bool:
        """Whether it may act; everything but a move always may, for it comes in order."""
        seq = getattr(message, "seq", None)
        if seq is None:
            return True
        if isinstance(message, MoveMessage) and seq <= self._last:
            return False
        self._last = max(self._last, seq)
        return True


def is_bare_move(message: Message) -> bool:
    """Whether it moves the pointer and does nothing else."""
    return isinstance(message, MoveMessage | RelMessage)


class Hands:
    """The hands of whoever has control: one ledger for the life of the session."""

    def __init__(self) -> None:
        self._keys: dict[int, str] = {}
        self._buttons: set[Button] = set()
        self._locks: Locks | None = None
        self._rest_x = self._rest_y = 0.0
        self._touching = False

    @property
    def dragging(self) -> bool:
        """Whether a button or a finger is down."""
        return bool(self._buttons) or self._touching

    @property
    def holding(self) -> bool:
        """Whether anything is down."""
        return bool(self._keys) or self.dragging

    def let_go(self) -> None:
        """All was released (the backend is told separately)."""
        self._keys.clear()
        self._buttons.clear()
        self._locks = None
        self._rest_x = self._rest_y = 0.0
        self._touching = False

    def events(self, message: Message, size_px: tuple[int, int]) -> list[InputEvent]:  # noqa: PLR0911 - one a kind
        """What to inject for it; a `reset` is the caller's."""
        match message:
            case MoveMessage(x=x, y=y):
                return [Move(*_clamped(x, y, size_px))]
            case RelMessage(dx=dx, dy=dy):
                return self._moved_by(dx, dy)
            case ButtonMessage():
                return self._press(message, size_px)
            case WheelMessage(dx=dx, dy=dy, x=x, y=y):
                return [Wheel(dx, dy, _place(x, y, size_px))]
            case KeyMessage(keysym=keysym, down=down, code=code):
                return self._key(keysym, code, down=down)
            case TextMessage(text=text):
                return [Text(text)]
            case TouchMessage(phase=phase, points=points):
                self._touching = bool(points) and phase != "cancel"
                placed = (TouchPoint(name, *_clamped(x, y, size_px)) for name, x, y in points)
                return [Touch(phase, tuple(placed))]
            case BeatMessage():
                return self._reconcile(message)
            case ResetMessage():
                return []

    def _moved_by(self, dx: float, dy: float) -> list[InputEvent]:
        self._rest_x, whole_x = math.modf(self._rest_x + dx)
        self._rest_y, whole_y = math.modf(self._rest_y + dy)
        return [MoveBy(int(whole_x), int(whole_y))] if whole_x or whole_y else []

    def _press(self, message: ButtonMessage, size_px: tuple[int, int]) -> list[InputEvent]:
        button = Button(message.button)
        if message.down == (button in self._buttons):
            return []
        if message.down:
            self._buttons.add(button)
        else:
            self._buttons.discard(button)
        return [Press(button, message.down, _place(message.x, message.y, size_px))]

    def _key(self, keysym: int, code: str, *, down: bool) -> list[InputEvent]:
        if down == (keysym in self._keys):
            return []  # a repeat is the session's own affair
        if down:
            self._keys[keysym] = code
        else:
            del self._keys[keysym]
        return [Key(keysym, down, code)]

    def _reconcile(self, beat: BeatMessage) -> list[InputEvent]:
        """Beats come in order with the keys: what is down here and not there got lost."""
        events: list[InputEvent] = []
        for keysym in [key for key in self._keys if key not in beat.keys]:
            events += self._key(keysym, self._keys[keysym], down=False)
        for button in [button for button in self._buttons if button not in beat.buttons]:
            self._buttons.discard(button)
            events.append(Press(button, False, None))
        locks = Locks(beat.caps, beat.num)
        if locks != self._locks and locks != Locks(None, None):
            self._locks = locks
            events.append(locks)
        return events


def _clamped(x: float, y: float, size_px: tuple[int, int]) -> tuple[int, int]:
    width, height = size_px
    return (
        min(max(math.floor(x + 0.5), 0), max(width - 1, 0)),
        min(max(math.floor(y + 0.5), 0), max(height - 1, 0)),
    )


def _place(x: float | None, y: float | None, size_px: tuple[int, int]) -> tuple[int, int] | None:
    return None if x is None or y is None else _clamped(x, y, size_px)


def describe(event: InputEvent) -> dict[str, object]:
    """The event as the audit writes it."""
    fields: dict[str, object] = {"do": _NAMES[type(event)]}
    match event:
        case Move(x, y):
            fields |= {"x": x, "y": y}
        case MoveBy(dx, dy):
            fields |= {"dx": dx, "dy": dy}
        case Press(button, down, place):
            fields |= {"button": int(button), "down": down, **_at(place)}
        case Wheel(dx, dy, place):
            fields |= {"dx": dx, "dy": dy, **_at(place)}
        case Key(keysym, down, code):
            fields |= {"keysym": keysym, "down": down, "code": code}
        case Text(text):
            fields |= {"text": text}
        case Locks(caps, num):
            fields |= {"caps": caps, "num": num}
        case Touch(phase, points):
            fields |= {"phase": phase, "points": [[p.id, p.x_px, p.y_px] for p in points]}
    return fields


def _at(place: tuple[int, int] | None) -> dict[str, object]:
    return {} if place is None else {"x": place[0], "y": place[1]}
