"""The VNC Viewer tab: real noVNC in real Chromium under the page's own policy."""

import asyncio
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.shim_process import ShimProcess
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
