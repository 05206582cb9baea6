"""Selkies from PyPI in an environment of its own, WebRTC mode, with its own page."""

import os
from pathlib import Path

from bench.browser import Browser, Viewer
from bench.procs import Child, SystemFailedError
from bench.systems.base import System, wait_port
from support.livekit import free_ports

REPOSITORY = Path(__file__).resolve().parents[3]


def selkies_program() -> Path:
    """Return Selkies' program: SELKIES, or the one in the environment that `make bench` makes.

    Raises SystemFailedError.
    """
    named = os.environ.get("SELKIES")
    program = Path(named) if named else REPOSITORY / ".tools" / "bench-selkies" / "bin" / "selkies"
    if not program.is_file():
        raise SystemFailedError(f"there is no {program}: run `make setup-bench`")
    return program


class Selkies(System):
    """The best rival: pixelflux' capture and x264 in Rust, aiortc-like WebRTC in Python."""

    name = "selkies"
    title = "Selkies"
    _server: Child
    _port: int

    async def start(self) -> None:
        """Start its server on the loopback, at our bitrate and rate."""
        program = selkies_program()
        self._port, udp_port = free_ports(2)
        stage = self.stage
        kbps = stage.bitrate_bps // 1000
        switches = {
            "mode": "webrtc",
            "addr": "127.0.0.1",
            "port": self._port,
            "enable-basic-auth": "false",
            "audio-enabled": "false",
            "microphone-enabled": "false",
            "webcam-enabled": "false",
            "gamepad-enabled": "false",
            "manual-resolution": "true",
            "manual-width": stage.width_px,
            "manual-height": stage.height_px,
            "enable-resize": "false",
            "encoder": "h264enc",
            "framerate": f"{stage.fps}-{stage.fps}",
            "rate-control-mode": "cbr",
            "video-bitrate": f"{kbps}-{kbps}",
            "webrtc-public-ip": "127.0.0.1",
            "webrtc-udp-mux-port": udp_port,
            "webrtc-ice-lite": "true",
        }
        command = [str(program)]
        for name, value in switches.items():
            command += [f"--{name}", str(value)]
        self._server = stage.run("selkies", command, {"HOME": str(stage.directory)})
        wait_port(self._port, self._server)

    async def show(self, viewer: Viewer) -> None:
        """Open its own page."""
        await viewer.goto(f"http://127.0.0.1:{self._port}/")

    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Open shared, view-only pages."""
        for _ in range(count):
            page = await browser.open()
            await page.goto(f"http://127.0.0.1:{self._port}/#shared")

    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Leave the page."""
        await viewer.page.goto("about:blank")

    def groups(self) -> dict[str, list[int]]:
        """Return its server, which is capture, encode and transport in one."""
        return {"agent": [self._server.pid]}

    def check(self) -> None:
        """Raise SystemFailedError if the server has died."""
        self._server.check()
