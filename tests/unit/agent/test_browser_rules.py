"""Rules of browser sessions: addresses, policy, keys, what input becomes, pointer shapes."""

import asyncio
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioncast_agent.cdp.address import parse_address
from sessioncast_agent.cdp.cursor import cursor_image, known_shape
from sessioncast_agent.cdp.embedded import PointerPainter
from sessioncast_agent.cdp.input import MAX_QUEUED, InputPump, InputTranslator
from sessioncast_agent.cdp.keys import CTRL, SHIFT, key_info
from sessioncast_agent.cdp.news import Answer, News, PromptClosed, PromptOpened
from sessioncast_agent.cdp.policy import UrlPolicy, complete
from sessioncast_agent.cdp.prompts import MAX_OPEN, Prompts
from sessioncast_agent.config import (
    BrowserSource,
    DisplaySource,
    choose_source,
)
from sessioncast_agent.errors import BrowserRefused, CannotStart
from sessioncast_agent.inputs import (
    Button,
    InputEvent,
    Key,
    Move,
    MoveBy,
    Press,
    Text,
    Touch,
    TouchPoint,
    Wheel,
)
from sessioncast_agent.media import RawFrame
from sessioncast_agent.video.convert import Converter

pytestmark = pytest.mark.unit


def source(**changes: Any) -> Any:
    settings: dict[str, Any] = {"display": None, "cdp_url": None, "allow_urls": [], "deny_urls": [],
                "viewport": "1280x720"}  # fmt: skip
    return choose_source(**(settings | changes))


def test_a_browser_wins_over_a_display_that_is_only_in_the_environment() -> None:
    assert source(display=":1") == DisplaySource(":1")
    chosen = source(display=":1", cdp_url="http://127.0.0.1:9222", viewport="801x603@1.5")
    assert isinstance(chosen, BrowserSource)
    assert (chosen.width_px, chosen.height_px, chosen.scale) == (800, 602, 1.5)
    for viewport in ("", "1280", "0x0", "99999x10", "1280x720@9", "1280x720@0.1"):
        with pytest.raises(CannotStart):
            source(cdp_url="http://127.0.0.1:9222", viewport=viewport)


def white_jpeg_picture(width: int, height: int) -> RawFrame:
    picture = av.VideoFrame(width, height, "yuvj420p")
    for plane, value in zip(picture.planes, (255, 90, 200), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return RawFrame(picture, width, height, 7)


def samples(frame: RawFrame, plane: int) -> Any:
    found = frame.picture.planes[plane]
    rows = np.frombuffer(memoryview(found), np.uint8).reshape(found.height, found.line_size)
    return rows[:, : found.width]


def test_the_pointer_is_drawn_into_a_copy_at_its_hot_spot() -> None:
    painter, frame = PointerPainter(), white_jpeg_picture(100, 80)
    assert painter.painted(frame) is frame, "no pointer yet"
    painter.move((41, 31), "default")
    shown = painter.painted(frame)
    assert shown.captured_us == 7
    assert samples(frame, 0).min() == 255, "the picture that was given stays as it is"
    rows, columns = np.nonzero(samples(shown, 0) < 128)
    assert (rows.min() - 31, columns.min() - 41) in {(0, 0), (1, 0), (0, 1), (1, 1)}
    assert rows.max() < 31 + 24
    assert columns.max() < 41 + 24
    colour = samples(shown, 1)
    assert colour[20, 22] > 110, "black has no colour"
    assert colour[:10].max() == 90, "and far from it the colours are the picture's"
    painter.move((41, 31), "")
    assert painter.painted(frame) is frame, "hidden"


@pytest.mark.parametrize(
    ("place", "seen"),
    [((0, 0), True), ((99, 79), True), ((99, -1), True), ((-50, 10), False), ((5000, 5000), False)],
)
def test_a_pointer_at_the_edge_is_cut_off(place: tuple[int, int], seen: bool) -> None:
    painter, frame = PointerPainter(), white_jpeg_picture(100, 80)
    painter.move(place, "move")
    shown = painter.painted(frame)
    assert (shown.picture.width, shown.picture.height) == (100, 80)
    assert bool((samples(shown, 0) < 128).any()) is seen


@pytest.mark.parametrize(
    ("url", "page", "loopback"),
    [
        ("http://127.0.0.1:9222", False, True),
        ("http://localhost:9222/", False, True),
        ("http://[::1]:9222", False, True),
        ("https://browser.example:443", False, False),
        ("ws://10.0.0.3:9222/devtools/browser/abc", False, False),
        ("ws://127.0.0.1:9222/devtools/page/ABC", True, True),
        ("wss://host.example/devtools/page/ABC?token=s", True, False),
    ],
)
def test_addresses_of_devtools(url: str, page: bool, loopback: bool) -> None:
    address = parse_address(url)
    assert (address.page, address.loopback) == (page, loopback)
    assert "token" not in repr(address)


@pytest.mark.parametrize("url", ["", "9222", "ftp://h", "http://", "http://u:p@h:1", "http://h:0"])
def test_what_is_no_address_of_devtools(url: str) -> None:
    with pytest.raises(CannotStart):
        parse_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "chrome://settings",
        "chrome-extension://abc/x.html",
        "devtools://devtools/bundled/inspector.html",
        "view-source:https://example.com",
        "javascript:alert(1)",
        "about:version",
        "filesystem:http://a/x",
        "http://[bad",
        "https://example.com/" + "x" * 9_000,
    ],
)
def test_what_no_policy_allows(url: str) -> None:
    assert UrlPolicy().refusal(url)
    assert UrlPolicy.from_lists(["*://*/*", "file:*"], []).refusal(url)


@pytest.mark.parametrize("url", ["", "about:blank", "about:blank#x", "https://a.example/p?q#f",
                                 "data:text/html,hi", "blob:https://a.example/1"])  # fmt: skip
def test_what_is_allowed_without_lists(url: str) -> None:
    assert UrlPolicy().refusal(url) is None


def test_lists_of_hosts_and_patterns() -> None:
    policy = UrlPolicy.from_lists(["example.com", "https://*.a.test/docs/*"], ["bad.example.com"])
    for url in ("https://example.com", "http://www.example.com:8080/x", "https://x.a.test/docs/1",
                "blob:https://example.com/1", "about:blank"):  # fmt: skip
        assert policy.refusal(url) is None, url
    for url in ("https://bad.example.com/", "https://example.org/", "https://notexample.com/",
                "https://evil.test/.a.test/docs/1", "http://x.a.test/docs/1", "https://a.test/docs/",
                "https://example.com@evil.test/", "https://evil.test/?example.com",
                "blob:https://evil.test/1"):  # fmt: skip
        assert policy.refusal(url), url


@pytest.mark.parametrize("pattern", ["", "  ", "no pattern", "/path", "exa mple.com"])
def test_patterns_that_are_none_are_refused_at_the_start(pattern: str) -> None:
    with pytest.raises(CannotStart):
        UrlPolicy.from_lists([pattern], [])


@given(st.text(max_size=200))
def test_the_policy_has_an_answer_for_everything(url: str) -> None:
    UrlPolicy.from_lists(["example.com"], ["https://*/x*"]).refusal(url)


def test_what_people_type_becomes_an_address() -> None:
    assert complete(" example.com/a ") == "https://example.com/a"
    assert complete("localhost:3000") == "http://localhost:3000"
    assert complete("127.0.0.1:80/x") == "http://127.0.0.1:80/x"
    assert complete("https://a.example") == "https://a.example"
    assert complete("file:///x") == "file:///x"  # and then the policy refuses it
    assert complete("") == "about:blank"


def test_keys_have_key_code_and_windows_code() -> None:
    expected = {
        (ord("a"), "KeyA"): ("a", "KeyA", 65),
        (ord("A"), ""): ("A", "KeyA", 65),
        (ord("a"), "KeyQ"): ("a", "KeyQ", 65),  # a French keyboard
        (ord("!"), ""): ("!", "Digit1", 49),
        (ord(";"), ""): (";", "Semicolon", 186),
        (ord("ö"), "Semicolon"): ("ö", "Semicolon", 186),
        (0xFF0D, "Enter"): ("Enter", "Enter", 13),
        (0xFFE3, ""): ("Control", "ControlLeft", 17),
        (0xFFBE, ""): ("F1", "F1", 112),
        (0xFFB5, ""): ("5", "Numpad5", 101),
        (0x01000000 + ord("日"), ""): ("日", "", 0),
        (0x20, "Space"): (" ", "Space", 32),
    }
    for (keysym, code), (key, wanted, virtual) in expected.items():
        info = key_info(keysym, code)
        assert info is not None
        assert (info.key, info.code, info.virtual_key) == (key, wanted, virtual)
    assert key_info(0x1234567, "") is None
    assert key_info(0x0100D800, "") is None, "half a surrogate is no character"


@given(st.integers(0, 1 << 32), st.text(max_size=30))
def test_any_keysym_has_an_answer(keysym: int, code: str) -> None:
    key_info(keysym, code)


def run(*events: InputEvent, at_s: float = 0.0) -> list[tuple[str, dict[str, Any]]]:
    translator = InputTranslator()
    translator.size_px = (1280, 720)
    return [command for event in events for command in translator.commands(event, at_s)]


def test_modifiers_are_counted_and_take_the_text_away() -> None:
    commands = [params for _, params in run(
        Key(0xFFE3, True), Key(ord("c"), True), Key(ord("c"), False), Key(0xFFE3, False),
        Key(0xFFE1, True), Key(ord("A"), True),
    )]  # fmt: skip
    assert [params["modifiers"] for params in commands] == [CTRL, CTRL, CTRL, 0, SHIFT, SHIFT]
    assert commands[1]["type"] == "rawKeyDown"
    assert "text" not in commands[1]
    assert (commands[5]["type"], commands[5]["text"]) == ("keyDown", "A")


def test_a_key_that_stays_down_repeats_and_one_that_is_not_down_cannot_go_up() -> None:
    commands = [params for _, params in run(
        Key(ord("x"), True), Key(ord("x"), True), Key(ord("y"), False), Key(ord("x"), False),
    )]  # fmt: skip
    assert [params["type"] for params in commands] == ["keyDown", "keyDown", "keyUp"]
    assert [params.get("autoRepeat") for params in commands] == [False, True, None]


async def test_a_held_key_comes_again_until_it_goes_up() -> None:
    sent: list[dict[str, Any]] = []
    pump = InputPump(InputTranslator(), lambda _, params: sent.append(params))
    task = asyncio.get_running_loop().create_task(pump.run())
    pump.put([Key(0xFFE1, True), Key(ord("A"), True)])
    await asyncio.sleep(1.0)
    pump.put([Key(ord("A"), False)])
    await asyncio.sleep(0.1)
    count = len(sent)
    await asyncio.sleep(0.7)
    task.cancel()
    assert len(sent) == count, "only shift is down, and that does not repeat"
    again = [params for params in sent if params.get("autoRepeat")]
    assert 3 < len(again) < 20
    assert {params["key"] for params in again} == {"A"}


def test_quick_presses_at_one_place_count_as_double_and_triple_clicks() -> None:
    press = Press(Button.LEFT, True, (10, 10))
    release = Press(Button.LEFT, False, (10, 10))
    commands = run(
        press, release, press, release, press, release, Press(Button.LEFT, True, (90, 9))
    )
    counts = [params["clickCount"] for _, params in commands]
    assert counts == [1, 1, 2, 2, 3, 3, 1]
    assert commands[0][1]["button"] == "left"
    assert commands[0][1]["buttons"] == 1


def test_a_drag_moves_with_its_button_and_everything_is_let_go_at_the_end() -> None:
    translator = InputTranslator()
    translator.size_px, translator.scale = (1280, 720), 2.0
    events: list[InputEvent] = [
        Press(Button.RIGHT, True, (10, 10)),
        Move(100, 50),
        MoveBy(5_000, -5_000),
        Key(0xFFE1, True),
        Touch("start", (TouchPoint(3, 1, 1),)),
    ]
    moved = [command for event in events for command in translator.commands(event, 0.0)]
    assert (moved[1][1]["x"], moved[1][1]["y"], moved[1][1]["button"]) == (50, 25, "right")
    assert (moved[2][1]["x"], moved[2][1]["y"]) == (639.5, 0)
    released = list(translator.release())
    assert [params["type"] for _, params in released] == ["keyUp", "mouseReleased", "touchCancel"]
    assert list(translator.release()) == []


def test_fingers_come_and_go() -> None:
    one, two = TouchPoint(1, 10, 10), TouchPoint(2, 20, 20)
    commands = run(Touch("start", (one,)), Touch("start", (one, two)), Touch("move", (one, two)),
                   Touch("end", (one,)), Touch("end", ()), Touch("end", ()))  # fmt: skip
    kinds = [(params["type"], len(params["touchPoints"])) for _, params in commands]
    assert kinds == [("touchStart", 1), ("touchStart", 2), ("touchMove", 2), ("touchMove", 1),
                     ("touchEnd", 0)]  # fmt: skip


async def test_moves_are_coalesced_while_the_page_is_slow_and_keys_keep_their_order() -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    loop = asyncio.get_running_loop()

    def post(method: str, params: dict[str, Any]) -> asyncio.Future[Any] | None:
        sent.append((method, params))
        return loop.create_future() if params.get("type") == "mouseMoved" else None

    pump = InputPump(InputTranslator(), post)
    task = loop.create_task(pump.run())
    for x in range(500):
        pump.put([Move(x, 1)])
        if x % 100 == 0:
            await asyncio.sleep(0)
    pump.put([Key(ord("a"), True), Text("ü"), Wheel(0, 1, None), Wheel(0, 2, (5, 5))])
    await asyncio.sleep(0.5)
    task.cancel()
    moves = [params for _, params in sent if params.get("type") == "mouseMoved"]
    assert len(moves) < 10
    assert moves[-1]["x"] == 499
    rest = [(method, params) for method, params in sent if params.get("type") != "mouseMoved"]
    assert [method for method, _ in rest] == [
        "Input.dispatchKeyEvent", "Input.insertText", "Input.dispatchMouseEvent",
    ]  # fmt: skip
    assert rest[2][1]["deltaY"] == 3


def test_the_queue_is_bounded_and_counts_what_it_drops() -> None:
    pump = InputPump(InputTranslator(), lambda *_: None)
    pump.put([Key(ord("a"), True)] * (MAX_QUEUED + 5))
    assert pump.dropped == 5


def test_every_shape_is_drawn_and_unknown_ones_are_the_arrow() -> None:
    for name in ("default", "pointer", "text", "ew-resize", "move", "not-allowed", "grab", "wait"):
        image = cursor_image(known_shape(name))
        assert image.digest == f"css-{name}"
        assert 0 <= image.hot_x_px < image.width_px
        assert image.png.startswith(b"\x89PNG")
    assert known_shape("col-resize") == "ew-resize"
    assert known_shape("no such thing") == "default"


async def test_a_prompt_is_answered_once_and_too_many_are_refused() -> None:
    told: list[News] = []
    answers: list[Answer] = []

    async def deliver(answer: Answer) -> None:
        answers.append(answer)

    prompts = Prompts(told.append)

    def ask() -> str:
        return prompts.open(kind="confirm", tab="t", origin="o", text="?", deliver=deliver)

    number = ask()
    await prompts.answer(number, Answer(accept=True))
    with pytest.raises(BrowserRefused):
        await prompts.answer(number, Answer(accept=True))
    assert [type(item) for item in told] == [PromptOpened, PromptClosed]
    for _ in range(MAX_OPEN + 1):
        ask()
    await asyncio.sleep(0)
    assert [answer.accept for answer in answers] == [True, False]
    assert len(prompts.waiting) == MAX_OPEN
    prompts.withdraw(tab="t", kind="dialog")
    assert prompts.waiting == ()


def test_full_range_becomes_limited_within_a_level() -> None:
    picture = av.VideoFrame(512, 32, "yuvj420p")
    ramp = np.tile(np.repeat(np.arange(256, dtype=np.uint8), 2), (32, 1))
    for at, plane in enumerate(picture.planes):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = ramp[: plane.height, :: 2 if at else 1]
        plane.update(rows.tobytes())
    converted = Converter().convert(picture)
    for at, plane in enumerate(converted.planes):
        got = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        levels = ramp[0, :: 2 if at else 1].astype(float)
        exact = 128 + (levels - 128) * 224 / 255 if at else 16 + levels * 219 / 255
        assert np.abs(got[0, : plane.width] - exact).max() < 1.0
