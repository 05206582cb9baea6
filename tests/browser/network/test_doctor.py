"""`sessioncast doctor` behind the same router: it names the way that is blocked, and the remedy."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.certificate import Certificate
from support.livekit import REPOSITORY
from support.netns import Network
from support.shim_process import API_KEY
from support.turn import coturn, secret_file
from support.xserver import XServer

from .conftest import OUTER, Stack, stack

pytestmark = pytest.mark.browser


async def examine(net: Network, at: Stack, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run it on the other side; its exit status and its findings by check."""
    command = net.command(
        "env", f"PYTHONPATH={REPOSITORY / 'agent' / 'src'}",
        sys.executable, "-m", "sessioncast_agent", "doctor",
        "--signaling-url", at.shim.url, "--session", at.session, "--json", *options,
    )  # fmt: skip
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SESSIONCAST_API_KEY": API_KEY},
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    return done.returncode, {finding["check"]: finding for finding in found["findings"]}


def states(found: dict[str, dict[str, Any]], *checks: str) -> list[str]:
    return [found[check]["status"] for check in checks]


async def test_it_tells_udp_tcp_and_the_relay_apart(
    net: Network, relayed: Stack, tls: Certificate
) -> None:
    trust = ("--ca-file", str(tls.chain))
    status, found = await examine(net, relayed, *trust)
    assert (status, states(found, "udp", "tcp", "turn/tls", "first frame")) == (0, ["ok"] * 4)

    net.block(udp=True)
    status, found = await examine(net, relayed, *trust)
    assert (status, states(found, "udp", "tcp", "turn/tls")) == (1, ["fail", "ok", "ok"])
    assert "rtc.udp_port" in found["udp"]["remedy"]

    net.block(only_tcp=(443,))
    status, found = await examine(net, relayed, *trust)
    assert (status, states(found, "udp", "tcp", "turn/tls")) == (1, ["fail", "fail", "ok"])
    assert found["first frame"]["status"] == "ok" or "above" in found["first frame"]["remedy"]

    status, found = await examine(net, relayed)  # nobody told it to trust our certificate
    assert found["turn/tls"]["status"] == "fail"
    assert "TLS" in found["turn/tls"]["said"]


async def test_it_sees_that_sfu_and_relay_have_different_secrets(
    net: Network, x: XServer, tls: Certificate, tmp_path: Path
) -> None:
    relay, sfu = net.addresses[3], net.addresses[5]
    with coturn(tmp_path, OUTER, relay, sfu, tls) as external:
        trust = ("--ca-file", str(tls.chain))
        with stack(net, x, tmp_path / "same", "same", external.section()) as made:
            status, found = await examine(net, made, *trust)
            assert (status, states(found, "turn/tls", "turn/udp")) == (0, ["ok", "ok"])
        wrong = external.section(secret_file(tmp_path / "another"))
        with stack(net, x, tmp_path / "other", "other", wrong) as made:
            status, found = await examine(net, made, *trust)
            assert (status, states(found, "turn/tls", "turn/udp")) == (1, ["fail", "fail"])
            assert "refuses our credentials (401)" in found["turn/tls"]["said"]
            assert "same secret" in found["turn/tls"]["remedy"]
