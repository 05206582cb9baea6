"""Places on a picture of another size than the screen has by now. Pure.

While the screen changes its size, an operator clicks on what is shown: the last frames of the old
size. The message names the frame, so its places are put where the same thing is now.
"""

from __future__ import annotations

from dataclasses import replace

from sessioncast_agent.control.messages import (
    ButtonMessage,
    Message,
    MoveMessage,
    TouchMessage,
    WheelMessage,
)

Size = tuple[int, int]


def fitted(message: Message, seen_px: Size | None, now_px: Size) -> Message:
    """The message for a screen of `now_px`. `seen_px` is the size of the frame that it names, None
    when that is not known: even, so one more than the screen's where that is odd."""
    if seen_px is None or all(0 <= a - b <= 1 for a, b in zip(seen_px, now_px, strict=True)):
        return message
    across, down = now_px[0] / seen_px[0], now_px[1] / seen_px[1]
    match message:
        case MoveMessage():
            return replace(message, x=message.x * across, y=message.y * down)
        case ButtonMessage() | WheelMessage() if message.x is not None and message.y is not None:
            return replace(message, x=message.x * across, y=message.y * down)
        case TouchMessage():
            points = tuple((number, x * across, y * down) for number, x, y in message.points)
            return replace(message, points=points)
        case _:
            return message
