"""What else hands do: input methods, pointer lock, long pastes, and how long it all takes."""

import asyncio

import pytest

from support.browser import Browsers

from .conftest import DEADLINE_S, Desk, at, call_bar, click_bar, eventually, stance

pytestmark = pytest.mark.browser


async def test_an_input_method_composes_and_the_session_gets_the_text(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana")
        await call_bar(ana)
        await ana.page.click(".control-button")
        await stance(ana, "yours")
        await ana.page.mouse.click(*await at(ana, 600, 300))
        cdp = await ana.context.new_cdp_session(ana.page)
        for draft in ("に", "にほ", "にほん", "日本"):
            preedit = {"text": draft, "selectionStart": len(draft), "selectionEnd": len(draft)}
            await cdp.send("Input.imeSetComposition", preedit)
        # The draft is seen here, where the caret is, and not there yet.
        assert await ana.page.locator(".key-field.composing").is_visible()
        await cdp.send("Input.insertText", {"text": "日本"})
        await ana.page.keyboard.type("!")
        await eventually(lambda: typed.read_text() == "日本!", "the composed text, once")
        assert await ana.page.locator(".key-field.composing").count() == 0


async def test_a_long_text_is_pasted_whole(browsers: Browsers, desk: Desk) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(
            browsers, "operator", "Ana", permissions=["clipboard-read", "clipboard-write"]
        )
        await call_bar(ana)
        await ana.page.click(".control-button")
        await stance(ana, "yours")
        await ana.page.mouse.click(*await at(ana, 600, 300))
        # More than a request carries: it goes as a byte stream, and V waits for it.
        text = "".join(f"{number:05d} ünïcödé " for number in range(2_000))
        await ana.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        await ana.page.keyboard.press("Control+v")
        await eventually(lambda: typed.read_text() == text, "all of it", 30)


async def test_a_locked_pointer_moves_by_distances(browsers: Browsers, desk: Desk) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        await call_bar(ana)
        await ana.page.click(".control-button")
        await stance(ana, "yours")
        await ana.page.mouse.click(*await at(ana, 400, 300))
        await eventually(lambda: "root:(400,300)" in events(), "the click")
        await click_bar(ana, "Keys")
        await ana.page.get_by_role("menuitem", name="Lock the pointer").click()
        await ana.until("document.pointerLockElement !== null")
        # Nobody's own pointer is seen then: the session's is drawn.
        await ana.page.wait_for_selector(".remote-cursor", state="visible")
        # On its way to the menu the pointer has left the window: back, by a distance.
        before = len(events())
        for y_px in range(700, 380, -20):
            await ana.page.mouse.move(640, y_px)
        await ana.page.mouse.down()
        await ana.page.mouse.up()
        await eventually(lambda: "ButtonRelease" in events()[before:], "a click where it is")
        await ana.page.evaluate("document.exitPointerLock()")
        await ana.until("document.pointerLockElement === null")


async def test_input_to_photon_is_measured_while_the_statistics_are_open(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.program("xterm", "-T", "echo", "-geometry", "100x30+300+100", "-e", "cat"):
        ana = await desk.person(browsers, "operator", "Ana")
        await click_bar(ana, "Statistics")
        await call_bar(ana)
        await ana.page.click(".control-button")
        await stance(ana, "yours")
        desk.focus("echo")
        await ana.page.mouse.click(*await at(ana, 600, 300))
        for _ in range(12):
            await ana.page.keyboard.type("mmmm")
            await asyncio.sleep(0.3)
        row = ana.page.locator(".stat", has_text="Input to photon").locator(".stat-value")
        await row.wait_for(timeout=DEADLINE_S * 1000)
        p50_ms = float((await row.inner_text()).split()[0])
        assert 1 < p50_ms < 2_000


async def test_in_full_screen_the_browsers_own_keys_are_the_sessions(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        await ana.page.evaluate(
            """() => {
              window.locks = [];
              for (const name of ['lock', 'unlock']) {
                const real = navigator.keyboard[name].bind(navigator.keyboard);
                navigator.keyboard[name] = (...rest) => {
                  window.locks.push(name);
                  return real(...rest);
                };
              }
            }"""
        )
        await call_bar(ana)
        await ana.page.click(".control-button")
        await stance(ana, "yours")
        await click_bar(ana, "Full screen")
        await ana.until("document.fullscreenElement !== null && locks.at(-1) === 'lock'")
        await ana.page.mouse.click(*await at(ana, 400, 300))
        await ana.page.keyboard.press("Escape")
        await eventually(lambda: "keysym 0xff1b, Escape" in events(), "Escape came to the session")
        assert await ana.page.evaluate("document.fullscreenElement !== null"), "and was not eaten"
        await click_bar(ana, "Leave full screen")
        await ana.until("document.fullscreenElement === null && locks.at(-1) === 'unlock'")
