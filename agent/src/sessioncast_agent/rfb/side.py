"""What our page hears and asks beside the picture: text messages on the same WebSocket, JSON arrays
as docs/protocol.md has them. Pure. VNC clients send no text, and so are never sent any.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

from sessioncast_agent.backend import CursorImage, CursorPosition

VERSION = 1
MAX_TEXT_CHARS = 2_000
MAX_LETTERS = 128
CALLS = frozenset(
    {"control.request", "control.release", "control.take", "control.grant", "control.deny"}
)


@dataclass(frozen=True)
class Hello:
    """The page wants to hear."""


@dataclass(frozen=True)
class Call:
    """The page asks; `number` comes back with the answer."""

    number: int
    method: str
    target: str


def read(text: str) -> Hello | Call | None:
    """One message of a page; None for what is none."""
    if len(text) > MAX_TEXT_CHARS:
        return None
    try:
        match json.loads(text):
            case ["hello", 1]:
                return Hello()
            case ["call", int(number), str(method), dict(body)] if method in CALLS:
                target = body.get("identity", "")
                return Call(number, method, target if isinstance(target, str) else "")
    except (ValueError, RecursionError):
        pass
    return None


def shape_message(image: CursorImage) -> list[Any]:
    """As the room's topic `cursor` has it."""
    numbers = (image.width_px, image.height_px, image.hot_x_px, image.hot_y_px)
    return ["cursor", ["img", image.digest, *numbers, base64.b64encode(image.png).decode()]]


class Letters:
    """What waits to be told: in order and bounded, but of places only the newest."""

    def __init__(self) -> None:
        self.open = False
        self.dropped = 0
        self._waiting: deque[str] = deque()
        self._place: CursorPosition | None = None
        self._seq = 0

    def put(self, message: list[Any]) -> None:
        """Let it wait, if the page listens."""
        if not self.open:
            return
        if len(self._waiting) >= MAX_LETTERS:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def place(self, place: CursorPosition) -> None:
        """Where the pointer is now."""
        self._place = place

    def take(self) -> list[str]:
        """All that waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        place, self._place = self._place, None
        if place is not None and self.open:
            self._seq += 1
            message = ["pos", self._seq, place.x_px, place.y_px, place.digest, place.visible]
            taken.append(json.dumps(["cursor", message], separators=(",", ":")))
        return taken
