"""A browser in a window hardly larger than its toolbar, as the demo starts it: on Chromium."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from sessioncast_agent.demo.webbrowser import WINDOW_PX
from support.browser_session import BrowserSession, browser_session, until
from support.chromium import Chromium, Site, chromium

pytestmark = pytest.mark.integration

# 127.0.0.1 and localhost are two sites, so the frame gets a process of its own
PAGES = {
    "/plain": "<title>Plain</title><body style='margin:0;background:#fff'>"
    "<script>window.sizes=[];addEventListener('resize',()=>sizes.push(innerHeight))</script>",
    "/other": "<title>Other</title><body style='margin:0;background:#000'>",
    "/outer": "<title>Outer</title><body style='margin:0'><script>window.heard=[];"
    "addEventListener('message',e=>heard.push(e.data));const f=document.createElement('iframe');"
    "f.style='position:absolute;left:700px;top:400px;width:500px;height:300px;border:0';"
    "f.src=location.origin.replace('127.0.0.1','localhost')+'/inner';document.body.append(f)"
    "</script>",
    "/inner": "<body style='margin:0;background:#fff'><script>parent.postMessage('here','*');"
    "addEventListener('click',e=>parent.postMessage([e.clientX,e.clientY].join(),'*'))</script>",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    options = ("--site-per-process", "--test-type", "--window-size={},{}".format(*WINDOW_PX))
    with chromium(tmp_path, "about:blank", *options) as running:
        yield running


def shown_px(session: BrowserSession) -> Any:
    """The size of the newest picture."""
    return session.frames and (session.frames[-1][1].width_px, session.frames[-1][1].height_px)


def test_the_whole_page_is_seen_and_clicked_although_the_window_shows_nothing_of_it(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/outer")
        until(lambda: shown_px(session) == (1280, 720), "the whole page")
        until(lambda: "here" in session.evaluate("heard"), "the frame of the other site")
        session.click(710, 420)
        until(lambda: "10,20" in session.evaluate("heard"), "the click in the frame")


def test_a_tab_that_somebody_else_brings_to_the_front_is_followed_in_a_small_window(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/plain")
        session.command("tabs.open", url=pages.url + "/other")
        until(lambda: session.active().title == "Other", "the new tab")
        first = session.tabs()[0].id
        time.sleep(1.0)
        browser.activate(first)
        until(lambda: session.active().id == first, "the other tab is followed")
        until(lambda: session.evaluate("innerHeight") == 720, "its size")


@pytest.mark.parametrize("watched", [True, False])
def test_a_client_that_leaves_and_takes_the_viewport_with_it_does_not_take_the_page(
    browser: Chromium, pages: Site, watched: bool
) -> None:
    with browser_session(browser.cdp_url) as session, sync_playwright() as playwright:
        session.goto(pages.url + "/plain")
        until(lambda: shown_px(session) == (1280, 720), "the page")
        session.backend.set_watched(watched)
        other = playwright.chromium.connect_over_cdp(browser.cdp_url)
        page = other.contexts[0].pages[0]
        page.set_viewport_size({"width": 900, "height": 500})
        until(lambda: session.evaluate("innerHeight") == 500, "somebody else's size stays")
        other.close()
        until(lambda: session.evaluate("innerHeight") == 720, "our size again")
        assert min(session.evaluate("sizes")) < 64, "it had been lost"
        session.backend.set_watched(True)
        until(lambda: shown_px(session) == (1280, 720), "the page again")
