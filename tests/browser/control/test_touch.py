"""Control with fingers on a telephone: real touch events in Chromium, real programs on X."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import CDPSession

from support.browser import Browsers, Guest

from .conftest import DEADLINE_S, Desk, at, eventually, stance

pytestmark = pytest.mark.browser

PHONE: dict[str, Any] = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
Points = list[tuple[float, float]]


async def phone(browsers: Browsers, desk: Desk) -> tuple[Guest, CDPSession]:
    """Somebody with a telephone, who has control."""
    ana = await desk.person(browsers, "operator", "Ana", 390, 844, **PHONE)
    await ana.page.tap(".stage")  # a tap brings the bar
    await ana.page.tap(".control-button")
    await stance(ana, "yours")
    return ana, await ana.context.new_cdp_session(ana.page)


async def width(guest: Guest) -> float:
    """How wide the picture is drawn."""
    box = await guest.page.locator(".picture-frame").bounding_box()
    assert box is not None
    return box["width"]


async def touch(cdp: CDPSession, kind: str, points: Points) -> None:
    fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    await cdp.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})


async def glide(cdp: CDPSession, start: Points, end: Points, steps: int = 8) -> None:
    """Fingers go down, along and up."""
    await touch(cdp, "Start", start)
    for step in range(1, steps + 1):
        share = step / steps
        now = [
            (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
            for (x0, y0), (x1, y1) in zip(start, end, strict=True)
        ]
        await touch(cdp, "Move", now)
        await asyncio.sleep(0.02)
    await touch(cdp, "End", [])


async def test_a_finger_taps_drags_presses_long_and_two_scroll(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana, cdp = await phone(browsers, desk)
        await ana.page.touchscreen.tap(*await at(ana, 420, 300))
        await eventually(lambda: "button 1" in events() and "ButtonRelease" in events(), "a tap")
        # The finger hid the mouse: the pointer is drawn, exactly one.
        assert await ana.page.is_visible(".remote-cursor")
        assert (
            await ana.page.evaluate("document.querySelector('.picture-frame').style.cursor") == ""
        )

        await glide(cdp, [await at(ana, 300, 250)], [await at(ana, 600, 400)])
        await eventually(lambda: events().count("ButtonRelease") == 2, "the end of the drag")
        assert events().count("ButtonPress") == 2

        await touch(cdp, "Start", [await at(ana, 420, 300)])
        await eventually(lambda: "button 3" in events(), "the long press")
        await touch(cdp, "End", [])

        x, y = await at(ana, 420, 400)
        await glide(cdp, [(x, y), (x + 50, y)], [(x, y - 60), (x + 50, y - 60)])
        await eventually(lambda: "button 5" in events(), "scrolled down")
        presses = events().count("button 1")
        assert presses == 4  # two presses, two releases: a scroll clicks nothing


async def test_two_fingers_apart_look_closer_and_a_tap_still_hits(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana, cdp = await phone(browsers, desk)
        x, y = await at(ana, 420, 300)
        before = await width(ana)
        await glide(cdp, [(x - 20, y), (x + 20, y)], [(x - 80, y), (x + 80, y)])
        assert await width(ana) > before * 2
        await ana.page.touchscreen.tap(*await at(ana, 440, 320))
        await eventually(lambda: "root:(440,320)" in events(), "the tap, where it was meant")


async def test_a_trackpad_moves_the_pointer_by_distances(browsers: Browsers, desk: Desk) -> None:
    with desk.events() as events:
        ana, cdp = await phone(browsers, desk)
        await ana.page.touchscreen.tap(*await at(ana, 420, 300))
        await eventually(lambda: "root:(420,300)" in events(), "the tap")
        # There is no mouse to rest at the edge: a handle calls the bar back.
        await ana.page.get_by_role("button", name="Show the bar").tap()
        await ana.page.get_by_role("button", name="Touch: the finger is the pointer").tap()
        x, y = await at(ana, 1000, 600)
        await asyncio.sleep(0.5)  # soon after a tap it would be a drag
        await glide(cdp, [(x, y)], [(x - 30, y)])
        await ana.page.touchscreen.tap(x, y)  # clicks where the pointer is, not the finger
        await eventually(lambda: events().count("ButtonRelease") == 2, "the click")
        places = [line for line in events().splitlines() if "root:(" in line]
        last = places[-1].split("root:(")[1].split(")")[0]
        column, row = map(int, last.split(","))
        assert column < 400
        assert abs(row - 300) < 20


async def test_the_typing_area_and_its_row_of_keys(browsers: Browsers, desk: Desk) -> None:
    with desk.terminal("-T", "sh") as typed:
        ana, _ = await phone(browsers, desk)
        desk.focus("sh")
        await ana.page.get_by_role("button", name="Keys").tap()
        await ana.page.get_by_role("menuitemcheckbox", name="On-screen keyboard").tap()
        await ana.page.wait_for_selector(".touch-bar", state="visible")
        assert await ana.page.get_attribute(".key-field", "inputmode") == "text"
        # As an on-screen keyboard types: no keys, text that it changes its mind about.
        await ana.page.keyboard.insert_text("helo")
        await eventually(lambda: typed.read_text() == "helo", "the word")
        await ana.page.evaluate(
            """() => {
              const field = document.querySelector('.key-field');
              field.value = field.value.replace('helo', 'hello ');
              field.dispatchEvent(new InputEvent('input', { inputType: 'insertReplacementText' }));
            }"""
        )
        # One letter is taken back and typed anew.
        await eventually(lambda: typed.read_text().endswith("\x7flo "), "the correction")
        await ana.page.get_by_text("Ctrl", exact=True).tap()
        await ana.page.keyboard.insert_text("a")
        await eventually(lambda: typed.read_text().endswith("\x01"), "Ctrl+A")
        await ana.page.keyboard.insert_text("a")
        await eventually(lambda: typed.read_text().endswith("\x01a"), "a without Ctrl")
        await ana.page.get_by_role("button", name="Esc", exact=True).tap()
        await ana.page.get_by_role("button", name="Left", exact=True).tap()
        await eventually(lambda: typed.read_text().endswith("\x1b\x1b[D"), "Esc and an arrow")
        await ana.page.get_by_role("button", name="Put the keyboard away").tap()
        await ana.page.wait_for_selector(".touch-bar", state="hidden", timeout=DEADLINE_S * 1000)
        assert await ana.page.get_attribute(".key-field", "inputmode") == "none"
