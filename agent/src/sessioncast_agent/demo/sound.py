"""PulseAudio of the session's own: one null sink, a socket only this user reaches, no network."""

from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.workspace import Workspace, require_programs

SINK = "sessioncast"
_START_LIMIT_S = 15.0


def _script(workspace: Workspace) -> str:
    cookie = workspace.run / "pulse.cookie"
    return "\n".join(
        [
            ".fail",
            # norewinds: in blocks of 50 ms; else the first sound waits for up to two seconds
            f"load-module module-null-sink sink_name={SINK} rate=48000 channels=2 norewinds=1"
            " sink_properties=device.description=Session",
            "load-module module-suspend-on-idle timeout=5",  # nobody plays, nobody listens: no cost
            f"set-default-sink {SINK}",
            f"set-default-source {SINK}.monitor",
            "load-module module-native-protocol-unix auth-anonymous=0"
            f" auth-cookie={cookie} socket={workspace.pulse_socket}",
            "",
        ]
    )


async def start_sound(workspace: Workspace, crew: Crew) -> Child:
    """Start the daemon and wait until it answers."""
    programs = require_programs("pulseaudio")
    script = workspace.run / "pulse.pa"
    script.write_text(_script(workspace))
    argv = [programs["pulseaudio"], "-n", "-F", str(script), "--daemonize=no", "--use-pid-file=no"]
    argv += ["--exit-idle-time=-1", "--disallow-exit", "--disallow-module-loading=no"]
    argv += ["--log-target=stderr", "--log-level=notice", "--realtime=no", "--high-priority=no"]
    env = workspace.base_env() | {"PULSE_RUNTIME_PATH": str(workspace.run / "pulse")}
    child = await crew.start(Program(name="sound", argv=argv, env=env))

    async def listening() -> bool | None:
        return workspace.pulse_socket.is_socket() or None

    await child.until(listening, "start", _START_LIMIT_S)
    return child
