"""A browser behind a router; before it the servers, each with port 443 on its own address."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.agent_process import AgentProcess, agent_process, call
from support.certificate import Certificate, certificate
from support.livekit import LiveKitServer, laid_over, livekit_server
from support.netns import Network, network
from support.shim_process import ShimProcess, shim_process
from support.turn import own_relay
from support.xserver import Canvas, XServer

OWN, OUTER = "own.turn.sessioncast.test", "outer.turn.sessioncast.test"


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture(autouse=True)
def _open_again(net: Network) -> Iterator[None]:
    yield
    net.unblock()


@dataclass
class Stack:
    """Everything for one session that is watched from the other side of the router."""

    sfu: LiveKitServer
    shim: ShimProcess
    agent: AgentProcess
    session: str

    def link(self) -> str:
        body = {"role": "observer", "ttl_seconds": 600, "max_uses": 20}
        url: str = call(self.shim, "POST", f"/sessions/{self.session}/join-links", body)["url"]
        return url


@contextlib.contextmanager
def stack(
    net: Network, x: XServer, path: Path, session: str, relay: dict[str, Any], *, at: int = 4
) -> Iterator[Stack]:
    """Shim and SFU on two addresses from number `at` on; relays have the third and fourth."""
    page, media = net.addresses[at : at + 2]
    config: dict[str, Any] = {
        "rtc": {"interfaces": {"includes": [net.device]}, "enable_loopback_candidate": False}
    }
    config = laid_over(config, relay)
    path.mkdir(exist_ok=True)
    with (
        livekit_server(path, host=media, port=443, config=config) as sfu,
        shim_process(sfu, path, host=page, port=443) as shim,
        agent_process(shim, x, path, session) as agent,
        x.connect() as display,
    ):
        Canvas(display).fill(0x2060C0)
        display.sync()
        agent.wait_ready()
        yield Stack(sfu, shim, agent, session)


@pytest.fixture(scope="module")
def tls(net: Network, module_path: Path) -> Certificate:
    net.name({OWN: net.addresses[2], OUTER: net.addresses[3]})
    return certificate(module_path, OWN, OUTER)


@pytest.fixture(scope="module")
def relayed(net: Network, x: XServer, module_path: Path, tls: Certificate) -> Iterator[Stack]:
    """With livekit-server's own relay."""
    relay = own_relay(OWN, net.addresses[2], net.subnet, tls)
    with stack(net, x, module_path / "own", "ways", relay, at=0) as made:
        yield made


@pytest.fixture(scope="module")
def plain(net: Network, x: XServer, module_path: Path) -> Iterator[Stack]:
    """Without a relay."""
    with stack(net, x, module_path / "plain", "plain", {}, at=6) as made:
        yield made
