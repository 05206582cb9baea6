"""What can go wrong between agent and browser: crashes, restarts, dead sockets, other clients."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sessioncast_agent.cdp.picture import JpegDecoder
from sessioncast_agent.errors import BrowserLost, BrowserRefused, CannotStart
from support.browser_session import BrowserSession, browser_session, until
from support.chromium import Chromium, Site, chromium
from support.livekit import free_ports
from support.proxy import proxy

pytestmark = pytest.mark.integration

BLACK, WHITE = 16, 235
PAGES = {
    "/black": "<title>Black</title><body style='margin:0;background:#000'>",
    "/white": "<title>White</title><body style='margin:0;background:#fff'>",
    "/moving": "<title>Moving</title><body style='margin:0;background:#fff'><div id=d style="
    "'width:200px;height:200px'></div><script>let n=0;(function f(){d.style.background="
    "n++%2?'#000':'#fff';requestAnimationFrame(f)})()</script>",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with chromium(tmp_path) as running:
        yield running


def sees(session: BrowserSession, luma: int, since: int = 0, within_s: float = 30) -> None:
    until(
        lambda: len(session.frames) > since and abs(session.pixel(600, 400) - luma) <= 3,
        f"luma {luma}",
        within_s=within_s,
    )


def post(session: BrowserSession, method: str) -> None:
    async def send(driver: Any) -> None:
        driver.tabs.active.post(method)

    session.backend._call(send).result(10)


def test_a_page_that_crashes_is_loaded_again(browser: Chromium, pages: Site) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/black")
        sees(session, BLACK)
        session.frames.clear()
        began = time.monotonic()
        post(session, "Page.crash")
        until(lambda: any("crashed" in text for text in session.notices()), "the notice")
        until(
            lambda: (tab := session.active()) and not tab.crashed and tab.title == "Black", "back"
        )
        sees(session, BLACK)
        assert time.monotonic() - began < 30
        session.goto(pages.url + "/white")
        sees(session, WHITE)


def test_a_browser_that_is_killed_and_comes_back_is_shown_again(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/black")
        sees(session, BLACK)
        browser.kill()
        until(lambda: not session.states[-1].live, "the loss is told")
        until(lambda: session.tabs() == (), "no tabs")
        with pytest.raises(BrowserRefused):
            session.command("page.reload")
        time.sleep(2.0)
        browser.url = pages.url + "/white"
        browser.start()
        until(lambda: session.states[-1].live, "live again", within_s=30)
        session.goto(pages.url + "/white")
        sees(session, WHITE)


def test_a_websocket_address_survives_the_browsers_restart(browser: Chromium, pages: Site) -> None:
    with browser_session(browser.json("version")["webSocketDebuggerUrl"]) as session:
        browser.kill()
        until(lambda: not session.states[-1].live, "the loss is told")
        browser.start()
        until(lambda: session.states[-1].live, "live again", within_s=30)
        session.goto(pages.url + "/black")
        sees(session, BLACK)


def test_one_pages_websocket_is_enough_for_picture_and_input(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.pages()[0]["webSocketDebuggerUrl"]) as session:
        session.goto(pages.url + "/black")
        sees(session, BLACK)
        until(lambda: session.active().title == "Black", "the title")
        with pytest.raises(BrowserRefused, match="one page"):
            session.command("tabs.open", url=pages.url)


def test_a_socket_that_closes_is_made_again(browser: Chromium, pages: Site) -> None:
    with proxy(browser.port) as relay, browser_session(f"http://127.0.0.1:{relay.port}") as session:
        session.goto(pages.url + "/black")
        sees(session, BLACK)
        began = time.monotonic()
        seen = len(session.states)
        relay.cut()
        until(lambda: len(session.states) >= seen + 2 and session.states[-1].live, "live again")
        assert time.monotonic() - began < 15
        session.goto(pages.url + "/white")
        sees(session, WHITE)


def test_a_socket_that_is_half_open_is_noticed(browser: Chromium, pages: Site) -> None:
    with proxy(browser.port) as relay, browser_session(f"http://127.0.0.1:{relay.port}") as session:
        session.goto(pages.url + "/moving")
        until(lambda: len(session.frames) > 5, "frames")
        seen = len(session.states)
        assert relay.stall() >= 1
        with pytest.raises((BrowserRefused, BrowserLost)):  # every command has its deadline
            session.command("page.reload")
        until(
            lambda: len(session.states) >= seen + 2 and session.states[-1].live,
            "noticed, and connected anew",
            within_s=30,
        )
        before = len(session.frames)
        until(lambda: len(session.frames) > before + 5, "pictures")
        relay.reset()  # until now the browser itself still waits for the old client

        def black_at_last() -> bool:  # what the old client had intercepted is lost with it
            session.goto(pages.url + "/black")
            with contextlib.suppress(AssertionError):
                sees(session, BLACK, within_s=3.0)
                return True
            return False

        until(black_at_last, "navigation works again")


def test_a_picture_that_fails_takes_no_other_with_it(
    browser: Chromium, pages: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = JpegDecoder.decode
    failures = iter([RuntimeError("once"), ValueError("twice")])

    def fail_twice(self: JpegDecoder, jpeg: bytes) -> Any:
        if error := next(failures, None):
            raise error
        return decode(self, jpeg)

    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/moving")
        until(lambda: len(session.frames) > 5, "frames")
        monkeypatch.setattr(JpegDecoder, "decode", fail_twice)
        before = len(session.frames)
        until(lambda: len(session.frames) > before + 10, "the stream goes on")
        assert len(session.states) == 1, "the connection was never lost"


async def test_other_clients_of_the_same_page_disturb_nothing(
    browser: Chromium, pages: Site
) -> None:
    """As the DevTools window does: another socket, its own screencast, another size."""
    with browser_session(browser.cdp_url) as session:
        await asyncio.to_thread(session.goto, pages.url + "/moving")
        url = browser.pages()[0]["webSocketDebuggerUrl"]
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as other:
            for number, (method, params) in enumerate(
                [
                    ("Page.enable", {}),
                    ("Page.startScreencast", {"format": "png"}),  # and never acknowledges
                    ("Emulation.setDeviceMetricsOverride",
                     {"width": 900, "height": 500, "deviceScaleFactor": 1, "mobile": False}),
                ]
            ):  # fmt: skip
                await other.send_str(json.dumps({"id": number, "method": method, "params": params}))
            await asyncio.sleep(2.0)
            before = len(session.frames)
            await asyncio.to_thread(
                until, lambda: len(session.frames) > before + 10, "pictures go on"
            )
            frame = session.frames[-1][1]
            assert session.states[-1].size_px == (frame.width_px, frame.height_px)
        before = len(session.frames)
        await asyncio.to_thread(until, lambda: len(session.frames) > before + 10, "and on")
        assert all(state.live for state in session.states)


def test_a_tab_that_somebody_else_brings_to_the_front_is_followed(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/black")
        session.command("tabs.open", url=pages.url + "/white")
        until(lambda: session.active().title == "White", "the new tab")
        first = session.tabs()[0].id
        time.sleep(1.0)
        browser.activate(first)
        until(lambda: session.active().id == first, "the other tab is followed")
        sees(session, BLACK)


def test_where_no_browser_answers_the_agent_says_so() -> None:
    port = free_ports(1)[0]
    with (
        pytest.raises(CannotStart, match="no browser answers"),
        browser_session(f"http://127.0.0.1:{port}"),
    ):
        raise AssertionError("unreachable")
