"""Control as people have it: their hands in Chromium, real programs on the session's X display."""

import asyncio
import base64
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from support.browser import Browsers, Guest

from .conftest import DEADLINE_S, Desk, at, call_bar, click_bar, eventually, pointers, stance

pytestmark = pytest.mark.browser

CLIPBOARD = ["clipboard-read", "clipboard-write"]
# 1x1, red
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


def ends(file: Path, text: str) -> bool:
    return file.read_text().endswith(text)


def xclip(desk: Desk, *arguments: str, content: bytes | None = None) -> bytes:
    """The session's clipboard, as its programs see it."""
    process = subprocess.run(
        ["xclip", "-selection", "clipboard", *arguments],
        input=content,
        env=os.environ | desk.x.env,
        # xclip stays behind as the owner, with our pipes in its hands.
        stdout=subprocess.DEVNULL if content is not None else subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=10,
        check=content is not None,
    )
    return process.stdout or b""


async def hold(guest: Guest) -> None:
    """Take control by the button."""
    await call_bar(guest)
    await guest.page.click(".control-button")
    await stance(guest, "yours")


async def clean(*guests: Guest) -> None:
    for guest in guests:
        assert await guest.violations() == []
        assert guest.errors == []


async def test_an_operator_clicks_and_types_into_a_terminal_and_everybody_sees_who(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal("-T", "sh") as typed, desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        bob = await desk.person(browsers, "observer", "Bob")
        assert await ana.say(".control-button") == "Take control"
        assert await bob.say(".control-button") == "Watching"
        await hold(ana)
        await bob.page.wait_for_selector(".control-button:has-text('Ana has control')")

        # A click with the right place, all three buttons of a mouse.
        await ana.page.mouse.move(*await at(ana, 300, 250))
        for button in ("left", "middle", "right"):
            await ana.page.mouse.click(*await at(ana, 321, 274), button=button)
        await eventually(lambda: events().count("ButtonRelease") >= 3, "three clicks")
        presses = [
            line for line in events().splitlines() if "ButtonPress" in line or "root:(" in line
        ]
        assert any("root:(321,274)" in line for line in presses), events()[-2000:]
        assert [f"button {n}" in events() for n in (1, 2, 3)] == [True] * 3

        # A drag that ends outside of the picture is let go there.
        await ana.page.mouse.down()
        await ana.page.mouse.move(*await at(ana, 500, 300))
        await ana.page.mouse.move(10, 5)
        await ana.page.mouse.up()
        await eventually(lambda: events().count("ButtonRelease") >= 4, "the end of the drag")

        desk.focus("sh")
        await ana.page.mouse.click(*await at(ana, 100, 400))
        await ana.page.keyboard.type("Hello, wörld! €5 ~/src | ls #1 {ß}\n")
        await ana.page.keyboard.insert_text("日本語 😀")
        await ana.page.keyboard.press("Enter")
        lines = await eventually(
            lambda: (t := typed.read_text()).count("\n") >= 2 and t, "two lines"
        )
        assert lines == "Hello, wörld! €5 ~/src | ls #1 {ß}\n日本語 😀\n"

        # An observer's hands do nothing.
        await bob.page.mouse.click(*await at(bob, 100, 400))
        await bob.page.keyboard.type("nothing of this\n")
        await ana.page.keyboard.type("end\n")
        lines = await eventually(lambda: (t := typed.read_text()).count("\n") >= 3 and t, "the end")
        assert lines.endswith("\nend\n")
        assert "nothing" not in lines
        await clean(ana, bob)


async def test_a_thousand_characters_arrive_complete_and_in_order(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana")
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 600, 300))
        text = "".join(f"{number:03d} The quick brown fox. " for number in range(40))
        await ana.page.keyboard.type(text + "\n")
        assert len(text) == 1_000
        line = await eventually(
            lambda: (t := typed.read_text()).endswith("\n") and t, "the line", 30
        )
        assert line == text + "\n"


async def test_there_is_exactly_one_pointer_on_each_page(browsers: Browsers, desk: Desk) -> None:
    with desk.terminal():
        ana = await desk.person(browsers, "operator", "Ana")
        bob = await desk.person(browsers, "observer", "Bob")
        await hold(ana)
        await ana.page.mouse.move(*await at(ana, 600, 300))
        await ana.page.mouse.move(*await at(ana, 620, 300))
        one = {"drawn": False, "worn": True}
        await ana.until("document.querySelector('.picture-frame').style.cursor.includes('blob:')")
        assert await pointers(ana) == one
        assert await pointers(bob) == {"drawn": True, "worn": False}
        # It goes with the operator's hand.
        x, _ = await at(bob, 620, 300)
        await bob.until(
            """(wanted) => {
              const frame = document.querySelector('.picture-frame').getBoundingClientRect();
              const pointer = document.querySelector('.remote-cursor').getBoundingClientRect();
              const middle = pointer.left + pointer.width / 2;
              return Math.abs(middle - wanted) < 12 && pointer.top > frame.top;
            }""",
            arg=x,
        )
        # Off the picture, the session's pointer is still there to be seen.
        await ana.page.mouse.move(640, 12)
        assert await pointers(ana) == {"drawn": True, "worn": False}
        await ana.page.mouse.move(*await at(ana, 620, 300))
        assert await pointers(ana) == one
        await click_bar(ana, "You have control")
        await stance(ana, "free")
        await ana.page.mouse.move(*await at(ana, 600, 300))
        assert await pointers(ana) == {"drawn": True, "worn": False}


async def test_a_request_is_answered_from_the_card_and_focus_stays_in_the_session(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana")
        cem = await desk.person(browsers, "operator", "Cem")
        await hold(ana)
        await stance(cem, "others")
        await ana.page.mouse.click(*await at(ana, 600, 300))
        await click_bar(cem, "Ana has control")
        await stance(cem, "requested")
        assert await cem.say(".control-button") == "Asked Ana…"
        await ana.page.wait_for_selector(".ask:has-text('Cem asks for control')")
        # The card came while Ana types: her words go on into the terminal.
        await ana.page.keyboard.type("still mine\n")
        await eventually(lambda: typed.read_text() == "still mine\n", "what she typed")
        await ana.page.click(".ask >> text=Not now")
        await stance(cem, "others")
        await cem.page.wait_for_selector(".toast:has-text('Control was not given')")
        await ana.page.keyboard.type("and more\n")
        await eventually(lambda: typed.read_text().endswith("and more\n"), "what she typed")

        await click_bar(cem, "Ana has control")
        # By the keyboard alone, too.
        await ana.page.wait_for_selector(".ask")
        for key in ("Control", "Alt", "Shift"):
            await ana.page.keyboard.down(key)
        for key in ("Shift", "Alt", "Control"):
            await ana.page.keyboard.up(key)
        await ana.until("document.activeElement.closest('.ask') !== null")
        await ana.page.keyboard.press("Enter")
        await stance(cem, "yours")
        await stance(ana, "others")
        await ana.page.wait_for_selector(".toast:has-text('You no longer have control')")
        await cem.page.mouse.click(*await at(cem, 600, 300))
        await cem.page.keyboard.type("Cem was here\n")
        await eventually(lambda: typed.read_text().endswith("Cem was here\n"), "what Cem typed")
        await clean(ana, cem)


async def test_the_list_of_people_gives_takes_and_removes(browsers: Browsers, desk: Desk) -> None:
    ana = await desk.person(browsers, "operator", "Ana")
    eve = await desk.person(browsers, "admin", "Eve")
    await hold(ana)
    await stance(eve, "others")
    await eve.page.click(".people > .button")
    row = eve.page.locator(".person", has_text="Ana")
    await row.locator("small:has-text('has control')").wait_for(timeout=DEADLINE_S * 1000)
    assert "ringed" in str(await row.get_attribute("class"))
    await eve.page.locator(".person-actions >> text=Take control").click()
    await stance(eve, "yours")
    await stance(ana, "others")
    await row.get_by_role("button", name="Give control to Ana").click()
    await stance(ana, "yours")
    await stance(eve, "others")
    await clean(ana, eve)


async def test_a_closed_tab_frees_the_control_and_lets_go_of_its_keys(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        cem = await desk.person(browsers, "operator", "Cem")
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 400, 300))
        await ana.page.keyboard.down("Shift")
        await ana.page.mouse.down()
        await eventually(
            lambda: "KeyPress" in events() and events().count("ButtonPress") >= 2, "held"
        )
        await ana.page.close()
        await stance(cem, "free", within_s=8)
        await eventually(lambda: "KeyRelease" in events(), "the key up")
        await eventually(lambda: events().count("ButtonRelease") >= 2, "the button up")
        await hold(cem)


async def test_a_window_that_loses_the_focus_lets_go_of_its_keys(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 400, 300))
        await ana.page.keyboard.down("Control")
        await eventually(lambda: "KeyPress" in events(), "the key down")
        await ana.page.evaluate("window.dispatchEvent(new Event('blur'))")
        await eventually(lambda: "KeyRelease" in events(), "the key up")
        assert await ana.page.get_attribute(".viewer", "data-control") == "yours"


async def test_the_wheel_turns_both_ways(browsers: Browsers, desk: Desk) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        await hold(ana)
        await ana.page.mouse.move(*await at(ana, 400, 300))
        await ana.page.mouse.wheel(0, 240)
        await eventually(lambda: "button 5" in events(), "down")
        await ana.page.mouse.wheel(0, -240)
        await eventually(lambda: "button 4" in events(), "up")
        await ana.page.mouse.wheel(240, 0)
        await eventually(lambda: "button 7" in events(), "right")


async def test_the_key_menu_sends_what_the_browser_keeps_for_itself(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.events() as events:
        ana = await desk.person(browsers, "operator", "Ana")
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 400, 300))
        await click_bar(ana, "Keys")
        await ana.page.get_by_role("menuitem", name="Ctrl + Alt + Del").click()
        await click_bar(ana, "Keys")
        await ana.page.get_by_role("menuitem", name="Alt + F4").click()
        await ana.page.mouse.move(*await at(ana, 400, 300))
        # The menu leaves the keyboard where it was.
        await ana.page.keyboard.press("x")
        await eventually(lambda: "keysym 0x78" in events(), "x")
        held = [line for line in events().splitlines() if "keysym 0xff" in line]
        assert any("Delete" in line for line in held)
        assert any("F4" in line for line in held)


async def test_the_clipboard_goes_both_ways(browsers: Browsers, desk: Desk) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana", permissions=CLIPBOARD)
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 600, 300))
        # In: the V that follows right after a copy elsewhere sees the new content, every time.
        for number in range(3):
            text = f"copied {number}: grüße, 日本"
            await ana.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
            await ana.page.keyboard.press("Control+v")
            await eventually(partial(ends, typed, text), text)

        # Out: what a program copies is in this browser's clipboard.
        copied = "from the session: ça va"
        await asyncio.to_thread(xclip, desk, "-in", content=copied.encode())
        await ana.until(
            "(copied) => navigator.clipboard.readText().then((text) => text === copied)", arg=copied
        )
        await clean(ana)


async def test_a_picture_is_pasted_into_the_session(browsers: Browsers, desk: Desk) -> None:
    with desk.terminal():
        ana = await desk.person(browsers, "operator", "Ana", permissions=CLIPBOARD)
        await hold(ana)
        await ana.page.mouse.click(*await at(ana, 600, 300))
        await ana.page.evaluate(
            """async (base64) => {
              const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
              const image = new Blob([bytes], { type: 'image/png' });
              await navigator.clipboard.write([new ClipboardItem({ 'image/png': image })]);
            }""",
            PNG,
        )
        await ana.page.keyboard.press("Control+v")

        def pasted() -> bool:
            held = xclip(desk, "-target", "image/png", "-out")
            return held.startswith(base64.b64decode(PNG)[:8])

        await eventually(pasted, "the picture")


async def test_a_picture_that_a_program_copies_is_in_the_browsers_clipboard(
    browsers: Browsers, desk: Desk
) -> None:
    ana = await desk.person(browsers, "operator", "Ana", permissions=CLIPBOARD)
    await hold(ana)
    await ana.page.mouse.click(*await at(ana, 600, 300))
    picture = base64.b64decode(PNG)
    await asyncio.to_thread(xclip, desk, "-in", "-target", "image/png", content=picture)
    await ana.until(
        """async () => {
          const [item] = await navigator.clipboard.read().catch(() => []);
          if (!item?.types.includes('image/png')) return false;
          const image = await createImageBitmap(await item.getType('image/png'));
          const canvas = new OffscreenCanvas(1, 1).getContext('2d');
          canvas.drawImage(image, 0, 0);
          return canvas.getImageData(0, 0, 1, 1).data.join() === '255,0,0,255';
        }"""
    )
    await clean(ana)


@pytest.mark.parametrize("desk", [("--control-mode", "implicit")], indirect=True)
async def test_whoever_acts_first_has_control_where_that_is_the_rule(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana")
        # Within a moment of connecting, with no button pressed before.
        await ana.page.mouse.click(*await at(ana, 600, 300))
        await stance(ana, "yours", within_s=5)
        await ana.page.keyboard.type("at once\n")
        await eventually(lambda: typed.read_text() == "at once\n", "what was typed")


async def test_others_who_point_are_seen_with_their_names(browsers: Browsers, desk: Desk) -> None:
    ana = await desk.person(browsers, "operator", "Ana")
    cem = await desk.person(browsers, "operator", "Cem")
    await hold(ana)
    await stance(cem, "others")
    for x in range(300, 400, 10):
        await cem.page.mouse.move(*await at(cem, x, 200))
        await asyncio.sleep(0.06)
    await ana.page.wait_for_selector(".presence-name:has-text('Cem')")
    assert await cem.page.locator(".presence").count() == 0


async def test_the_desktop_fits_the_window_when_asked(browsers: Browsers, desk: Desk) -> None:
    ana = await desk.person(browsers, "operator", "Ana", width=1001, height=701)
    await hold(ana)
    await click_bar(ana, "Fit the desktop to the window")

    def size() -> str:
        command = ["xdpyinfo"]
        return subprocess.run(
            command,
            env=os.environ | desk.x.env,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout

    await eventually(lambda: "dimensions:    1000x" in size(), "the new size")
    # It follows the window.
    await ana.page.set_viewport_size({"width": 900, "height": 640})
    await eventually(lambda: "dimensions:    900x" in size(), "the window's size")
    await ana.until("document.querySelector('video').videoWidth === 900", within_s=DEADLINE_S)


async def test_an_observer_whose_link_allows_it_asks_and_is_given_control(
    browsers: Browsers, desk: Desk
) -> None:
    with desk.terminal() as typed:
        ana = await desk.person(browsers, "operator", "Ana")
        await hold(ana)
        dee = await browsers.guest(1280, 820)
        await dee.page.goto(desk.link("observer", "Dee", may_ask=True))
        await dee.state("Live")
        await stance(dee, "others")
        await click_bar(dee, "Ana has control")
        await stance(dee, "requested")
        await ana.page.click(".ask:has-text('Dee asks for control') >> text=Give control")
        await stance(dee, "yours")
        await stance(ana, "others")
        # The right to send comes a moment after the control.
        await dee.page.wait_for_timeout(1_000)
        await dee.page.mouse.click(*await at(dee, 600, 300))
        await dee.page.keyboard.type("given to Dee\n")
        await eventually(lambda: typed.read_text() == "given to Dee\n", "what Dee typed")
        await clean(ana, dee)
