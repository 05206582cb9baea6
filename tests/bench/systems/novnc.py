"""noVNC in the browser, websockify and x11vnc behind it: Debian's packages, as people run them."""

import shutil
from pathlib import Path

from bench.browser import Browser, Viewer
from bench.procs import Child, SystemFailedError
from bench.systems.base import System, wait_port
from support.livekit import free_ports

WEB = Path("/usr/share/novnc")


class NoVnc(System):
    """x11vnc + websockify + noVNC."""

    name = "novnc"
    title = "noVNC + x11vnc"
    extra_height_px = 40
    _vnc: Child
    _web: Child
    _port: int

    async def start(self) -> None:
        """Start both servers on the loopback."""
        for program in ("x11vnc", "websockify"):
            if shutil.which(program) is None:
                raise SystemFailedError(f"{program} is not installed: apt install novnc x11vnc")
        if not (WEB / "vnc_lite.html").is_file():
            raise SystemFailedError(f"{WEB} is missing: apt install novnc")
        vnc_port, self._port = free_ports(2)
        stage = self.stage
        self._vnc = stage.run(
            "x11vnc",
            [
                *("x11vnc", "-display", stage.display.name, "-localhost", "-forever", "-shared"),
                *("-nopw", "-noxrecord", "-quiet", "-rfbport", str(vnc_port), "-no6"),
            ],
            {"HOME": str(stage.directory)},
        )
        wait_port(vnc_port, self._vnc)
        self._web = stage.run(
            "websockify",
            [
                *("websockify", "--web", str(WEB)),
                *(f"127.0.0.1:{self._port}", f"127.0.0.1:{vnc_port}"),
            ],
        )
        wait_port(self._port, self._web)

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}/vnc_lite.html?scale=false"

    async def show(self, viewer: Viewer) -> None:
        """Open noVNC's small page."""
        await viewer.goto(self._url(), "canvas")

    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Open further pages; a hidden one still receives and draws on its canvas."""
        for _ in range(count):
            page = await browser.open()
            await page.goto(self._url())

    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Leave the page."""
        await viewer.page.goto("about:blank")

    def groups(self) -> dict[str, list[int]]:
        """Return both servers as one part."""
        return {"agent": [self._vnc.pid, self._web.pid]}

    def check(self) -> None:
        """Raise SystemFailedError if one of them has died."""
        self._vnc.check()
        self._web.check()
