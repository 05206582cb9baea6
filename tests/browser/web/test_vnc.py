"""The VNC Viewer tab: real noVNC in real Chromium under the page's own policy."""

import asyncio
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.shim_process import ShimProcess
from support.viewer import eventually
from support.xserver import Canvas, XServer

from .conftest import Browsers, Guest

pytestmark = pytest.mark.browser

NO_WEBCODECS = "delete window.VideoDecoder;"
NOTE_ENCODINGS = """
window.__encodings = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (data instanceof Uint8Array && data[0] === 2 && data[1] === 0) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 4; at + 4 <= data.byteLength; at += 4) window.__encodings.push(view.getInt32(at));
  }
  return send.call(this, data);
};
"""


def link(shim: ShimProcess, session: str, role: str = "operator") -> str:
    body = {"role": role, "ttl_seconds": 600, "max_uses": 1}
    url: str = call(shim, "POST", f"/sessions/{session}/join-links", body)["url"]
    return url


async def open_tab(guest: Guest, url: str) -> None:
    await guest.page.goto(url)
    await guest.page.get_by_role("tab", name="VNC Viewer").click()
    await guest.page.wait_for_selector(".vnc-panel[data-state='showing']", timeout=20_000)


async def pixel(guest: Guest, x: float, y: float) -> list[int]:
    """The colour of noVNC's canvas at this share of its width and height."""
    colour: list[int] = await guest.page.evaluate(
        """([x, y]) => {
          const from = document.querySelector('.vnc-canvas');
          const canvas = document.createElement('canvas');
          canvas.width = canvas.height = 1;
          const context = canvas.getContext('2d');
          context.drawImage(from, x * from.width | 0, y * from.height | 0, 1, 1, 0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data];
        }""",
        [x, y],
    )
    return colour[:3]


async def until_pixel(guest: Guest, at: tuple[float, float], wanted: tuple[int, int, int]) -> None:
    """Until the colour is about this one (H.264 rounds)."""
    async with asyncio.timeout(15):
        while True:
            found = await pixel(guest, *at)
            if all(abs(a - b) < 24 for a, b in zip(found, wanted, strict=True)):
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("h264", [True, False], ids=["h264", "tight"])
async def test_the_tab_shows_the_session_in_both_encodings_under_the_strict_policy(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path, h264: bool
) -> None:
    name = "tab-h264" if h264 else "tab-tight"
    with x.connect() as display, agent_process(shim, x, tmp_path, name) as agent:
        canvas = Canvas(display)
        canvas.fill(0x2060C0)
        canvas.fill(0xE04020, 0, 0, 640, 360)
        display.sync()
        agent.wait_ready()
        guest = await browsers.guest()
        await guest.context.add_init_script(NOTE_ENCODINGS)
        if not h264:
            await guest.context.add_init_script(NO_WEBCODECS)
        await open_tab(guest, link(shim, name))
        offered = await guest.page.evaluate("window.__encodings")
        assert (50 in offered) is h264
        await until_pixel(guest, (0.25, 0.25), (0xE0, 0x40, 0x20))
        await until_pixel(guest, (0.75, 0.75), (0x20, 0x60, 0xC0))
        size = await guest.page.evaluate(
            "(c => [c.width, c.height])(document.querySelector('.vnc-canvas'))"
        )
        assert size == [1279, 719]
        canvas.fill(0x10A040)
        display.sync()
        await until_pixel(guest, (0.25, 0.25), (0x10, 0xA0, 0x40))
        assert await guest.violations() == []
        assert guest.errors == []
        await guest.page.screenshot(path=tmp_path / "tab.png")


async def test_an_operator_steers_an_observer_watches_and_each_sees_one_pointer(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "tab-steer") as agent:
        root = display.screen().root
        Canvas(display).fill(0x303840)
        root.warp_pointer(900, 500)
        display.sync()
        agent.wait_ready()

        def place() -> tuple[int, int]:
            pointer = root.query_pointer()
            return pointer.root_x, pointer.root_y

        observer, operator = await browsers.guest(), await browsers.guest()
        await open_tab(observer, link(shim, "tab-steer", "observer"))
        await open_tab(operator, link(shim, "tab-steer", "operator"))
        assert await observer.say(".vnc-panel .control-button") == "Watching"
        assert await operator.say(".vnc-panel .control-button") == "Take control"

        async def click(guest: Guest, x_share: float, y_share: float) -> None:
            box = await guest.page.locator(".vnc-canvas").bounding_box()
            assert box is not None
            await guest.page.mouse.click(
                box["x"] + x_share * box["width"], box["y"] + y_share * box["height"]
            )

        await click(observer, 0.25, 0.25)
        await asyncio.sleep(1)
        assert place() == (900, 500)
        await click(operator, 0.25, 0.25)
        await eventually(lambda: abs(place()[0] - 320) < 3 and abs(place()[1] - 180) < 3, "click")
        await operator.page.wait_for_selector(
            ".vnc-panel .control-button[aria-label='You have control']"
        )
        await observer.page.wait_for_selector(
            ".vnc-panel .control-button[aria-label$='has control']"
        )
        assert not await operator.page.is_visible(".vnc-panel .remote-cursor")
        assert await observer.page.is_visible(".vnc-panel .remote-cursor")
        for guest, name in ((operator, "operator"), (observer, "observer")):
            assert await guest.violations() == []
            assert guest.errors == []
            await guest.page.screenshot(path=tmp_path / f"{name}.png")
        await operator.page.click(".vnc-panel .control-button")
        await operator.page.wait_for_selector(
            ".vnc-panel .control-button[aria-label='Take control']"
        )


async def test_the_tab_says_in_words_what_happens_and_comes_back_by_itself(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "tab-words") as agent:
        Canvas(display).fill(0x803080)
        display.sync()
        agent.wait_ready()
        guest = await browsers.guest()
        await open_tab(guest, link(shim, "tab-words"))
        sentence = ".vnc-panel .sentence"
        agent.process.kill()
        agent.process.wait(10)
        await guest.page.wait_for_selector(f"{sentence}:has-text('Connection lost')")
        assert await guest.page.is_visible(".vnc-last")  # the last picture, dimmed
        await guest.page.screenshot(path=tmp_path / "lost.png")
        agent.start()
        agent.wait_ready()
        await guest.page.wait_for_selector(".vnc-panel[data-state='showing']", timeout=20_000)
        call(shim, "DELETE", "/sessions/tab-words")
        await guest.page.wait_for_selector(f"{sentence}:has-text('This session has ended')")
        assert await guest.violations() == []


async def test_an_observer_whose_link_lets_it_asks_and_steers(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "tab-ask") as agent:
        root = display.screen().root
        Canvas(display).fill(0x204030)
        display.sync()
        agent.wait_ready()
        body = {"role": "observer", "may_ask": True, "ttl_seconds": 600, "max_uses": 1}
        guest = await browsers.guest()
        url = call(shim, "POST", "/sessions/tab-ask/join-links", body)["url"]
        await open_tab(guest, url)
        await guest.page.click(".vnc-panel .control-button[aria-label='Ask for control']")
        await guest.page.wait_for_selector(
            ".vnc-panel .control-button[aria-label='You have control']"
        )
        box = await guest.page.locator(".vnc-canvas").bounding_box()
        assert box is not None
        await guest.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)

        def clicked() -> bool:
            pointer = root.query_pointer()
            return bool(abs(pointer.root_x - 320) < 3 and abs(pointer.root_y - 180) < 3)

        await eventually(clicked, "the click")
        await guest.page.keyboard.press("a")
        assert await guest.violations() == []
        assert guest.errors == []
