"""Input in real programs: what xterm, a GTK editor, Chromium and Firefox received."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sessioncast_agent.inputs import Button, InputEvent, Key, Locks, Move, Press, Text, Wheel
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.input import X11Input
from sessioncast_agent.x11.keyboard import Keyboard
from support.programs import Program, chromium, firefox, gtk_editor, wait_for, xterm
from support.xserver import XServer

pytestmark = pytest.mark.integration

LAYOUTS = ("us", "de", "fr", "ru")
PROGRAMS = {"xterm": xterm, "gtk": gtk_editor, "chromium": chromium, "firefox": firefox}
TEXT = (
    "Hello, World! #1 @€{}[]|~^`\u00b4 \\/ <>;:'\"? 0123456789 "
    "äöüß ÄÖÜ éèçàù ÉÈ Привет Ёжик ЙЦУКЕН 日本語 漢字仮名交じり文 한국어 👋😀🚀 end."
)
# A window that answers no pings (xterm's) is given 0.3 s for each new character.
SHORT = "Hello @€{}[] äöß ÉÈ Привет 日本 👋 end."
CONTROL_L, SHIFT_L, ALTGR, RETURN, DEAD_ACUTE = 0xFFE3, 0xFFE1, 0xFE03, 0xFF0D, 0xFE51
CAPS_LOCK = 0xFFE5


@contextmanager
def hand(x: XServer) -> Iterator[X11Input]:
    before = os.environ.get("XAUTHORITY")
    os.environ["XAUTHORITY"] = x.env["XAUTHORITY"]
    device = X11Input(x.display, usage=UsageMeter())
    device.start()
    try:
        yield device
    finally:
        device.stop(5.0)
        if before is None:
            del os.environ["XAUTHORITY"]
        else:
            os.environ["XAUTHORITY"] = before


def setxkbmap(x: XServer, layout: str) -> None:
    subprocess.run(["setxkbmap", layout], env=os.environ | x.env, check=True, timeout=10)


def click(x_px: int, y_px: int, button: Button = Button.LEFT) -> list[InputEvent]:
    return [Press(button, True, (x_px, y_px)), Press(button, False, None)]


def stroke(*symbols: int, code: str = "") -> list[InputEvent]:
    downs: list[InputEvent] = [Key(symbol, True, code) for symbol in symbols]
    return downs + [Key(symbol, False, code) for symbol in reversed(symbols)]


def keyboard(text: str) -> list[InputEvent]:
    """As a browser sends it: one symbol after the other, without the modifiers' keys."""
    events: list[InputEvent] = []
    for char in text:
        point = ord(char)
        events += stroke(point if point < 0x100 else 0x1000000 + point)
    return events


@pytest.fixture(params=list(PROGRAMS))
def program(
    request: pytest.FixtureRequest, x: XServer, tmp_path: Path
) -> Iterator[tuple[str, Program]]:
    start: Callable[[XServer, Path], AbstractContextManager[Program]] = PROGRAMS[request.param]
    setxkbmap(x, "us")
    with start(x, tmp_path) as running:
        yield request.param, running
    setxkbmap(x, "us")


def read(device: X11Input, name: str, running: Program, length: int) -> str:
    """What it received; the editor is told to save first."""
    if name == "gtk":
        device.inject(stroke(CONTROL_L, ord("s"), code="KeyS"))
        try:
            wait_for(lambda: len(running.received()) >= length, "the editor has saved")
        except AssertionError as error:
            raise AssertionError(f"{error}: {len(running.received())}") from error
        return running.received().rstrip("\n")
    try:
        wait_for(lambda: len(running.received()) >= length, f"{length} characters came")
    except AssertionError as error:
        raise AssertionError(f"{error}: {running.received()!r}") from error
    return running.received()


@pytest.mark.timeout(240)
def test_every_program_gets_the_text_and_keys_of_every_layout(
    program: tuple[str, Program], x: XServer
) -> None:
    name, running = program
    with hand(x) as device:
        device.inject(click(200, 150))
        received = ""
        for layout in LAYOUTS:
            setxkbmap(x, layout)
            device.inject([Text(f"{layout}1: {TEXT}")])
            received += f"{layout}1: {TEXT}"
            assert read(device, name, running, len(received)) == received
            keys = f"{layout}2: {SHORT if name == 'xterm' else TEXT}"
            device.inject(keyboard(keys))
            received += keys
            assert read(device, name, running, len(received)) == received


@pytest.mark.timeout(240)
def test_a_burst_of_a_thousand_characters_is_complete_and_in_order(
    program: tuple[str, Program], x: XServer
) -> None:
    name, running = program
    text = "".join(chr(0x21 + number * 7 % 94) for number in range(1000))
    with hand(x) as device:
        device.inject(click(200, 150))
        device.inject(keyboard(text))
        assert read(device, name, running, 1000) == text


def test_shift_and_altgr_are_what_the_symbol_needs_and_then_what_they_were(
    x: XServer, tmp_path: Path
) -> None:
    setxkbmap(x, "us")
    with hand(x) as device, xterm(x, tmp_path) as running:
        device.inject(click(200, 150))
        # a German's keyboard at a US desktop: AltGr+Q is @, Shift+7 is /, Shift+ß is ?
        device.inject([Key(ALTGR, True), *stroke(ord("@")), *stroke(ord("€")), Key(ALTGR, False)])
        device.inject([Key(SHIFT_L, True), *stroke(ord("/")), *stroke(ord("?"))])
        device.inject([*stroke(ord("A")), Key(SHIFT_L, False), *stroke(ord("a"))])
        # text while Control is held is text
        device.inject([Key(CONTROL_L, True), Text("c\n"), *stroke(ord("d")), Key(CONTROL_L, False)])
        expected = "@€/?Aac\r\x04"
        wait_for(lambda: len(running.received()) >= len(expected), "all came")
        assert running.received() == expected
        # the symbol's key is let go by the code that it had, whatever the layout is now
        device.inject([Key(ord("z"), True)])
        wait_for(lambda: running.received().endswith("z"), "z came")
        setxkbmap(x, "de")
        device.inject([Key(ord("z"), False)])
        wait_for(lambda: not held_keys(x), "nothing is down")
    setxkbmap(x, "us")


def test_the_spare_keycodes_of_a_killed_agent_are_used_again(x: XServer, tmp_path: Path) -> None:
    setxkbmap(x, "us")
    with x.connect() as display:
        killed = Keyboard(display)
        pool = len(killed._pool)
        assert pool >= 8
        killed.type("Жßü日")
        display.sync()
    with x.connect() as display, xterm(x, tmp_path) as running:
        display.screen().root.warp_pointer(200, 150)
        keyboard_again = Keyboard(display)
        assert len(keyboard_again._pool) == pool
        text = "日本語ЖÄ" + "".join(chr(0x4E00 + number) for number in range(2 * pool))
        keyboard_again.type(text)
        display.sync()
        wait_for(lambda: len(running.received()) >= len(text), "all came")
        assert running.received() == text
        keyboard_again.close()
        display.sync()
        rows = display.get_keyboard_mapping(8, 248)
        assert not any(symbol >= 0x1000000 and symbol < 0x1110000 for row in rows for symbol in row)


def held_keys(x: XServer) -> list[int]:
    with x.connect() as display:
        keymap = display.query_keymap()
    return [code for code in range(256) if keymap[code // 8] & (1 << code % 8)]


def held_buttons(x: XServer) -> int:
    with x.connect() as display:
        return int(display.screen().root.query_pointer().mask) & 0x1F00


def test_dead_keys_locks_and_release(x: XServer, tmp_path: Path) -> None:
    setxkbmap(x, "de")
    with hand(x) as device, chromium(x, tmp_path) as running:
        device.inject(click(200, 150))
        device.inject([*stroke(DEAD_ACUTE, code="Equal"), *stroke(ord("e"))])
        wait_for(lambda: running.received() == "é", f"é, not {running.received()!r}")
        device.inject([Locks(True, None), *stroke(ord("A")), *stroke(ord("b")), *keyboard("Ää")])
        device.inject([Text("cD"), *keyboard("Жж")])
        wait_for(lambda: len(running.received()) >= 9, "all came")
        assert running.received() == "éAbÄäcDЖж"
        device.inject([Locks(False, True), *stroke(0xFFB1), *stroke(0xFFAC)])  # KP_1, KP_Separator
        wait_for(lambda: running.received()[9:] in {"1,", "1."}, f"{running.received()!r}")
        device.inject([Key(SHIFT_L, True), Key(ord("x"), True), Press(Button.LEFT, True, (9, 9))])
        wait_for(lambda: held_keys(x) and held_buttons(x), "they are down")
        device.release_all()
        wait_for(lambda: not held_keys(x) and not held_buttons(x), "all is up")
    setxkbmap(x, "us")


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_pointer_buttons_and_wheel_in_browsers(browser: str, x: XServer, tmp_path: Path) -> None:
    setxkbmap(x, "us")
    with hand(x) as device, PROGRAMS[browser](x, tmp_path) as running:
        device.inject([Move(300, 600), *click(320, 610), *click(330, 620, Button.MIDDLE)])
        wait_for(lambda: len(running.events("mouseup")) >= 2, "two buttons came")
        assert [event[1:3] for event in running.events("mouseup")] == [["b", 0], ["b", 1]]
        assert running.events("mousedown")[0][3:] == [320, 610]
        for turns, direction in (
            ([Wheel(0, 40, (300, 600)), Wheel(0, 40, None), Wheel(0, 40, None)], (0, 1)),
            ([Wheel(0, -120, None)], (0, -1)),
            ([Wheel(250, 0, None)], (1, 0)),
        ):
            before = len(running.events("wheel"))
            device.inject(turns)
            wait_for(lambda: len(running.events("wheel")) > before, "the wheel turned")  # noqa: B023
            for _, dx, dy in running.events("wheel")[before:]:
                assert ((dx > 0) - (dx < 0), (dy > 0) - (dy < 0)) == direction
        # a shortcut from another alphabet: Ctrl and the Cyrillic letter of C's key are Ctrl+C
        device.inject(stroke(CONTROL_L, 0x1000441, code="KeyC"))
        wait_for(lambda: len(running.events("keydown")) >= 2, "the shortcut came")
        assert running.events("keydown")[-1][1:4] == ["c", "KeyC", True]
        # and shift is part of a shortcut, whichever case its letter was given in
        for letter in "zZ":
            before = len(running.events("keydown"))
            device.inject(stroke(CONTROL_L, SHIFT_L, ord(letter), code="KeyZ"))
            wait_for(lambda: len(running.events("keydown")) >= before + 3, "it came")  # noqa: B023
            assert running.events("keydown")[-1][1:5] == ["Z", "KeyZ", True, True]
