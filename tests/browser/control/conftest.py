"""The parts for control: an X server with real programs on it, and people in Chromium."""

import asyncio
import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from Xlib import X

from support.agent_process import AgentProcess, agent_process, call
from support.browser import Browsers, Guest, chromium
from support.shim_process import ShimProcess
from support.xserver import XServer, x_server

DEADLINE_S = 15.0
XEV = ["stdbuf", "-oL", "xev", "-event", "button", "-event", "keyboard", "-event", "structure"]
# Pastes the clipboard with Ctrl+V, as most programs do.
PASTING = "XTerm*VT100.translations: #override Ctrl<Key>v: insert-selection(CLIPBOARD)"


async def eventually(what: Callable[[], Any], wanted: str, within_s: float = DEADLINE_S) -> Any:
    """The first true answer."""
    ends = time.monotonic() + within_s
    while not (answer := await asyncio.to_thread(what)):
        assert time.monotonic() < ends, f"never came: {wanted}"
        await asyncio.sleep(0.05)
    return answer


def started(what: Callable[[], Any], program: str) -> None:
    """Wait for a program of ours."""
    ends = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < ends, f"never came: {program}"
        time.sleep(0.05)


@dataclass
class Desk:
    """One session with programs on its display."""

    shim: ShimProcess
    x: XServer
    agent: AgentProcess
    name: str
    tmp_path: Path

    def link(self, role: str, name: str, **more: object) -> str:
        body = {"role": role, "name": name, "ttl_seconds": 600, "max_uses": 4, **more}
        url: str = call(self.shim, "POST", f"/sessions/{self.name}/join-links", body)["url"]
        return url

    async def person(
        self,
        browsers: Browsers,
        role: str,
        name: str,
        width: int = 1280,
        height: int = 820,
        **more: Any,
    ) -> Guest:
        """Somebody whose page is live."""
        guest = await browsers.guest(width, height, **more)
        await guest.page.goto(self.link(role, name))
        await guest.state("Live")
        return guest

    @contextlib.contextmanager
    def program(self, *command: str) -> Iterator["subprocess.Popen[str]"]:
        process = subprocess.Popen(
            command, env=os.environ | self.x.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()

    def focus(self, title: str) -> None:
        """Give this window the keyboard: no window manager does."""
        with self.x.connect() as display:
            windows = display.screen().root.query_tree().children
            window = next(one for one in windows if one.get_wm_name() == title)
            window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
            display.sync()

    @contextlib.contextmanager
    def terminal(self, *options: str) -> Iterator[Path]:
        """An xterm over the left of the screen; what is typed there arrives in this file."""
        received = self.tmp_path / f"typed-{time.monotonic_ns()}"
        file = shlex.quote(str(received))
        script = f"stty -echo -icanon min 1; echo ready > {file}.up; cat > {file}"
        with self.program(
            "xterm",
            "-u8",
            "-geometry",
            "150x40+20+20",
            "-xrm",
            PASTING,
            *options,
            "-e",
            "sh",
            "-c",
            script,
        ):
            started(Path(f"{received}.up").exists, "the terminal")
            yield received

    @contextlib.contextmanager
    def events(self) -> Iterator[Callable[[], str]]:
        """A window at 200,150 of 600x400 that says which events it gets."""
        log = self.tmp_path / f"xev-{time.monotonic_ns()}"
        with log.open("w") as out:
            process = subprocess.Popen(
                [*XEV, "-geometry", "600x400+200+150"],
                env=os.environ | self.x.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
            )
        try:
            started(lambda: "MapNotify" in log.read_text(), "the window of xev")
            self.focus("Event Tester")
            yield log.read_text
        finally:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="module")
def screen(module_path: Path) -> Iterator[XServer]:
    with x_server(module_path, "1280x720") as server:
        yield server


@pytest.fixture
def desk(
    shim: ShimProcess, screen: XServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    name = f"c{time.monotonic_ns() % 10**9}"
    options = getattr(request, "param", ("--control-mode", "explicit"))
    with agent_process(shim, screen, tmp_path, name, *options) as agent:
        agent.wait_ready()
        yield Desk(shim, screen, agent, name, tmp_path)


@pytest.fixture
async def browsers() -> AsyncIterator[Browsers]:
    async with chromium() as guests:
        yield guests


async def stance(guest: Guest, wanted: str, within_s: float = DEADLINE_S) -> None:
    """Wait until the page says this of control."""
    await guest.page.wait_for_selector(
        f".viewer[data-control='{wanted}']", timeout=within_s * 1000, state="attached"
    )


async def pointers(guest: Guest) -> dict[str, bool]:
    """Which pointers of the session's this page shows: drawn, worn by its own, or both."""
    shown: dict[str, bool] = await guest.page.evaluate(
        """() => {
          const drawn = document.querySelector('.remote-cursor');
          const cursor = document.querySelector('.picture-frame').style.cursor;
          return {
            drawn: !drawn.hidden && drawn.getClientRects().length > 0,
            worn: cursor !== '' && cursor !== 'none',
          };
        }"""
    )
    return shown


async def at(guest: Guest, x_px: int, y_px: int) -> tuple[float, float]:
    """Where this pixel of the desktop lies on the page."""
    where: list[float] = await guest.page.evaluate(
        """([x, y]) => {
          const frame = document.querySelector('.picture-frame').getBoundingClientRect();
          const scale = frame.width / 1280;
          return [frame.left + (x + 0.5) * scale, frame.top + (y + 0.5) * scale];
        }""",
        [x_px, y_px],
    )
    return where[0], where[1]


async def call_bar(guest: Guest) -> None:
    """Rest the mouse at the lower edge, as people do who want the bar."""
    size = guest.page.viewport_size or {"width": 0, "height": 0}
    await guest.page.mouse.move(size["width"] / 2, size["height"] - 80)
    await guest.page.mouse.move(size["width"] / 2 + 1, size["height"] - 3)
    await guest.page.wait_for_selector(".live-panel:not(.resting)")


async def click_bar(guest: Guest, name: str) -> None:
    """One of the bar's buttons, by its name."""
    await call_bar(guest)
    await guest.page.locator(".bar").get_by_role("button", name=name).click()
