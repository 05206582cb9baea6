"""Run inside a network namespace: SFU, agent and viewer share a loopback that gets narrow.

    ip netns exec NAME python -m support.rate_story DIRECTORY DISPLAY XAUTHORITY

The X server runs outside: inside, it would not see that a display number is taken. Prints one JSON
line: what was sent and seen while the link was wide, narrow, and wide again.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.agent_process import AgentProcess, agent_process
from support.livekit import livekit_server
from support.shim_process import shim_process
from support.viewer import Viewer, viewer
from support.xserver import Canvas, XServer

NARROW = "3mbit"  # carries every picture twice: from the agent to the SFU and on to the viewer
PHASE_S = 11.0
SETTLE_S = 5.0


def narrow_link() -> None:
    """A token bucket on the loopback; 150 ms of queue."""
    shape = ["rate", NARROW, "burst", "32kb", "latency", "150ms"]
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", *shape], check=True)


def widen_link() -> None:
    """Take it away again."""
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], check=True)


async def measure(agent: AgentProcess, notes: Viewer) -> dict[str, float]:
    """After a while to adapt: the rate sent, pictures seen, and the longest gap between two."""
    await asyncio.sleep(SETTLE_S)
    sent_name = "sessioncast_sent_bytes_total"
    before, began, seen = agent.metrics()[sent_name], time.monotonic(), len(notes.arrivals)
    await asyncio.sleep(PHASE_S - SETTLE_S)
    seconds = time.monotonic() - began
    arrivals = notes.arrivals[seen:]
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    return {
        "sent_bps": (agent.metrics()[sent_name] - before) * 8 / seconds,
        "fps": len(arrivals) / seconds,
        "longest_gap_s": max(gaps, default=seconds),
    }


async def story(directory: Path, x: XServer) -> dict[str, dict[str, float]]:
    """Wide, narrow, wide."""
    with (
        livekit_server(directory) as sfu,
        shim_process(sfu, directory) as shim,
        x.connect() as display,
        agent_process(shim, x, directory, "rate") as agent,
    ):
        canvas = Canvas(display)
        agent.wait_ready()
        painter = threading.Thread(target=canvas.storm, args=(3 * PHASE_S + 20,), daemon=True)
        async with viewer(shim, "rate") as notes:
            await notes.first_picture()
            painter.start()
            result = {"wide": await measure(agent, notes)}
            narrow_link()
            result["narrow"] = await measure(agent, notes)
            widen_link()
            await asyncio.sleep(SETTLE_S)
            result["wide_again"] = await measure(agent, notes)
        return result


def _server(display: str, xauthority: str) -> XServer:
    return XServer("", Path(xauthority), display=display)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(story(Path(sys.argv[1]), _server(*sys.argv[2:])))))
