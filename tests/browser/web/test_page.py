"""The page as a person meets it: real Chromium, shim, SFU, agent and X server."""

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.shim_process import API_KEY, ShimProcess
from support.xserver import Canvas, XServer, x_server

from .conftest import Browsers, Guest

pytestmark = pytest.mark.browser


def link(shim: ShimProcess, session: str, uses: int = 1) -> str:
    body = {"role": "observer", "ttl_seconds": 600, "max_uses": uses}
    url: str = call(shim, "POST", f"/sessions/{session}/join-links", body)["url"]
    return url


async def clean(guest: Guest) -> None:
    assert await guest.violations() == []
    assert guest.errors == []


async def test_a_link_opens_the_live_desktop_once_and_this_browser_for_good(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "link") as agent:
        canvas = Canvas(display)
        canvas.fill(0x2060C0)
        canvas.fill(0xE04020, 0, 0, 640, 360)
        display.sync()
        agent.wait_ready()
        url = link(shim, "link")
        guest = await browsers.guest()
        await guest.page.goto(url)
        assert "#" not in guest.page.url
        await guest.state("Live")
        assert guest.page.url == f"{shim.url}/sessions/link"
        red, blue = await guest.pixel(0.25, 0.25), await guest.pixel(0.75, 0.75)
        assert red[0] > 180
        assert red[2] < 120
        assert blue[2] > 150
        assert blue[0] < 100

        # 1279x719: the padding of the 1280x720 video hangs over the frame and is cut off
        shape = await guest.page.evaluate(
            """() => { const v = document.querySelector('video');
              const f = document.querySelector('.picture-frame');
              const [vb, fb] = [v.getBoundingClientRect(), f.getBoundingClientRect()];
              return [v.videoWidth, v.videoHeight, fb.width / vb.width * v.videoWidth]; }"""
        )
        assert shape[:2] == [1280, 720]
        assert shape[2] == pytest.approx(1279, abs=0.1)

        await guest.page.reload()
        await guest.state("Live")
        again = await guest.context.new_page()
        await again.goto(url)
        await again.wait_for_selector(".state-word:text-is('Live')", timeout=15_000)
        stranger = await browsers.guest()
        await stranger.page.goto(url)
        await stranger.sentence("This link has been used or has expired")
        await clean(guest)


async def test_it_waits_goes_live_by_itself_and_says_when_all_is_over(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    call(shim, "POST", "/sessions", {"session": "late"})
    guest = await browsers.guest()
    await guest.page.goto(link(shim, "late"))
    await guest.sentence("The desktop is starting (")
    with agent_process(shim, x, tmp_path, "late") as agent:
        agent.wait_ready()
        await guest.state("Live")
        agent.process.send_signal(signal.SIGSTOP)
        await guest.sentence("No new picture for ")
        agent.process.send_signal(signal.SIGCONT)
        await guest.state("Live")
        call(shim, "DELETE", "/sessions/late")
        await guest.sentence("This session has ended")
    await guest.page.reload()
    await guest.page.wait_for_selector(".sentence")
    assert await guest.violations() == []


async def test_a_display_that_dies_and_comes_back_is_said_in_words(
    browsers: Browsers, shim: ShimProcess, tmp_path: Path
) -> None:
    with x_server(tmp_path, "800x600") as own, agent_process(shim, own, tmp_path, "dies") as agent:
        agent.wait_ready()
        guest = await browsers.guest()
        await guest.page.goto(link(shim, "dies"))
        await guest.state("Live")
        own.kill()
        await guest.sentence("display is away; waiting for it to come back")
        assert await guest.page.is_visible(".picture-frame")  # the last picture, dimmed
        own.start()
        await guest.state("Live", within_s=25)
        await clean(guest)


async def test_latency_is_measured_per_frame_and_the_pointer_is_drawn(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "lag") as agent:
        canvas = Canvas(display)
        agent.wait_ready()
        guest = await browsers.guest()
        await guest.page.goto(link(shim, "lag"))
        await guest.state("Live")
        await guest.page.keyboard.press("s")
        await guest.page.get_by_role("switch", name="Measure latency").click()

        async def paint() -> None:
            for step in range(600):
                canvas.fill(0x101010 * (step % 16), 100, 100, 300, 200)
                display.screen().root.warp_pointer(400 + step % 200, 300)
                display.flush()
                await asyncio.sleep(0.05)

        painter = asyncio.create_task(paint())
        try:
            await guest.page.wait_for_selector(
                ".latency-rows .stat:nth-child(2) .stat-value:has-text(' ms')", timeout=20_000
            )
            await guest.page.wait_for_selector(".remote-cursor", state="visible", timeout=5_000)
            await guest.state("Live")
        finally:
            painter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await painter
        p50_ms = float((await guest.say(".latency-rows .stat:nth-child(2) .stat-value")).split()[0])
        assert 0 < p50_ms < 1_000
        await clean(guest)


async def test_the_explorer_lists_shares_and_ends(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "shown") as agent:
        agent.wait_ready()
        guest = await browsers.guest()
        page = guest.page
        await page.goto(shim.url + "/")
        await page.fill("#api-key", "not-the-key")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".problem:has-text('does not know this API key')")
        await page.fill("#api-key", API_KEY)
        await page.keyboard.press("Enter")
        card = page.locator(".card", has=page.get_by_text("shown", exact=True))
        await card.locator(".thumb-image.loaded").wait_for(timeout=15_000)
        assert "Live" in await card.inner_text()
        await page.keyboard.press("/")
        await page.keyboard.type("no such thing")
        await page.wait_for_selector("text=No session matches")
        await page.keyboard.press("Escape")
        await card.get_by_role("button").click()
        await page.get_by_role("menuitem", name="Share a link").click()
        await page.get_by_role("button", name="Make a link").click()
        shared = await page.inner_text("dialog .copy-text")
        await page.keyboard.press("Escape")
        friend = await browsers.guest(390, 844)
        await friend.page.goto(shared)
        await friend.state("Live")
        await card.get_by_role("button").click()
        await page.get_by_role("menuitem", name="End session").click()
        await page.get_by_role("button", name="End session").click()
        await friend.sentence("This session has ended")
        await card.locator(".state-word:text-is('Ended')").wait_for(timeout=10_000)
        assert agent.process.wait(15) == 0
        assert await guest.violations() == []
        await page.goto(shim.url + "/sessions/never-was")
        await guest.sentence("There is no session of this name")
