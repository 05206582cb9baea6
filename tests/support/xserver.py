"""A real Xvfb with a cookie of its own, and small X programs that paint on it.

Never `$DISPLAY`: the server picks its number by itself (`-displayfd`).
"""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import Xlib.display
from Xlib import X
from Xlib.xobject.drawable import Window

Luma = np.ndarray[tuple[int, int], np.dtype[np.int32]]


@dataclass
class XServer:
    """One Xvfb; `restart` brings it back under the same number and cookie."""

    size: str
    xauthority: Path
    cookie: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    display: str = ""
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def env(self) -> dict[str, str]:
        """What a client of it needs."""
        return {"DISPLAY": self.display, "XAUTHORITY": str(self.xauthority)}

    def start(self) -> None:
        """Start and return when it answers."""
        read_fd, write_fd = os.pipe()
        number = [self.display] if self.display else []
        options = ["-screen", "0", f"{self.size}x24", "-nolisten", "tcp", "-noreset"]
        command = ["Xvfb", *number, "-displayfd", str(write_fd), *options]
        self.process = subprocess.Popen(
            [*command, "-auth", str(self.xauthority)],
            pass_fds=[write_fd],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write_fd)
        with os.fdopen(read_fd) as answers:
            answer = answers.readline().strip()  # ends when Xvfb is ready, or dead
        assert answer.isdigit(), "Xvfb did not start"
        self.display = f":{answer}"
        _add_cookie(self.xauthority, self.display, self.cookie)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Xlib.display.Display]:
        """A client connection of the test's own."""
        before = os.environ.get("XAUTHORITY")
        os.environ["XAUTHORITY"] = str(self.xauthority)
        try:
            display = Xlib.display.Display(self.display)
        finally:
            if before is None:
                del os.environ["XAUTHORITY"]
            else:
                os.environ["XAUTHORITY"] = before
        try:
            yield display
        finally:
            with contextlib.suppress(Exception):
                display.close()

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait(10)
        Path(f"/tmp/.X{self.display[1:]}-lock").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, also when a test left it stopped."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def resize(self, width_px: int, height_px: int) -> None:
        """RandR, as xrandr does it: a mode of just this size, and switch to it."""
        name = f"{width_px}x{height_px}-{secrets.token_hex(2)}"
        timings = [
            width_px,
            width_px,
            width_px,
            width_px,
            height_px,
            height_px,
            height_px,
            height_px,
        ]
        for arguments in (
            ["--newmode", name, "60", *map(str, timings)],
            ["--addmode", "screen", name],
            ["--output", "screen", "--mode", name],
        ):
            subprocess.run(
                ["xrandr", *arguments], env=os.environ | self.env, check=True, timeout=10,
                capture_output=True,
            )  # fmt: skip

    def luma(self) -> Luma:
        """BT.601 luma of the screen now, as a perfect encoder would send it."""
        with self.connect() as display:
            geometry = display.screen().root.get_geometry()
            width, height = geometry.width, geometry.height
            image = display.screen().root.get_image(0, 0, width, height, X.ZPixmap, 0xFFFFFFFF)
            data = image.data
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 4)
        frame = av.VideoFrame(width, height, "bgr0")
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        rows[:, : width * 4] = pixels.reshape(height, width * 4)
        converted = frame.reformat(format="yuv420p", dst_colorspace=5, dst_color_range=1)
        luma = converted.planes[0]
        out = np.frombuffer(memoryview(luma), np.uint8).reshape(height, luma.line_size)
        return out[:, :width].astype(np.int32)


@contextlib.contextmanager
def x_server(tmp_path: Path, size: str = "1280x720") -> Iterator[XServer]:
    """Run an Xvfb for the body."""
    xauthority = tmp_path / f"xauthority-{secrets.token_hex(3)}"
    xauthority.touch(mode=0o600)
    server = XServer(size, xauthority)
    _add_cookie(xauthority, ":0", server.cookie)  # the server takes every entry of its file
    try:
        server.start()
        yield server
    finally:
        if hasattr(server, "process"):
            server.stop()


def _add_cookie(path: Path, display: str, cookie: str) -> None:
    subprocess.run(
        ["xauth", "-q", "-f", str(path), "source", "-"],
        input=f"add {display} MIT-MAGIC-COOKIE-1 {cookie}\n",
        text=True,
        check=True,
        capture_output=True,
        timeout=10,
    )


class Canvas:
    """A window over the whole screen to paint on; override-redirect, needs no window manager."""

    def __init__(self, display: Xlib.display.Display) -> None:
        self.display = display
        screen = display.screen()
        geometry = screen.root.get_geometry()
        self.width_px, self.height_px = geometry.width, geometry.height
        self.window: Window = screen.root.create_window(
            0, 0, self.width_px, self.height_px, 0, screen.root_depth, override_redirect=True
        )
        self.window.map()
        self.gc = self.window.create_gc()
        display.sync()

    def fill(self, colour: int, x: int = 0, y: int = 0, w: int = 0, h: int = 0) -> None:
        """A rectangle; the whole window by default."""
        self.gc.change(foreground=colour)
        self.window.fill_rectangle(self.gc, x, y, w or self.width_px, h or self.height_px)

    def text_page(self, seed: int) -> None:
        """A page of small text such as a terminal or an editor shows, different for each seed."""
        self.fill(0xFFFFFF)
        rng = np.random.default_rng(seed)
        self.gc.change(foreground=0x101010, background=0xFFFFFF)
        columns = min(self.width_px // 6, 250)  # ImageText8 takes 255
        for y in range(14, self.height_px, 14):
            words: list[bytes] = []
            length = int(rng.integers(columns // 8, columns))
            while sum(map(len, words)) + len(words) < length:
                words.append(bytes(rng.integers(97, 123, int(rng.integers(2, 10)), np.uint8)))
            self.window.image_text(self.gc, 4, y, b" ".join(words)[:columns].decode())
        self.display.sync()

    def storm(self, seconds: float, seed: int = 0, fps: int = 60) -> None:
        """Thirty random rectangles a frame."""
        rng = np.random.default_rng(seed)
        due = time.monotonic()
        for _ in range(int(seconds * fps)):
            for _ in range(30):
                x, y = int(rng.integers(self.width_px)), int(rng.integers(self.height_px))
                self.fill(int(rng.integers(1 << 24)), x, y, 160, 100)
            self.display.flush()
            due += 1 / fps
            time.sleep(max(0.0, due - time.monotonic()))
        self.display.sync()
