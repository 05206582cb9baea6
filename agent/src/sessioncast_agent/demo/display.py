"""The X server: Xvfb on a display number of its own choice, entered only with our cookie."""

import os
import secrets
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.process import Child, Program, run_helper
from sessioncast_agent.demo.workspace import Workspace, require_programs

# Xvfb's first size is the largest that RandR can set later
MAX_WIDTH_PX = 3840
MAX_HEIGHT_PX = 2160
_START_LIMIT_S = 20.0
_FAMILY_LOCAL = 256
_FAMILY_WILD = 0xFFFF


@dataclass(frozen=True)
class Display:
    """A running X server."""

    child: Child
    name: str


def cookie_file(cookie: bytes) -> bytes:
    """Make an Xauthority file that fits any display number: Xvfb chooses it after reading this.

    libXau takes the wildcard entry; python-xlib wants the host's name.
    """

    def entry(family: int, address: bytes) -> bytes:
        fields = (address, b"", b"MIT-MAGIC-COOKIE-1", cookie)
        packed = b"".join(struct.pack(">H", len(field)) + field for field in fields)
        return struct.pack(">H", family) + packed

    return entry(_FAMILY_LOCAL, socket.gethostname().encode()) + entry(_FAMILY_WILD, b"")


async def start_display(workspace: Workspace, crew: Crew, width_px: int, height_px: int) -> Display:
    """Start Xvfb, wait until it answers, and give it the wanted size."""
    programs = require_programs("Xvfb", "xrandr")
    xauthority = workspace.write_secret("xauthority", cookie_file(secrets.token_bytes(16)))
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    most_px = (max(width_px, MAX_WIDTH_PX), max(height_px, MAX_HEIGHT_PX))
    try:
        argv = [programs["Xvfb"], "-displayfd", str(write_fd), "-auth", str(xauthority)]
        argv += ["-screen", "0", f"{most_px[0]}x{most_px[1]}x24", "-dpi", "96"]
        # -noreset: modes made by RandR survive the last client; -s 0: no blanking
        argv += ["-nolisten", "tcp", "-noreset", "-s", "0"]
        program = Program(
            name="display",
            argv=argv,
            env=workspace.base_env(),
            parent_death_signal=signal.SIGTERM,  # so that its socket and lock go too
            pass_fds=(write_fd,),
        )
        child = await crew.start(program)
        os.close(write_fd)
        write_fd = -1
        number = await child.until(lambda: _read_number(read_fd), "start", _START_LIMIT_S)
    finally:
        os.close(read_fd)
        if write_fd >= 0:
            os.close(write_fd)
    display = Display(child, f":{number}")
    await _resize(workspace, display.name, programs["xrandr"], width_px, height_px)
    return display


async def _read_number(fd: int) -> str | None:
    """Read what Xvfb writes to -displayfd once it listens."""
    try:
        data = os.read(fd, 16)
    except BlockingIOError:
        return None
    return data.decode().strip() or None


async def _resize(
    workspace: Workspace, display: str, xrandr: str, width_px: int, height_px: int
) -> None:
    """Set the size by RandR; the timings mean nothing to Xvfb but its mode needs some."""
    mode = f"{width_px}x{height_px}"
    clock_mhz = f"{width_px * height_px * 60 / 1e6:.3f}"
    horizontal, vertical = [str(width_px)] * 4, [str(height_px)] * 4
    env = workspace.display_env(display)
    for arguments in (
        ["--newmode", mode, clock_mhz, *horizontal, *vertical],
        ["--addmode", "screen", mode],
        ["--output", "screen", "--mode", mode],
    ):
        await run_helper([xrandr, *arguments], env, what="display", limit_s=5.0)


def remove_leftovers(display: str, pid: int) -> None:
    """Remove the socket and the lock of an X server that had to be killed."""
    number = display.removeprefix(":")
    lock = Path(f"/tmp/.X{number}-lock")  # noqa: S108 - X11's own fixed places
    try:
        if int(lock.read_text()) != pid:
            return
    except (OSError, ValueError):
        return
    Path(f"/tmp/.X11-unix/X{number}").unlink(missing_ok=True)  # noqa: S108
    lock.unlink(missing_ok=True)
