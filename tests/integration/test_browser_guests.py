"""Frames of other sites, what pages ask leave for, and what a killed agent leaves: on Chromium."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sessioncast_agent.cdp.downloads import remove_stale
from sessioncast_agent.cdp.news import Answer
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.inputs import Move
from support.browser_session import BrowserSession, browser_session, until
from support.chromium import Chromium, Site, chromium

pytestmark = pytest.mark.integration

# 127.0.0.1 and localhost are two sites, so the frame gets a process of its own
PAGES = {
    "/outer": "<title>Outer</title><body style='margin:0'><script>window.heard=[];"
    "addEventListener('message',e=>heard.push(e.data));const f=document.createElement('iframe');"
    "f.style='position:absolute;left:0;top:0;width:600px;height:400px;border:0';"
    "f.src=location.origin.replace('127.0.0.1','localhost')+'/inner';document.body.append(f)"
    "</script>",
    "/inner": "<body style='margin:0;background:#fff'><input type=password "
    "style='position:absolute;left:10px;top:10px;width:200px;height:30px'><div style='"
    "position:absolute;left:300px;top:0;width:200px;height:200px;cursor:move'></div><script>"
    "parent.postMessage('inner','*');onmessage=e=>{location.href=e.data}</script>",
    "/forbidden": "<script>parent.postMessage('forbidden','*')</script>",
    "/fine": "<script>parent.postMessage('fine','*')</script>",
    "/place": "<title>Place</title><body><script>window.got='';document.addEventListener('click',"
    "()=>{got='asking';navigator.geolocation.getCurrentPosition(()=>{got='yes'},"
    "e=>{got='no '+e.code})})</script>",
    "/media": "<title>Media</title><body><script>window.got='';document.addEventListener('click',"
    "async()=>{got='asking';try{const s=await navigator.mediaDevices.getUserMedia("
    "{audio:true,video:true});got='yes '+s.getTracks().map(t=>t.kind).sort();"
    "s.getTracks().forEach(t=>t.stop())}catch(e){got='no '+e.name}})</script>",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    options = ("--site-per-process", "--use-fake-device-for-media-stream")
    with chromium(tmp_path, "about:blank", *options) as running:
        yield running


def guest_heard(session: BrowserSession, what: str) -> None:
    until(lambda: what in (session.evaluate("heard") or []), f"the frame says {what}")


def test_a_frame_of_another_site_keeps_to_the_policy(browser: Chromium, pages: Site) -> None:
    other = pages.url.replace("127.0.0.1", "localhost")
    policy = UrlPolicy.from_lists([], ["*://*/forbidden"])
    with browser_session(browser.cdp_url, policy) as session:
        session.goto(pages.url + "/outer")
        guest_heard(session, "inner")
        session.evaluate(f"f.contentWindow.postMessage('{other}/fine','*')")
        guest_heard(session, "fine")
        session.evaluate("location.reload()")
        time.sleep(1.0)
        guest_heard(session, "inner")
        session.evaluate(f"f.contentWindow.postMessage('{other}/forbidden','*')")
        until(session.notices, "the operator is told")
        time.sleep(0.5)
        assert "forbidden" not in session.evaluate("heard")


def test_a_frame_of_another_site_tells_pointer_and_passwords(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/outer")
        guest_heard(session, "inner")

        def moved_over() -> bool:
            session.backend.inject([Move(400, 100 + int(time.monotonic() * 20) % 50)])
            return any(place.digest == "css-move" for place in session.places)

        until(moved_over, "the pointer's shape over the frame")
        session.click(50, 25)
        until(lambda: session.backend.secret_focus() is True, "its password field has the focus")
        session.evaluate("f.remove()")
        until(lambda: session.backend.secret_focus() is False, "a frame that is gone has none")


@pytest.mark.parametrize(("accept", "expected"), [(True, "yes"), (False, "no 1")])
def test_the_operator_decides_whether_a_page_knows_where_it_is(
    browser: Chromium, pages: Site, accept: bool, expected: str
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/place")
        place = {"latitude": 48.2, "longitude": 16.4, "accuracy": 10.0}
        command(session, "Emulation.setGeolocationOverride", place)
        session.click(300, 300)
        prompt = session.prompt("permission")
        assert "where this browser is" in prompt.text
        assert session.evaluate("got") == "asking", "the page goes on while it waits"
        session.backend.answer(prompt.id, Answer(accept=accept)).result(10)
        until(lambda: session.evaluate("got") == expected, expected)


@pytest.mark.parametrize(
    ("accept", "expected"), [(True, "yes audio,video"), (False, "no NotAllowedError")]
)
def test_the_operator_decides_on_camera_and_microphone(
    browser: Chromium, pages: Site, accept: bool, expected: str
) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/media")
        session.click(300, 300)
        for what in ("camera", "microphone"):
            prompt = until(
                lambda what=what: [  # type: ignore[misc]
                    prompt for prompt in session.open_prompts() if what in prompt.text
                ],
                f"asked for the {what}",
            )[0]
            assert session.evaluate("got") == "asking", "the page goes on while it waits"
            session.backend.answer(prompt.id, Answer(accept=accept)).result(10)
        until(lambda: session.evaluate("got") == expected, expected)


def command(session: BrowserSession, method: str, params: dict[str, float]) -> None:
    """One DevTools command to the shown page."""

    async def send(driver: Any) -> None:
        await driver.tabs.active.send(method, params)

    session.backend._call(send).result(10)


_KEEPER = """
import asyncio, sys, time
from sessioncast_agent.cdp.downloads import Downloads
class Nowhere:
    def post(self, *_): pass
downloads = Downloads(print, local=True)
downloads.connected(Nowhere())
print(downloads._folder, flush=True)
time.sleep(60)
"""


def test_what_a_killed_agent_kept_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER],
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert keeper.stdout is not None
        folder = Path(keeper.stdout.readline().strip())
        (folder / "kept").write_text("a file")
        remove_stale()
        assert (folder / "kept").exists(), "its agent lives"
    finally:
        keeper.send_signal(signal.SIGKILL)
        keeper.wait(10)
        if keeper.stdout is not None:
            keeper.stdout.close()
    assert folder.exists()
    remove_stale()
    assert not folder.exists()
