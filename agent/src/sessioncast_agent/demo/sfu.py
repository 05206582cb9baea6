"""livekit-server on loopback, with ports, key and secret of this run alone."""

import json
import signal
import socket
from dataclasses import dataclass

import aiohttp

from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.workspace import Workspace, free_port, require_programs

_START_LIMIT_S = 20.0


@dataclass(frozen=True)
class Sfu:
    """A running SFU."""

    child: Child
    url: str


def _config(workspace: Workspace, port: int, webhook_url: str) -> bytes:
    """Make its configuration; JSON is YAML. deploy/livekit/livekit.yaml says why in full."""
    udp_port = free_port(socket.SOCK_DGRAM)
    config = {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "keys": {workspace.livekit_key: workspace.livekit_secret},
        "logging": {"level": "info"},
        # who comes and goes is told to the shim, so that lists are live without asking
        "webhook": {"api_key": workspace.livekit_key, "urls": [webhook_url]},
        "rtc": {
            "tcp_port": 0,  # it would listen on every address; UDP always works on loopback
            "udp_port": udp_port,
            "use_external_ip": False,
            "node_ip": "127.0.0.1",
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo"]},
            "ips": {"includes": ["127.0.0.1/32"]},
            # Without one of our own, viewers are sent to a public STUN server. The discard port
            # answers nothing; the SFU's own UDP port would take the STUN question for ICE and
            # refuse the viewer's UDP for good (measured: everybody ended on TCP).
            "stun_servers": ["127.0.0.1:9"],
        },
        "room": {
            "auto_create": False,
            "departure_timeout": 60,
            "playout_delay": {"enabled": True, "min": 0, "max": 0},
        },
    }
    return json.dumps(config, indent=1).encode()


async def start_sfu(
    workspace: Workspace, crew: Crew, http: aiohttp.ClientSession, webhook_url: str
) -> Sfu:
    """Start the SFU and wait until it says OK."""
    programs = require_programs("livekit-server")
    port = free_port()
    config = workspace.write_secret("livekit.yaml", _config(workspace, port, webhook_url))
    program = Program(
        name="sfu",
        argv=[programs["livekit-server"], "--config", str(config)],
        env=workspace.base_env(),
        # the first signal waits until the last viewer has left, the second does not
        stop_signals=(signal.SIGTERM, signal.SIGTERM),
        grace_s=0.5,
    )
    child = await crew.start(program)

    async def healthy() -> bool | None:
        try:
            async with http.get(f"http://127.0.0.1:{port}/") as response:
                return response.status == 200 or None
        except (aiohttp.ClientError, TimeoutError):
            return None

    await child.until(healthy, "answer", _START_LIMIT_S)
    return Sfu(child, f"ws://127.0.0.1:{port}")
