"""Bad input to the agent: one sentence that names thing and remedy, exit 3, no secret in it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api

from support.agent_process import PROGRAM, agent_environment, call
from support.livekit import LiveKitServer, free_ports
from support.shim_process import ShimProcess
from support.xserver import XServer, x_server

pytestmark = pytest.mark.integration

SECRET = "sca_this-must-never-be-shown"


def run(x: XServer, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = agent_environment(x) | env
    return subprocess.run(
        [*PROGRAM, "agent", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 3, result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("sessioncast: ")]
    assert len(said) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr + result.stdout
    assert "eyJ" not in result.stderr + result.stdout
    return said[0]


def token(sfu: LiveKitServer, room: str = "t", seconds: int = 300, secret: str = "") -> str:
    grants = api.VideoGrants(room_join=True, room=room, can_publish=True)
    builder = api.AccessToken(sfu.api_key, secret or sfu.api_secret)
    identity = builder.with_identity("agent-t").with_grants(grants)
    return identity.with_ttl(timedelta(seconds=seconds)).to_jwt()


LIVEKIT = ("--session", "t", "--livekit-url")


def test_no_display(x: XServer, sfu: LiveKitServer) -> None:
    result = run(x, *LIVEKIT, sfu.url, DISPLAY="", LIVEKIT_TOKEN=token(sfu))
    assert "--display" in refusal(result)


def test_a_display_that_is_not_there(x: XServer, sfu: LiveKitServer) -> None:
    began = time.monotonic()
    result = run(x, *LIVEKIT, sfu.url, "--display", ":9876", LIVEKIT_TOKEN=token(sfu))
    assert "no X server answers at :9876" in refusal(result)
    assert time.monotonic() - began < 15


def test_a_display_that_refuses_our_cookie(x: XServer, sfu: LiveKitServer, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    result = run(x, *LIVEKIT, sfu.url, LIVEKIT_TOKEN=token(sfu), XAUTHORITY=str(empty))
    assert "XAUTHORITY" in refusal(result)


def test_a_tiny_screen(sfu: LiveKitServer, tmp_path: Path) -> None:
    with x_server(tmp_path, "8x8") as tiny:
        result = run(tiny, *LIVEKIT, sfu.url, LIVEKIT_TOKEN=token(sfu))
        assert "8x8" in refusal(result)


def test_no_sfu_and_no_shim(x: XServer, sfu: LiveKitServer) -> None:
    ports = free_ports(2)
    there, shim = f"ws://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    with ThreadPoolExecutor() as pool:  # each is patient for some seconds
        no_sfu = pool.submit(run, x, *LIVEKIT, there, LIVEKIT_TOKEN=token(sfu))
        options = ("--session", "t", "--signaling-url", shim)
        no_shim = pool.submit(run, x, *options, AGENT_CREDENTIAL=SECRET)
        assert f"no LiveKit server answers at {there}" in refusal(no_sfu.result())
        assert "the shim at" in refusal(no_shim.result())


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"seconds": -600}, "expired"),
        ({"room": "other"}, "another room"),
        ({"secret": "x" * 40}, "refuses LIVEKIT_TOKEN"),
    ],
)
def test_a_token_that_will_not_do(
    x: XServer, sfu: LiveKitServer, made: dict[str, str], says: str
) -> None:
    sfu.create_room("t")
    jwt = token(sfu, **made)  # type: ignore[arg-type]  # a table of keywords
    assert says in refusal(run(x, *LIVEKIT, sfu.url, LIVEKIT_TOKEN=jwt))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--session", "../../etc"), "rule"),
        (("--session", "t", "--fps", "many"), "--fps"),
        (("--session", "t", "--fps", "0"), "1 to 120"),
        (("--session", "t", "--max-bitrate", "huge"), "8M"),
        (("--session", "t", "--cursor", "sideways"), "--cursor"),
        (("--session", "t", "--no-such-option"), "--no-such-option"),
        (("--session", "t", "--livekit-token", SECRET), "environment"),
        (("--session", "t", "--livekit-url", "http://u:p@h"), "--livekit-url"),
        (("--session", "t"), "no way into the room"),
    ],
)
def test_an_option_that_will_not_do(x: XServer, options: tuple[str, ...], says: str) -> None:
    env = {"LIVEKIT_TOKEN": "x"} if "--livekit-url" in options else {}
    assert says in refusal(run(x, *options, **env))


def test_a_wrong_credential(shim: ShimProcess, x: XServer) -> None:
    call(shim, "POST", "/sessions", {"session": "wrongcred"})
    result = run(x, "--session", "wrongcred", "--signaling-url", shim.url, AGENT_CREDENTIAL=SECRET)
    assert "refuses the credential of wrongcred" in refusal(result)


def test_a_health_port_that_is_taken(x: XServer, sfu: LiveKitServer) -> None:
    result = run(x, *LIVEKIT, sfu.url, "--http-port", str(sfu.port), LIVEKIT_TOKEN=token(sfu))
    assert f"--http-port {sfu.port}" in refusal(result)


def test_help_teaches() -> None:
    for arguments in (["--help"], ["agent", "--help"], ["demo", "--help"]):
        result = subprocess.run(
            [*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=True
        )
        assert "Usage:" in result.stdout
        assert len(result.stdout.splitlines()) > 8
    assert sys.version_info >= (3, 11)
