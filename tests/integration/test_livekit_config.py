"""deploy/livekit/livekit.yaml: the server that the tests run reads it in strict mode."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from support.livekit import find_livekit_server

pytestmark = pytest.mark.integration

CONFIG = Path(__file__).parents[2] / "deploy" / "livekit" / "livekit.yaml"
FACTOR = float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))


def free_port(kind: socket.SocketKind) -> str:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("", 0))
        return str(probe.getsockname()[1])


def on_free_ports(text: str) -> str:
    """Change the ports, and do not ask a STUN server; nothing else."""
    text = re.sub(r"(?m)^port: \d+", f"port: {free_port(socket.SOCK_STREAM)}", text)
    text = re.sub(r"tcp_port: \d+", f"tcp_port: {free_port(socket.SOCK_STREAM)}", text)
    text = re.sub(r"udp_port: \d+", f"udp_port: {free_port(socket.SOCK_DGRAM)}", text)
    return text.replace("use_external_ip: true", "use_external_ip: false")


def run_server(config: Path) -> tuple[subprocess.Popen[bytes], str]:
    process = subprocess.Popen(
        [str(find_livekit_server()), "--config", str(config), "--bind", "127.0.0.1"],
        env={**os.environ, "LIVEKIT_KEYS": "APItest: " + "s" * 40},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    found = re.search(r"(?m)^port: (\d+)", config.read_text())
    assert found
    return process, f"http://127.0.0.1:{found[1]}/"


def answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + 10 * FACTOR
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            time.sleep(0.05)
    return False


@pytest.mark.parametrize(("line", "accepted"), [("", True), ("no_such_key: 1\n", False)])
def test_the_server_accepts_it_and_would_refuse_a_misspelt_key(
    tmp_path: Path, line: str, accepted: bool
) -> None:
    config = tmp_path / "livekit.yaml"
    config.write_text(on_free_ports(CONFIG.read_text()) + line)
    process, url = run_server(config)
    try:
        assert answers(process, url) is accepted
    finally:
        process.kill()
        output, _ = process.communicate(timeout=5)
    if not accepted:
        assert b"no_such_key" in output


def test_no_secret_is_written_in_it() -> None:
    text = CONFIG.read_text()
    assert not re.search(r"(?m)^keys:", text)
    assert not re.search(r"(?m)^\s*(api_)?secret:", text)
