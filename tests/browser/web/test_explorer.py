"""The Session Explorer, the wall and the web component, as a person meets them."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import expect

from support.agent_process import agent_process, call
from support.axe import violations
from support.livekit import REPOSITORY, LiveKitServer, free_ports
from support.shim_process import API_KEY, ShimProcess, shim_process
from support.xserver import XServer

from .conftest import Browsers, Guest

pytestmark = pytest.mark.browser


async def signed_in(browsers: Browsers, shim: ShimProcess, width: int = 1440) -> Guest:
    guest = await browsers.guest(width, 900)
    await guest.page.goto(shim.url + "/")
    await guest.page.fill("#api-key", API_KEY)
    await guest.page.keyboard.press("Enter")
    await guest.page.wait_for_selector(".card, .center-card:has-text('No session yet')")
    return guest


async def clean(guest: Guest) -> None:
    assert await violations(guest.page) == []
    assert await guest.violations() == []
    assert guest.errors == []


async def test_details_show_who_watches_what_it_costs_and_which_links_are_open(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "known") as agent:
        agent.wait_ready()
        link = {"role": "observer", "name": "Ana", "ttl_seconds": 600, "max_uses": 5}
        url = call(shim, "POST", "/sessions/known/join-links", link)["url"]
        ana = await browsers.guest(800, 600)
        await ana.page.goto(url)
        await ana.state("Live")
        guest = await signed_in(browsers, shim)
        page = guest.page
        card = page.locator("[data-session=known]")
        await card.locator("text=% CPU").wait_for(timeout=15_000)
        await card.get_by_role("button").click()
        await clean(guest)
        await page.get_by_role("menuitem", name="Details").click()
        people = page.get_by_role("region", name="People")
        await people.get_by_text("Ana", exact=True).wait_for()
        usage = page.get_by_role("region", name="Usage")
        await usage.get_by_text("encode", exact=True).wait_for()
        await clean(guest)
        links = page.get_by_role("region", name="Links")
        await links.get_by_role("button", name="Revoke the link Ana").click()
        await links.get_by_text("No link is open").wait_for()
        stranger = await browsers.guest()
        await stranger.page.goto(url)
        await stranger.sentence("This link has been used or has expired")
        await clean(stranger)


async def test_a_shared_link_is_shown_with_a_code_that_a_phone_reads(
    browsers: Browsers, shim: ShimProcess
) -> None:
    call(shim, "POST", "/sessions", {"session": "shared"})
    guest = await signed_in(browsers, shim, 390)
    page = guest.page
    await page.locator("[data-session=shared]").get_by_role("button").click()
    await page.get_by_role("menuitem", name="Share a link").click()
    await page.fill("#share-name", "Ana")
    await page.check("#share-ask")
    await page.get_by_role("button", name="Make a link").click()
    await page.wait_for_selector("svg.qr")
    assert "#join=" in await page.inner_text("dialog .copy-text")
    await clean(guest)
    (made,) = call(shim, "GET", "/sessions/shared/join-links")["items"]
    assert (made["name"], made["role"], made["may_ask"]) == ("Ana", "observer", True)


async def test_the_list_follows_what_happens_and_nobody_asks_for_pictures_unseen(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    guest = await signed_in(browsers, shim)
    page = guest.page
    asked: list[str] = []
    async with page.expect_response("**/api/v1/events") as news:
        await page.reload()
    assert (await news.value).status == 200
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/thumbnail") else None)
    with agent_process(shim, x, tmp_path, "comes") as agent:
        agent.wait_ready()
        card = page.locator("[data-session=comes]")
        await card.locator(".state-word:text-is('Live')").wait_for(timeout=15_000)
        await card.locator(".thumb-image.loaded").wait_for(timeout=15_000)
        # another tab is in front of it: a hidden list asks for nothing
        other = await guest.context.new_page()
        await other.bring_to_front()
        await page.evaluate(
            "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })"
        )
        await page.wait_for_timeout(1_500)
        asked.clear()
        await page.wait_for_timeout(12_000)
        assert asked == []


async def test_a_thousand_sessions_stay_smooth(browsers: Browsers, shim: ShimProcess) -> None:
    guest = await browsers.guest()
    page = guest.page
    rows = [
        {"session": f"many-{n}", "room": f"many-{n}", "kind": "desktop", "labels": {"n": str(n)},
         "state": "live" if n % 3 else "waiting", "created_at": "2026-11-23T10:00:00Z",
         "size_px": [1280, 720], "watching": n % 5, "control": None, "recording": n % 7 == 0}
        for n in range(1_000)
    ]  # fmt: skip
    pages = {None: {"items": rows[:500], "next": "500"}, "500": {"items": rows[500:], "next": None}}

    async def answer(route) -> None:  # type: ignore[no-untyped-def]  # Playwright's Route
        cursor = "500" if "cursor=" in route.request.url else None
        await route.fulfill(json=pages[cursor])

    await page.route("**/api/v1/sessions?*", answer)
    await page.route("**/api/v1/events*", lambda route: route.abort())  # it knows the real ones
    asked: set[str] = set()
    page.on("request", lambda r: asked.add(r.url) if r.url.endswith("/thumbnail") else None)
    await page.goto(shim.url + "/")
    await page.fill("#api-key", API_KEY)
    await page.keyboard.press("Enter")
    await expect(page.locator(".card")).to_have_count(1_000, timeout=15_000)
    took_ms = await page.evaluate(
        """async () => {
          const search = document.querySelector('.search-field');
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const began = performance.now();
          for (const text of ['many-9', 'many-99', 'many-9', '']) {
            search.value = text;
            search.dispatchEvent(new Event('input'));
            await frame(); await frame();
          }
          const content = document.querySelector('.content');
          for (let step = 1; step <= 20; step += 1) {
            content.scrollTop = step * 600;
            await frame();
          }
          return performance.now() - began;
        }"""
    )
    # 28 frames and four passes over the list: a second on a quiet machine, never ten
    assert took_ms < 10_000
    assert len(asked) < 200
    assert await guest.violations() == []


async def test_chosen_sessions_are_shown_side_by_side(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with (
        agent_process(shim, x, tmp_path, "left") as left,
        agent_process(shim, x, tmp_path, "right") as right,
    ):
        left.wait_ready()
        right.wait_ready()
        guest = await signed_in(browsers, shim)
        page = guest.page
        for name in ("left", "right"):
            await page.check(f"[data-session={name}] .card-check")
        await clean(guest)
        await page.get_by_role("button", name="Show side by side").click()
        await page.wait_for_url("**/wall?s=left&s=right")
        for name in ("left", "right"):
            await page.wait_for_selector(
                f"[data-session={name}] .state-word:text-is('Live')", timeout=20_000
            )
        await clean(guest)
        await page.reload()
        await page.wait_for_selector("[data-session=right] .tile[data-state=live]", timeout=20_000)
        await page.get_by_role("button", name="Take left off the wall").click()
        await page.wait_for_url("**/wall?s=right")
        await guest.until("document.querySelectorAll('.wall-tile').length === 1")
        await page.get_by_role("link", name="right").click()
        await guest.state("Live")


@contextlib.contextmanager
def foreign_site(shim: ShimProcess) -> Iterator[str]:
    """Run the documentation's example."""
    port = free_ports(1)[0]
    site = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "docs/examples/embed/serve.py"), str(port)],
        env={
            "PATH": os.environ["PATH"],
            "SESSIONCAST_URL": shim.url,
            "SESSIONCAST_API_KEY": API_KEY,
        },
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert site.stdout is not None
        yield site.stdout.readline().strip()
    finally:
        site.terminate()
        site.wait(5)
        if site.stdout is not None:
            site.stdout.close()


async def test_the_component_shows_a_session_in_a_foreign_page(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "embedded") as agent, foreign_site(shim) as site:
        agent.wait_ready()
        guest = await browsers.guest(800, 900)
        seen: list[str] = []
        guest.page.on("request", lambda r: seen.append(str(r.headers.get("authorization"))))
        await guest.page.goto(f"{site}?session=embedded")
        await guest.page.wait_for_selector("output:text-is('embedded: live')", timeout=20_000)
        shape = await guest.page.evaluate(
            """() => { const view = document.querySelector('session-view');
              const video = view.shadowRoot.querySelector('video');
              return [video.videoWidth, video.videoHeight, video.clientWidth]; }"""
        )
        assert shape[:2] == [1280, 720]
        assert shape[2] > 400
        assert set(seen) == {"None"}  # the key stays with the site
        assert await violations(guest.page) == []
        assert guest.errors == []
        call(shim, "DELETE", "/sessions/embedded")
        await guest.page.wait_for_selector("output:text-is('embedded: ended')", timeout=20_000)
        assert guest.own_errors == []


@contextlib.contextmanager
def static_site(port: int, html: str) -> Iterator[None]:
    """Serve one page."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(5)


async def test_a_page_that_the_shim_knows_needs_no_route_of_its_own_and_others_get_nothing(
    browsers: Browsers, sfu: LiveKitServer, x: XServer, tmp_path: Path
) -> None:
    known, unknown = free_ports(2)
    with (
        shim_process(sfu, tmp_path, CORS_ORIGINS=f"http://127.0.0.1:{known}") as shim,
        agent_process(shim, x, tmp_path, "direct") as agent,
    ):
        agent.wait_ready()
        link = {"role": "observer", "ttl_seconds": 600, "max_uses": 1}
        secret = call(shim, "POST", "/sessions/direct/join-links", link)["url"].split("#join=")[1]
        grant = call(shim, "POST", "/join", {"secret": secret})["grant"]
        html = f"""<!doctype html><html lang="en"><title>Ours</title><main><h1>Ours</h1>
          <script type="module" src="{shim.url}/embed/session-view.js"></script>
          <session-view></session-view></main><script type="module">
          const view = document.querySelector('session-view');
          await customElements.whenDefined('session-view');
          view.authorization = 'Bearer {grant}';
          view.setAttribute('session', 'direct');
          view.setAttribute('offer-url', '{shim.url}/api/v1/sessions/direct/webrtc/offer');
          </script></html>"""
        with static_site(known, html), static_site(unknown, html):
            guest = await browsers.guest()
            await guest.page.goto(f"http://127.0.0.1:{known}/")
            await guest.until(
                "document.querySelector('session-view').state === 'live'", within_s=20
            )
            stranger = await browsers.guest()
            await stranger.page.goto(f"http://127.0.0.1:{unknown}/")
            await stranger.page.wait_for_timeout(1_500)
            assert not await stranger.page.evaluate("Boolean(customElements.get('session-view'))")
