"""The capture's connection on a real X server: shared memory and x11grab see the same screen."""

import select
import time

import numpy as np
import pytest

from sessioncast_agent.errors import CaptureFailed
from sessioncast_agent.media import RawFrame
from sessioncast_agent.x11.connection import GrabberScreen, ScreenConnection, open_screen
from sessioncast_agent.x11.shm import PICTURES, ShmScreen
from support.xserver import Canvas, XServer

pytestmark = pytest.mark.integration

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]


@pytest.fixture(autouse=True)
def _cookie(x: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in x.env.items():
        monkeypatch.setenv(name, value)


def pixels(frame: RawFrame) -> Pixels:
    plane = frame.picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height_px, plane.line_size)
    packed = rows[:, : frame.width_px * 4].reshape(frame.height_px, frame.width_px, 4)
    return packed[..., :3].copy()


def drawn(screen: ScreenConnection, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if screen.read_events()[0]:
            return True
        select.select([screen.fileno()], [], [], 0.1)
    return False


def test_shared_memory_and_x11grab_give_the_same_picture(x: XServer) -> None:
    shared = open_screen(x.display, draw_pointer=False)
    grabbed = GrabberScreen(x.display, draw_pointer=False)
    assert isinstance(shared, ShmScreen), "this is the usual way"
    pointed = open_screen(x.display, draw_pointer=True)
    assert isinstance(pointed, GrabberScreen)
    pointed.close()
    with x.connect() as display:
        Canvas(display).text_page(1)
        for screen in (shared, grabbed):
            assert drawn(screen)
        assert (pixels(shared.grab()) == pixels(grabbed.grab())).all()
    shared.close()
    grabbed.close()


def test_each_change_after_a_grab_is_reported_again(x: XServer) -> None:
    screen = open_screen(x.display, draw_pointer=False)
    with x.connect() as display:
        canvas = Canvas(display)
        for colour in (0x102030, 0x405060, 0x708090):
            screen.grab()
            screen.read_events()
            canvas.fill(colour)
            display.sync()
            assert drawn(screen)
            assert (pixels(screen.grab())[360, 640] == [colour & 255, colour >> 8 & 255,
                                                        colour >> 16]).all()  # fmt: skip
    screen.close()


def test_a_picture_that_somebody_keeps_is_not_written_over(x: XServer) -> None:
    screen = open_screen(x.display, draw_pointer=False)
    with x.connect() as display:
        canvas = Canvas(display)
        kept = []
        for number in range(PICTURES + 3):
            canvas.fill(number * 16)
            display.sync()
            kept.append(screen.grab())
        blues = [int(pixels(frame)[360, 640, 0]) for frame in kept]
        assert blues == [number * 16 for number in range(PICTURES + 3)]
    screen.close()


def test_a_smaller_screen_is_an_error_until_it_is_reopened(x: XServer) -> None:
    screen = open_screen(x.display, draw_pointer=False)
    x.resize(801, 601)
    with pytest.raises(CaptureFailed):
        screen.grab()
    screen.reopen()
    assert screen.size_px == (801, 601)
    assert pixels(screen.grab()).shape == (601, 801, 3)
    screen.close()
