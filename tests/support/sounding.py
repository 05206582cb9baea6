"""An agent whose session has a sound server."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from support.agent_process import AgentProcess, agent_process
from support.pulse import SoundServer
from support.shim_process import ShimProcess
from support.xserver import XServer


@contextlib.contextmanager
def sounding_agent(
    shim: ShimProcess, x: XServer, tmp_path: Path, session: str, pulse: SoundServer, *options: str
) -> Iterator[AgentProcess]:
    """Started and ready."""
    env = {name: pulse.env[name] for name in ("PULSE_COOKIE", "XDG_RUNTIME_DIR")}
    named = ("--pulse-server", pulse.server, *options)
    with agent_process(shim, x, tmp_path, session, *named, env=env) as agent:
        agent.wait_ready()
        yield agent
