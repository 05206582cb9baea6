"""The desktop: a D-Bus of its own, the parts of XFCE that are seen, and three programs on it.

XFCE's parts are started one by one, without its session manager: nobody who watches can log the
session out, and there is no first-run dialog, power manager or screen saver.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sessioncast_agent.demo.arrange import Place
from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.process import Child, Program, run_helper
from sessioncast_agent.demo.workspace import Workspace, require_programs
from sessioncast_agent.demo.workspace import find_program as find

_START_LIMIT_S = 10.0
_WINDOWS_LIMIT_S = 40.0
_PANEL_PX = 30
_GAP_PX = 20
# Debian's, Ubuntu's, Google's; set-up links Playwright's as `chromium`
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Settings:
    """What the desktop shows."""

    display: str
    width_px: int
    height_px: int


def browser_command(workspace: Workspace) -> list[str]:
    """Make Chromium's command line: quiet, and sandboxed unless this is root.

    As root Chromium cannot have its sandbox; anybody else keeps it.
    """
    program = find(*_BROWSERS)
    if program is None:
        require_programs(_BROWSERS[0])
    argv = [str(program), f"--user-data-dir={workspace.home / '.config/chromium'}"]
    argv += ["--no-first-run", "--no-default-browser-check", "--password-store=basic"]
    argv += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    argv += ["--disable-default-apps", "--disable-crash-reporter", "--disable-breakpad"]
    argv += ["--disable-features=Translate,MediaRouter,OptimizationHints,GlobalMediaControls"]
    argv += [
        "--disable-gpu",
        "--disable-search-engine-choice-screen",
        "--hide-crash-restore-bubble",
    ]
    if os.geteuid() == 0:
        argv += ["--no-sandbox", "--test-type"]  # the latter hides the warning about the former
    return argv


def places(settings: Settings) -> tuple[Place, Place, Place]:
    """Divide the screen: terminal above files on the left, the browser on the right."""
    width, height = settings.width_px, settings.height_px
    top = _PANEL_PX + _GAP_PX
    left_width = (width - 3 * _GAP_PX) * 42 // 100
    right_x = 2 * _GAP_PX + left_width
    full_height = height - top - _GAP_PX
    upper = (full_height - _GAP_PX) * 47 // 100
    lower_y = top + upper + _GAP_PX
    return (
        Place("thunar", _GAP_PX, lower_y, left_width, height - lower_y - _GAP_PX),
        Place("chromium", right_x, top, width - right_x - _GAP_PX, full_height),
        Place("xfce4-terminal", _GAP_PX, top, left_width, upper),
    )


async def start_desktop(workspace: Workspace, crew: Crew, settings: Settings) -> Child:
    """Start everything that is seen, wait until it stands in its place; give the browser."""
    names = ("dbus-daemon", "xfsettingsd", "xfwm4", "xfdesktop", "xfce4-panel", "xprop")
    programs = require_programs(*names, "xfce4-terminal", "thunar")
    programs["browser"] = str(workspace.home / ".local/bin/chromium")
    env = workspace.desktop_env(settings.display)

    async def start(name: str, *arguments: str, essential: bool = False) -> Child:
        argv = [programs[name], *arguments]
        program = Program(
            name=name, argv=argv, env=env, cwd=workspace.home, essential=essential, grace_s=1.5
        )
        return await crew.start(program)

    address = f"--address=unix:path={workspace.bus}"
    bus = await start(
        "dbus-daemon", "--session", "--nofork", "--nopidfile", address, essential=True
    )
    await bus.until(_exists(workspace.bus), "start", _START_LIMIT_S)
    # themes first: whoever starts before xfsettingsd is drawn twice
    parts = [bus, await start("xfsettingsd", "--no-daemon", "--replace")]
    manager = await start("xfwm4", "--compositor=off", essential=True)
    await manager.until(
        _root_property(programs["xprop"], env, "_NET_SUPPORTING_WM_CHECK"), "start", _START_LIMIT_S
    )
    parts += [manager, await start("xfdesktop", "--disable-wm-check")]
    parts.append(await start("xfce4-panel", "--disable-wm-check"))
    parts.append(await start("thunar", str(workspace.home)))
    parts.append(await start("xfce4-terminal", "--disable-server", "--hide-menubar"))
    wanted = places(settings)
    web = wanted[1]
    browser = await start(
        "browser",
        f"--window-position={web.x_px},{web.y_px}",
        f"--window-size={web.width_px},{web.height_px}",
        (workspace.home / "Welcome.html").as_uri(),
    )
    await _all_visible([*parts, browser], env, wanted)
    return browser


async def _all_visible(parts: list[Child], env: dict[str, str], wanted: tuple[Place, ...]) -> None:
    """Wait for the windows; a program that ends meanwhile is named instead of a time-out."""
    argv = [sys.executable, "-m", "sessioncast_agent.demo.arrange", *map(str, wanted)]
    arranging = asyncio.create_task(
        run_helper(argv, env, what="desktop", limit_s=_WINDOWS_LIMIT_S), name="arrange windows"
    )
    exits = {asyncio.create_task(child.wait()): child for child in parts}
    try:
        await asyncio.wait([arranging, *exits], return_when=asyncio.FIRST_COMPLETED)
        if not arranging.done():
            raise next(child for task, child in exits.items() if task.done()).ended()
        await arranging
    finally:
        for task in (arranging, *exits):
            task.cancel()
        await asyncio.gather(arranging, *exits, return_exceptions=True)


def _exists(path: Path) -> Callable[[], Awaitable[bool | None]]:
    async def probe() -> bool | None:
        return path.exists() or None  # noqa: ASYNC240 - one stat of a local folder

    return probe


def _root_property(
    xprop: str, env: dict[str, str], name: str
) -> Callable[[], Awaitable[bool | None]]:
    """Ask whether the root window has a property."""

    async def probe() -> bool | None:
        text = await run_helper([xprop, "-root", name], env, what="desktop", limit_s=5.0)
        return "window id" in text or None

    return probe
