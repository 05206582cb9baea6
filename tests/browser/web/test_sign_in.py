"""Signing in with a real OpenID Connect server: code flow with PKCE, in real Chromium."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.axe import violations
from support.livekit import LiveKitServer, free_ports
from support.oidc_server import OidcServer, oidc_server
from support.shim_process import ShimProcess, shim_process
from support.xserver import XServer

from .conftest import Browsers, Guest

pytestmark = pytest.mark.browser

RULES = [
    {"claim": "groups", "value": "support", "role": "operator", "sessions": ["team-*"]},
    {"claim": "groups", "value": "guests", "role": "observer", "sessions": ["demo"]},
]


@dataclass
class Door:
    """A shim that trusts an identity server which knows its address."""

    shim: ShimProcess
    server: OidcServer


@pytest.fixture(scope="module")
def door(sfu: LiveKitServer, module_path: Path) -> Iterator[Door]:
    port = free_ports(1)[0]
    path = module_path / "door"
    path.mkdir()
    with oidc_server(path, f"http://127.0.0.1:{port}/") as server:
        env = {
            "OIDC_ISSUER": server.issuer,
            "OIDC_CLIENT_ID": "sessioncast",
            "OIDC_RULES": json.dumps(RULES),
        }
        with shim_process(sfu, path, port=port, **env) as shim:
            yield Door(shim, server)


async def sign_in(guest: Guest, who: str) -> None:
    """As a person does, from the page's own button to the page again."""
    page = guest.page
    await page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    await page.fill("input[name=login]", who)
    await page.fill("input[name=password]", "any")
    await page.click("button[type=submit]")
    await page.get_by_role("button", name="Continue").click()


async def test_people_see_what_their_groups_may_and_nothing_stays_in_the_address(
    browsers: Browsers, door: Door, x: XServer, tmp_path: Path
) -> None:
    call(door.shim, "POST", "/sessions", {"session": "demo"})
    with agent_process(door.shim, x, tmp_path, "team-1") as agent:
        agent.wait_ready()
        guest = await browsers.guest()
        page = guest.page
        await page.goto(door.shim.url + "/")
        await page.wait_for_selector(".sign-in .or")
        assert await violations(page) == []
        await sign_in(guest, "ana")
        await page.wait_for_selector("[data-session=team-1] .thumb-image.loaded", timeout=20_000)
        assert page.url == door.shim.url + "/"
        assert await page.locator(".card").count() == 1
        await page.reload()
        await page.locator("[data-session=team-1] .card-link").click()
        await guest.state("Live")
        assert await guest.violations() == []
        # this tab only
        other = await guest.context.new_page()
        await other.goto(door.shim.url + "/")
        await other.wait_for_selector(".sign-in")


async def test_who_came_for_a_session_is_back_there_after_signing_in(
    browsers: Browsers, door: Door, x: XServer, tmp_path: Path
) -> None:
    with agent_process(door.shim, x, tmp_path, "team-2") as agent:
        agent.wait_ready()
        guest = await browsers.guest()
        await guest.page.goto(door.shim.url + "/sessions/team-2")
        await guest.sentence("Sign in to watch this session")
        await sign_in(guest, "ana")
        await guest.state("Live", within_s=20)
        assert guest.page.url == door.shim.url + "/sessions/team-2"
        assert await guest.violations() == []


async def test_a_code_that_this_tab_did_not_ask_for_signs_nobody_in(
    browsers: Browsers, door: Door
) -> None:
    guest = await browsers.guest()
    asked: list[str] = []
    guest.page.on("request", lambda r: asked.append(r.url))
    await guest.page.goto(f"{door.shim.url}/?code=stolen&state=not-ours")
    await guest.page.wait_for_selector(".sign-in")
    assert guest.page.url == door.shim.url + "/"
    assert not [url for url in asked if url.startswith(door.server.issuer + "/token")]


async def test_signing_in_and_giving_up_is_said_in_words(browsers: Browsers, door: Door) -> None:
    guest = await browsers.guest()
    page = guest.page
    await page.goto(door.shim.url + "/")
    await page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    await page.get_by_role("link", name="Cancel").click()
    await page.wait_for_selector(".toast:has-text('The sign-in was not completed')")
    assert page.url == door.shim.url + "/"
