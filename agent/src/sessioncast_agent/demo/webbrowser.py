"""The browser session's browser: headless Chromium, its DevTools on a loopback port of its own."""

import base64
from importlib import resources

import aiohttp

from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.desktop import browser_command
from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.workspace import Workspace, free_port

_START_LIMIT_S = 30.0
# The page's own size is set over DevTools. What a window shows of it Chromium draws a second time,
# for nobody (a fifth of its CPU, 4 ms); so the window is its toolbar and a few rows, without which
# tabs that are not in front would not be hidden
WINDOW_PX = (500, 100)


def _welcome() -> str:
    """The start page as an address that needs no server and no file."""
    page = resources.files("sessioncast_agent.demo") / "assets/welcome-browser.html"
    return "data:text/html;base64," + base64.b64encode(page.read_bytes()).decode()


async def start_browser(
    workspace: Workspace, crew: Crew, http: aiohttp.ClientSession
) -> tuple[Child, str]:
    """Start it and wait until its DevTools answer; give it and their address."""
    port = free_port()
    argv = browser_command(workspace)
    argv += ["--headless", f"--remote-debugging-port={port}", "--hide-scrollbars"]
    argv += [f"--window-size={WINDOW_PX[0]},{WINDOW_PX[1]}", _welcome()]
    env = workspace.sound_env()
    child = await crew.start(Program("browser", argv, env, cwd=workspace.home, grace_s=3.0))
    url = f"http://127.0.0.1:{port}"

    async def answers() -> bool | None:
        try:
            async with http.get(f"{url}/json/version") as response:
                return response.status == 200 or None
        except (aiohttp.ClientError, TimeoutError):
            return None

    await child.until(answers, "open its DevTools port", _START_LIMIT_S)
    return child, url
