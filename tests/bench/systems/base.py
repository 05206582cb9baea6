"""What the runner asks of every system."""

import contextlib
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.browser import Browser, Viewer
from bench.procs import Child, SystemFailedError
from bench.xserver import Display

START_S = 20.0


@dataclass
class Stage:
    """One sitting: a fresh display, a directory, and what is asked of the system on it."""

    display: Display
    width_px: int
    height_px: int
    fps: int
    bitrate_bps: int
    directory: Path
    stack: contextlib.ExitStack

    @property
    def size(self) -> str:
        """The screen as WIDTHxHEIGHT."""
        return f"{self.width_px}x{self.height_px}"

    def run(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Child:
        """Start a child that ends with the sitting."""
        full = {**os.environ, **self.display.env(), **(env or {})}
        child = Child(name, command, self.directory, full)
        self.stack.callback(child.stop)
        return child


class System(ABC):
    """One way to show the screen in a browser."""

    name: ClassVar[str]
    title: ClassVar[str]
    extra_height_px: ClassVar[int] = 0  # what its page shows above the picture

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    async def start(self) -> None:
        """Start the servers; return when they answer. Raises SystemFailedError."""

    @abstractmethod
    async def show(self, viewer: Viewer) -> None:
        """Open the first viewer, with the picture 1:1."""

    @abstractmethod
    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Add `count` further viewers."""

    @abstractmethod
    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Let every viewer go."""

    @abstractmethod
    def groups(self) -> dict[str, list[int]]:
        """Return its processes by part; `agent` is what stands beside the session."""

    @abstractmethod
    def check(self) -> None:
        """Raise SystemFailedError if a part of it has died."""

    def facts(self) -> dict[str, object]:
        """Return what the report should know about this sitting."""
        return {}


def wait_port(port: int, child: Child) -> None:
    """Wait until something listens there; raises SystemFailedError."""

    def answers() -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, f"{child.name} did not open port {port}", child)


def wait_for(condition: Callable[[], bool], failure: str, child: Child) -> None:
    """Wait until the condition holds while the child lives; raises SystemFailedError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        child.check()
        if condition():
            return
        time.sleep(0.02)
    raise SystemFailedError(f"{failure} within {START_S} s; log: {child.tail()}")
