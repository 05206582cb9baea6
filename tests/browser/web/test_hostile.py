"""The page in hostile hands: a name that is markup, an address that names another SFU, a frame."""

from pathlib import Path

import pytest

from browser.web.conftest import Browsers
from support.agent_process import agent_process, call
from support.shim_process import ShimProcess
from support.xserver import XServer

pytestmark = pytest.mark.browser

NAME = "<img src=x onerror=alert(1)>"


async def test_a_hostile_name_address_and_frame_do_nothing(
    browsers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "hostile") as agent:
        agent.wait_ready()
        made = call(
            shim, "POST", "/sessions/hostile/join-links", {"role": "operator", "name": NAME}
        )
        secret = made["url"].partition("#")[2]
        guest = await browsers.guest()
        said: list[str] = []
        guest.page.on("dialog", lambda dialog: said.append(dialog.message))
        asked: list[str] = []
        guest.page.on("websocket", lambda socket: asked.append(socket.url))
        evil = "url=wss://evil.example&host=evil.example&livekit_url=wss://evil.example"
        await guest.page.goto(f"{shim.url}/sessions/hostile?{evil}#{secret}")
        await guest.state("Live")
        assert said == []
        assert asked
        assert not any("evil" in url for url in asked)
        assert await guest.page.locator("img[src=x]").count() == 0
        assert secret not in guest.page.url

        framing = await browsers.guest()
        await framing.page.set_content(f'<iframe src="{shim.url}/"></iframe>')
        await framing.page.wait_for_timeout(1_000)
        inside = framing.page.frames[-1]
        assert await inside.locator("body *").count() == 0 or "chrome-error" in inside.url
