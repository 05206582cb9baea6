"""Every view and state of the page: what axe-core finds (nothing), and what a first visit costs."""

from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.axe import violations
from support.shim_process import API_KEY, ShimProcess
from support.xserver import XServer

from .conftest import Browsers, Guest

pytestmark = pytest.mark.browser

BUDGET_BYTES = 400_000


def link(shim: ShimProcess, session: str, role: str = "admin", uses: int = 9) -> str:
    body = {"role": role, "ttl_seconds": 600, "max_uses": uses}
    url: str = call(shim, "POST", f"/sessions/{session}/join-links", body)["url"]
    return url


async def sound(guest: Guest, where: str) -> None:
    found = await violations(guest.page)
    assert found == [], where


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_no_state_of_a_session_breaks_a_rule(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path, theme: str, width: int
) -> None:
    name = f"axe-{theme}-{width}"
    call(shim, "POST", "/sessions", {"session": name})
    guest = await browsers.guest(width, 844)
    page = guest.page
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    await page.goto(f"{shim.url}/sessions/{name}")
    await guest.sentence("Sign in to watch this session")
    await sound(guest, "sign in")
    await page.goto(link(shim, name))
    await guest.sentence("The desktop is starting (")
    await sound(guest, "starting")
    with agent_process(shim, x, tmp_path, name) as agent:
        agent.wait_ready()
        await guest.state("Live", within_s=25)
        await sound(guest, "live")
        await page.keyboard.press("s")
        await page.wait_for_selector(".stats")
        await sound(guest, "statistics")
        await page.keyboard.press("?")
        await page.wait_for_selector("dialog[open]")
        await sound(guest, "help")
        await page.keyboard.press("Escape")
        await page.mouse.move(200, 400)
        await page.get_by_role("toolbar").first.get_by_role("button", name="More").click()
        await page.wait_for_selector("[role=menu]")
        await sound(guest, "menu")
        await page.keyboard.press("Escape")
        await page.get_by_role("tab", name="VNC Viewer").click()
        await page.wait_for_selector(".vnc-panel[data-state=showing]", timeout=20_000)
        await sound(guest, "VNC")
        await page.get_by_role("tab", name="WebRTC Live View").click()
        call(shim, "DELETE", f"/sessions/{name}")
        await guest.sentence("This session has ended")
        await sound(guest, "ended")
    await page.goto(f"{shim.url}/no/such/page")
    await page.goto(f"{shim.url}/wall")
    await page.wait_for_selector("text=Nothing is on the wall")
    await sound(guest, "empty wall")


async def test_the_first_visit_is_small(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "small") as agent:
        agent.wait_ready()
        guest = await browsers.guest()
        sizes: dict[str, int] = {}

        async def note(request) -> None:  # type: ignore[no-untyped-def]  # Playwright's Request
            if "/api/" in request.url:
                return
            size = await request.sizes()
            sizes[request.url] = size["responseBodySize"]

        guest.page.on("requestfinished", note)
        await guest.page.goto(link(shim, "small"))
        await guest.state("Live")
        assert sizes
        assert sum(sizes.values()) <= BUDGET_BYTES, sizes
        visitor = await browsers.guest()
        sizes.clear()
        visitor.page.on("requestfinished", note)
        await visitor.page.goto(shim.url + "/")
        await visitor.page.fill("#api-key", API_KEY)
        await visitor.page.keyboard.press("Enter")
        await visitor.page.wait_for_selector(".card")
        assert sum(sizes.values()) <= BUDGET_BYTES / 4, sizes
