"""Places on pictures of a size that the screen no longer has."""

import pytest

from sessioncast_agent.control.fitting import fitted
from sessioncast_agent.control.messages import (
    ButtonMessage,
    KeyMessage,
    Message,
    MoveMessage,
    TouchMessage,
    WheelMessage,
)

pytestmark = pytest.mark.unit

HALF = ((1280, 720), (640, 360))


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (MoveMessage(1, 640, 360, 7), MoveMessage(1, 320, 180, 7)),
        (ButtonMessage(1, 0, True, 100, 40, 7), ButtonMessage(1, 0, True, 50, 20, 7)),
        (ButtonMessage(1, 0, True, None, None, 7), ButtonMessage(1, 0, True, None, None, 7)),
        (WheelMessage(1, 0, 5, 10, 20, 7), WheelMessage(1, 0, 5, 5, 10, 7)),
        (TouchMessage(1, "move", ((3, 8, 6),), 7), TouchMessage(1, "move", ((3, 4, 3),), 7)),
        (KeyMessage(65, True, ""), KeyMessage(65, True, "")),
    ],
)
def test_a_place_goes_where_the_same_thing_is_now(message: Message, wanted: Message) -> None:
    assert fitted(message, *HALF) == wanted


@pytest.mark.parametrize(
    ("seen", "now"), [(None, (640, 360)), ((640, 360), (640, 360)), ((802, 602), (801, 601))]
)
def test_it_stays_where_the_size_is_the_same_or_not_known(
    seen: tuple[int, int] | None, now: tuple[int, int]
) -> None:
    message = MoveMessage(1, 333, 222, 7)
    assert fitted(message, seen, now) is message
