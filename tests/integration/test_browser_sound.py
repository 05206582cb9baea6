"""What a tab of a browser session plays, in the room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_process import agent_process
from support.chromium import chromium
from support.listener import listener
from support.pulse import SoundServer, level_of, pulse_server
from support.shim_process import ShimProcess
from support.viewer import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PAGE = (
    "data:text/html,<script>const c=new AudioContext(),o=c.createOscillator();"
    "o.frequency.value=440;o.connect(c.destination);o.start()</script>"
)
LOUD = 0.1


@pytest.fixture
def pulse() -> Iterator[SoundServer]:
    with pulse_server() as server:
        yield server


async def test_a_tone_of_a_tab_is_heard_by_a_viewer(
    shim: ShimProcess, tmp_path: Path, pulse: SoundServer
) -> None:
    sound = {name: pulse.env[name] for name in ("PULSE_SERVER", "PULSE_COOKIE", "XDG_RUNTIME_DIR")}
    free = "--autoplay-policy=no-user-gesture-required"
    with chromium(tmp_path, PAGE, free, env=sound) as browser:
        named = ("--cdp-url", browser.cdp_url, "--pulse-server", pulse.server)
        env = {name: sound[name] for name in ("PULSE_COOKIE", "XDG_RUNTIME_DIR")}
        with agent_process(shim, None, tmp_path, "tab", *named, env=env) as agent:
            agent.wait_ready()
            async with listener(shim, "tab") as ear:
                await eventually(
                    lambda: level_of(ear.heard("desktop-audio", 0.25), 440) > LOUD, "440 Hz"
                )
                assert level_of(ear.heard("desktop-audio", 0.25), 700) < LOUD / 4
