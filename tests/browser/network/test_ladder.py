"""The ways to a picture when a network closes one after the other, in a real Chromium."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.axe import violations
from support.browser import Browsers, Guest, chromium
from support.certificate import Certificate
from support.netns import Network
from support.turn import coturn, secret_file
from support.xserver import XServer

from .conftest import OUTER, Stack, stack

pytestmark = pytest.mark.browser
FACTOR = float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))


@pytest.fixture
async def far(net: Network, tls: Certificate, tmp_path: Path) -> AsyncIterator[Browsers]:
    # as behind https, which a test without names cannot have
    secure = ",".join(f"http://{address}:443" for address in net.addresses)
    async with chromium(
        tls.chromium_argument,
        f"--unsafely-treat-insecure-origin-as-secure={secure}",
        prefix=net.command(),
        scratch=tmp_path,
    ) as browsers:
        yield browsers


async def path_of(guest: Guest) -> str:
    """What the statistics say of the way, once they do."""
    await guest.page.keyboard.press("s")
    value = ".stat:has(.stat-label:text-is('Path')) .stat-value"
    await guest.page.wait_for_selector(f"{value}:not(:text-is('\u2013'))", timeout=10_000)
    return await guest.say(value)


async def live(browsers: Browsers, at: Stack, within_s: float = 12.0) -> tuple[Guest, str]:
    guest = await browsers.guest()
    await guest.page.goto(at.link())
    await guest.state("Live", within_s)
    red, _, blue = await guest.pixel(0.5, 0.5)
    assert blue > 150
    assert red < 80
    assert await guest.violations() == []
    return guest, await path_of(guest)


async def test_an_open_network_is_served_over_udp(plain: Stack, far: Browsers) -> None:
    _, path = await live(far, plain)
    assert path == "UDP"


async def test_without_udp_the_picture_comes_over_tcp_and_the_page_says_why(
    net: Network, plain: Stack, far: Browsers
) -> None:
    net.block(udp=True)
    guest, path = await live(far, plain)
    assert path == "TCP (UDP blocked)"
    tip = await guest.page.get_attribute(".stat:has(.stat-label:text-is('Path'))", "data-tip")
    assert "No answer over UDP" in str(tip)


async def test_with_nothing_but_443_the_servers_own_relay_carries_it(
    net: Network, relayed: Stack, far: Browsers
) -> None:
    net.block(only_tcp=(443,))
    _, path = await live(far, relayed)
    assert path.startswith("TURN over TLS")
    assert path.endswith("(UDP and TCP blocked)")


async def test_coturn_carries_it_with_credentials_made_from_the_shared_secret(
    net: Network, x: XServer, tls: Certificate, far: Browsers, tmp_path: Path
) -> None:
    relay, sfu = net.addresses[3], net.addresses[5]
    with coturn(tmp_path, OUTER, relay, sfu, tls) as external:
        with stack(net, x, tmp_path / "coturn", "outer", external.section()) as made:
            net.block(only_tcp=(443,))
            _, path = await live(far, made)
            assert path == "TURN over TLS (UDP and TCP blocked)"
            net.unblock()
        wrong = external.section(secret_file(tmp_path / "another"))
        with stack(net, x, tmp_path / "refused", "refused", wrong) as made:
            net.block(only_tcp=(443,))
            guest = await far.guest()
            await guest.page.goto(made.link())
            await guest.sentence("trying the TURN relay")
            tip = guest.page.locator(".stat:has(.stat-label:text-is('Path'))")
            await tip.and_(
                guest.page.locator("[data-tip*='refused our credentials (401)']")
            ).wait_for(state="attached", timeout=10_000)
        assert (
            "401" in external.log_path.read_text()
            or "check_stun_auth" in external.log_path.read_text()
        )


async def test_a_network_without_any_way_for_media_gets_the_fallback_and_webrtc_again_later(
    net: Network, plain: Stack, far: Browsers
) -> None:
    net.block(only_tcp=(443,))
    guest = await far.guest()
    await guest.page.goto(plain.link())
    began = time.monotonic()
    await guest.page.wait_for_selector(".vnc-panel[data-state=showing]", timeout=15_000)
    took_s = time.monotonic() - began
    assert took_s < 6 * FACTOR
    note = await guest.say(".fall-note")
    assert "Showing the VNC fallback; WebRTC is blocked on this network." in note
    assert await violations(guest.page) == []
    net.unblock()
    await guest.page.wait_for_selector("#panel-live:not([hidden])", timeout=40_000)
    await guest.state("Live")
    assert await guest.page.is_hidden(".vnc-panel")
    assert guest.own_errors == []


async def test_walls_and_embedded_views_fall_back_and_come_back_too(
    net: Network, plain: Stack, far: Browsers
) -> None:
    net.block(only_tcp=(443,))
    guest = await far.guest()
    page = guest.page
    await page.goto(plain.link())
    await page.wait_for_selector(".vnc-panel[data-state=showing]", timeout=15_000 * FACTOR)
    url, session = page.url.partition("/sessions/")[0], plain.session

    async def falls_and_returns(tile: str) -> None:
        began = time.monotonic()
        await page.wait_for_selector(f"{tile} .vnc-canvas", timeout=15_000 * FACTOR)
        assert time.monotonic() - began < 8 * FACTOR
        await page.wait_for_selector(f"{tile} .fall-note:has-text('WebRTC is blocked')")
        await page.wait_for_selector(f"{tile} .tile[data-state=live][data-path=vnc]")
        colour = await page.evaluate(
            """(tile) => {
              const find = (root, parts) => parts.reduce(
                (at, part) => (at.shadowRoot ?? at).querySelector(part), root);
              const from = find(document, [...tile.split(' '), '.vnc-canvas']);
              const to = document.createElement('canvas').getContext('2d');
              to.drawImage(from, from.width / 2, from.height / 2, 1, 1, 0, 0, 1, 1);
              return [...to.getImageData(0, 0, 1, 1).data];
            }""",
            tile,
        )
        assert colour[2] > 150
        assert colour[0] < 80
        net.unblock()
        await page.wait_for_selector(f"{tile} .picture-video", timeout=40_000)
        await page.wait_for_selector(f"{tile} .fall-note", state="hidden", timeout=40_000)
        await page.wait_for_selector(f"{tile} .tile[data-state=live][data-path=udp]")
        assert await page.locator(f"{tile} .vnc-canvas").count() == 0

    await page.goto(f"{url}/wall?s={session}")
    await falls_and_returns(f"[data-session={session}]")
    assert await violations(page) == []

    net.block(only_tcp=(443,))
    await page.goto(f"{url}/wall")  # any page of this origin: the component brings all it needs
    await page.evaluate(
        """async ([session, url]) => {
          await import('/embed/session-view.js');
          const view = document.createElement('session-view');
          const kept = Object.values(localStorage).find((text) => text.includes('scg_'));
          view.authorization = `Bearer ${JSON.parse(kept).grant}`;
          view.setAttribute('session', session);
          view.setAttribute('offer-url', `/api/v1/sessions/${session}/webrtc/offer`);
          document.querySelector('main').append(view);
        }""",
        [session, url],
    )
    await falls_and_returns("session-view")
    assert await guest.violations() == []
    assert guest.errors == []


async def test_a_media_server_that_cannot_be_reached_at_all_is_named_and_done_without(
    net: Network, plain: Stack, far: Browsers
) -> None:
    net.block(hosts=(plain.sfu.host,))
    guest = await far.guest()
    await guest.page.goto(plain.link())
    await guest.page.wait_for_selector(".vnc-panel[data-state=showing]", timeout=15_000 * FACTOR)
    tip = guest.page.locator(".stat:has(.stat-label:text-is('Path'))")
    await tip.and_(guest.page.locator("[data-tip*='media server']")).wait_for(state="attached")
    await guest.page.get_by_role("button", name="Try again").click()
    net.unblock()
    await guest.page.wait_for_selector("#panel-live:not([hidden])", timeout=40_000)
    await guest.state("Live")


async def test_a_network_that_closes_during_the_session_is_left_for_the_next_way(
    net: Network, plain: Stack, far: Browsers
) -> None:
    guest, path = await live(far, plain)
    assert path == "UDP"
    net.block(udp=True)
    value = guest.page.locator(".stat:has(.stat-label:text-is('Path')) .stat-value")
    await value.and_(guest.page.get_by_text("TCP (UDP blocked)", exact=True)).wait_for(
        timeout=40_000
    )
    await guest.state("Live")
