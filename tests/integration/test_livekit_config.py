"""deploy/livekit/livekit.yaml: the server that the tests run reads it in strict mode."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from support.certificate import certificate
from support.livekit import find_livekit_server
from support.turn import secret_file

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


def uncommented(text: str, section: str) -> str:
    """Take the comment marks off one block, as somebody would who needs it."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip() == f"# {section}:")
    depth = lines[start].index("#")
    for n in range(start, len(lines)):
        if not lines[n].startswith(" " * depth + "#"):
            break
        lines[n] = lines[n][:depth] + lines[n][depth + 2 :]
    return "\n".join(lines) + "\n"


def test_its_blocks_for_relays_are_right_once_they_are_uncommented(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "turn.example.org")
    secret = secret_file(tmp_path / "turn-secret")
    text = uncommented(uncommented(on_free_ports(CONFIG.read_text()), "turn_servers"), "turn")
    media, relay = text.split("\nturn:\n")
    relay = re.sub(r"udp_port: \d+", f"udp_port: {free_port(socket.SOCK_DGRAM)}", relay)
    text = f"{media}\nturn:\n{relay}"
    for written, here in (
        ("/etc/livekit/turn-secret", str(secret)),
        ("/etc/livekit/turn.crt", str(tls.chain)),
        ("/etc/livekit/turn.key", str(tls.key)),
        ("tls_port: 443", f"tls_port: {free_port(socket.SOCK_STREAM)}"),
    ):
        assert written in text
        text = text.replace(written, here)
    config = tmp_path / "livekit.yaml"
    config.write_text(text)
    process, url = run_server(config)
    try:
        assert answers(process, url)
    finally:
        process.kill()
        output, _ = process.communicate(timeout=5)
    assert b"Starting TURN server" in output
