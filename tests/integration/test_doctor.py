"""`sessioncast doctor` on one machine: what is well, what is set up badly, what it never shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.livekit import REPOSITORY, LiveKitServer, livekit_server
from support.shim_process import API_KEY, ShimProcess, shim_process
from support.xserver import XServer

pytestmark = pytest.mark.integration


def doctor(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sessioncast_agent", "doctor", *options],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY / "agent" / "src"),
            **env,
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )


def line(said: str, check: str) -> str:
    (found,) = [line for line in said.splitlines() if line[5:].startswith(check + " ")]
    return found


def test_a_healthy_session_is_found_healthy_down_to_its_first_frame(
    sfu: LiveKitServer, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "well") as agent:
        agent.wait_ready()
        env = {"SESSIONCAST_API_KEY": API_KEY, **sfu.env}
        done = doctor("--signaling-url", shim.url, "--session", "well", **env)
        assert (done.returncode, done.stderr) == (0, "")
        for check in ("shim", "signal", "playout delay", "udp", "tcp", "auto-create"):
            assert line(done.stdout, check).startswith("ok ")
        assert "1280x720" in line(done.stdout, "first frame")
        for secret in (API_KEY, sfu.api_secret, "eyJ"):
            assert secret not in done.stdout


def test_a_badly_configured_sfu_is_named_with_the_remedy(x: XServer, tmp_path: Path) -> None:
    bad = {"room": {"auto_create": True, "playout_delay": {"enabled": False}}}
    with (
        livekit_server(tmp_path, config=bad) as sfu,
        shim_process(sfu, tmp_path) as shim,
        agent_process(shim, x, tmp_path, "ill") as agent,
    ):
        agent.wait_ready()
        env = {"SESSIONCAST_API_KEY": API_KEY, **sfu.env}
        done = doctor("--signaling-url", shim.url, "--session", "ill", **env)
        assert done.returncode == 1
        assert line(done.stdout, "auto-create").startswith("fail ")
        assert "room.auto_create: false" in line(done.stdout, "auto-create")
        assert line(done.stdout, "playout delay").startswith("fail ")
        assert "min: 0, max: 0" in line(done.stdout, "playout delay")

        offer = call(shim, "POST", "/sessions/ill/webrtc/offer", {})
        alone = doctor("--livekit-url", sfu.url, LIVEKIT_TOKEN=offer["participant_token"])
        assert line(alone.stdout, "udp").startswith("ok ")
        sfu.kill()
        gone = doctor("--signaling-url", shim.url, "--session", "ill", **env)
        assert gone.returncode == 1
        assert line(gone.stdout, "offer").startswith("fail ")
        assert "start the SFU" in line(gone.stdout, "offer")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing to look at"),
        (("--signaling-url", "http://127.0.0.1:9", "--session", "x"), "--key-file"),
        (("--signaling-url", "ftp://x", "--session", "x"), "--signaling-url"),
        (("--api-key", "sck_secret"), "No such option"),
    ],
)
def test_what_it_cannot_begin_with_is_one_line_and_exit_3(
    options: tuple[str, ...], words: str
) -> None:
    env = {} if words == "--key-file" else {"SESSIONCAST_API_KEY": API_KEY}
    done = doctor(*options, **env)
    assert (done.returncode, done.stdout) == (3, "")
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_dead_shim_is_a_finding_not_a_traceback() -> None:
    done = doctor(
        "--signaling-url", "http://127.0.0.1:9", "--session", "x", SESSIONCAST_API_KEY=API_KEY
    )
    assert done.returncode == 1
    assert done.stdout.startswith("fail shim")
    assert done.stderr == ""
