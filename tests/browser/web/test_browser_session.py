"""A browser session on the page: tabs, address, questions and files, in real Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.chromium import Chromium, Site
from support.chromium import chromium as shown_browser
from support.shim_process import ShimProcess

from .conftest import Browsers, Guest
from .test_vnc import open_tab, until_pixel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PAGES = {
    "/": "<title>Home</title><body style='margin:0;background:#fff'>"
    "<input id=t style='position:absolute;left:20px;top:20px;width:600px;height:60px'>",
    "/typed": "<title>Typed</title><body style='margin:0;background:#2060c0'>"
    "<input id=t style='position:absolute;left:0;top:0;width:640px;height:360px;border:0;"
    "background:#e04020' oninput='document.title=value'>",
    "/ask": "<title>Ask</title><body style='background:#fff'><script>addEventListener('click',()=>"
    "{document.title=prompt('Your name?','')??'nobody'})</script>",
    "/files": "<title>Files</title><body style='margin:0'><input type=file id=f onchange='"
    "document.title=f.files[0].name' style='position:absolute;inset:0;width:1280px;height:700px'>",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with shown_browser(tmp_path) as running:
        yield running


def link(shim: ShimProcess, role: str) -> str:
    body = {"role": role, "ttl_seconds": 600, "max_uses": 1}
    url: str = call(shim, "POST", "/sessions/pages/join-links", body)["url"]
    return url


async def tab(guest: Guest, title: str) -> None:
    """Wait until the shown tab has this title."""
    await guest.page.wait_for_selector(
        f".browser-tab[data-active='true'] .browser-tab-title:text-is('{title}')", timeout=20_000
    )


async def go(guest: Guest, url: str) -> None:
    """By the address bar."""
    await guest.page.get_by_label("Address", exact=True).fill(url)
    await guest.page.keyboard.press("Enter")


async def click_picture(guest: Guest) -> None:
    box = await guest.page.locator(".picture-frame").bounding_box()
    assert box is not None
    await guest.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


async def test_an_operator_browses_answers_and_saves_and_an_observer_sees_titles(
    browsers: Browsers, shim: ShimProcess, browser: Chromium, pages: Site, tmp_path: Path
) -> None:
    options = ("--cdp-url", browser.cdp_url, "--sound", "off")
    with agent_process(shim, None, tmp_path, "pages", *options) as agent:
        agent.wait_ready()
        operator, observer = await browsers.guest(), await browsers.guest(width=390, height=844)
        await operator.page.goto(link(shim, "operator"))
        await observer.page.goto(link(shim, "observer"))
        await operator.state("Live")
        await observer.state("Live")

        await go(operator, pages.url + "/")
        await tab(operator, "Home")
        await tab(observer, "Home")
        assert not await observer.page.is_visible(".browser-tools")
        await operator.page.get_by_label("New tab").click()
        await go(operator, pages.url + "/ask")
        await tab(operator, "Ask")
        assert await operator.page.locator(".browser-tab").count() == 2
        await operator.page.screenshot(path=tmp_path / "tabs.png")

        await click_picture(operator)
        question = operator.page.locator(".question[data-kind='prompt']")
        await question.wait_for(timeout=20_000)
        assert await observer.page.locator(".question").count() == 0
        await operator.page.screenshot(path=tmp_path / "question.png")
        await question.locator("input").fill("Ana")
        await operator.page.keyboard.press("Enter")
        await tab(operator, "Ana")
        assert await operator.page.locator(".question").count() == 0

        await go(operator, pages.url + "/files")
        await tab(operator, "Files")
        await click_picture(operator)
        await operator.page.locator(".question[data-kind='file']").wait_for(timeout=20_000)
        plan = tmp_path / "plan.txt"
        plan.write_text("to do")
        async with operator.page.expect_file_chooser() as chooser:
            await operator.page.get_by_role("button", name="Choose…").click()
        await (await chooser.value).set_files(plan)
        await tab(operator, "plan.txt")

        await go(operator, pages.url + "/file.bin")
        downloads = operator.page.get_by_role("button", name="Downloads")
        await downloads.wait_for(timeout=20_000)
        await operator.page.locator(".toast:has-text('Downloaded report.bin')").wait_for()
        await downloads.click()
        async with operator.page.expect_download(timeout=20_000) as saved:
            await operator.page.get_by_role("menuitem").first.click()
        file = await (await saved.value).path()
        assert file.read_bytes() == bytes(range(256)) * 64

        await go(operator, "file:///etc/passwd")
        await operator.page.locator(".toast:has-text('file: are refused')").wait_for()
        await observer.page.screenshot(path=tmp_path / "phone.png")
        for guest in (operator, observer):
            assert await guest.violations() == []
            assert guest.errors == []


async def test_the_vnc_tab_shows_and_steers_a_browser(
    browsers: Browsers, shim: ShimProcess, browser: Chromium, pages: Site, tmp_path: Path
) -> None:
    """No X server, no VNC daemon: the agent speaks RFB for what DevTools shows."""
    options = ("--cdp-url", browser.cdp_url, "--sound", "off")
    with agent_process(shim, None, tmp_path, "pages", *options) as agent:
        agent.wait_ready()
        watcher, operator = await browsers.guest(), await browsers.guest()
        await watcher.page.goto(link(shim, "operator"))
        await watcher.state("Live")
        await go(watcher, pages.url + "/typed")
        await tab(watcher, "Typed")
        await watcher.page.keyboard.press("Escape")
        await watcher.page.close()

        await open_tab(operator, link(shim, "operator"))
        await until_pixel(operator, (0.25, 0.25), (0xE0, 0x40, 0x20))
        await until_pixel(operator, (0.75, 0.75), (0x20, 0x60, 0xC0))
        await operator.page.wait_for_selector(  # who chose the page has left it
            ".vnc-panel .control-button[aria-label='Take control']", timeout=20_000
        )
        box = await operator.page.locator(".vnc-canvas").bounding_box()
        assert box is not None
        await operator.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
        await operator.page.wait_for_selector(
            ".vnc-panel .control-button[aria-label='You have control']"
        )
        await operator.page.keyboard.type("Hallo, Welt")
        await operator.page.screenshot(path=tmp_path / "vnc.png")
        await operator.page.get_by_role("tab", name="WebRTC Live View").click()
        await tab(operator, "Hallo, Welt")
        assert await operator.violations() == []
        assert operator.errors == []
