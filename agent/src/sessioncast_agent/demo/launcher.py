"""Composes the demo: starts each part as soon as what it needs is there, and ends them all."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from sessioncast_agent.demo import desktop
from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.display import Display, remove_leftovers, start_display
from sessioncast_agent.demo.errors import DemoError, PartFailed
from sessioncast_agent.demo.home import furnish
from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.reaper import become_subreaper
from sessioncast_agent.demo.report import Report, Result
from sessioncast_agent.demo.sfu import Sfu, start_sfu
from sessioncast_agent.demo.shim import WEBHOOK_PATH, Shim, choose_port, start_shim
from sessioncast_agent.demo.sound import start_sound
from sessioncast_agent.demo.webbrowser import start_browser
from sessioncast_agent.demo.workspace import Workspace, require_programs

_LIVE_LIMIT_S = 30.0
_HTTP_LIMIT_S = 5.0
_AGENT_GRACE_S = 10.0
_REAP_EVERY_S = 5.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Options:
    """What the command line asked for, checked."""

    session: str
    width_px: int
    height_px: int
    port: int | None
    agent_options: list[str]
    logs: Path | None
    browser: bool = False


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all; the first error cancels the rest and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


class Demo:
    """One run; `run` returns the exit code once nothing of it is left."""

    def __init__(self, options: Options, report: Report, workspace: Workspace) -> None:
        self._options = options
        self._report = report
        self._workspace = workspace
        self._crew = Crew(workspace.log, workspace.marker)
        self._stop = asyncio.Event()
        self._source_ready = asyncio.Event()
        self._sound_ready = asyncio.Event()
        self._source: list[str] = []  # what the agent is told to show
        self._display: Display | None = None
        self._cdp_url: str | None = None
        self._pids: dict[str, int] = {}

    async def run(self) -> int:
        """Start, wait for a signal or a death, and clear up."""
        loop = asyncio.get_running_loop()
        for signum in _STOP_SIGNALS:
            loop.add_signal_handler(signum, self._on_signal)
        try:
            return await self._up_and_wait()
        except DemoError as error:
            tail = error.log_tail if isinstance(error, PartFailed) else ""
            self._report.failure(error, self._workspace.hide_secrets(tail))
            return error.exit_code
        finally:
            await self._clear_up()

    def _on_signal(self) -> None:
        """Stop at the first signal; at the second, without patience."""
        if self._stop.is_set():
            self._crew.kill()
        self._stop.set()

    async def _up_and_wait(self) -> int:
        up = asyncio.create_task(self._start(), name="start")
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        events: list[asyncio.Future[Any]] = [stop, self._crew.died]
        try:
            await asyncio.wait([up, *events], return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not stop.done():
                self._report.result(up.result())
                while not any(event.done() for event in events):
                    await asyncio.wait(
                        events, timeout=_REAP_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                    )
                    self._crew.reap()
            if stop.done():
                return 0
            dead = self._crew.died.result()
            if dead.pid == self._pids.get("agent") and dead.exit_code == 0 and up.done():
                self._report.say("the session was ended.")
                return 0
            raise dead.ended()
        finally:
            for task in (up, stop):
                task.cancel()
            await asyncio.gather(up, stop, return_exceptions=True)

    async def _clear_up(self) -> None:
        if self._stop.is_set():
            self._report.say("\nending …")
        left = await self._crew.stop()
        if self._display is not None:
            remove_leftovers(self._display.name, self._display.child.pid)
        self._workspace.close(self._options.logs)
        if left:
            self._report.say(f"{left} processes would not end; `ps` shows them.")

    async def _start(self) -> Result:
        options, workspace = self._options, self._workspace
        kind = "browser" if options.browser else "desktop"
        self._report.say(f"sessioncast demo: starting a {kind} session on this machine")
        if not options.browser:
            browser = desktop.browser_command(workspace)
            size = {"width_px": options.width_px, "height_px": options.height_px}
            furnish(workspace, session=options.session, browser=browser, **size)
        timeout = aiohttp.ClientTimeout(total=_HTTP_LIMIT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http, self._report.patience():
            found: dict[str, Any] = {}
            screen = self._start_browser(http) if options.browser else self._start_screen()
            await _together(screen, self._start_sound(), self._start_stream(http, found))
        sfu: Sfu = found["sfu"]
        shim: Shim = found["shim"]
        return Result(
            viewer_url=found["link"],
            api_url=shim.url,
            api_key=shim.api_key,
            livekit_url=sfu.url,
            session=options.session,
            display=None if self._display is None else self._display.name,
            xauthority=None if self._display is None else str(workspace.xauthority),
            pulse_server=f"unix:{workspace.pulse_socket}",
            cdp_url=self._cdp_url,
            recordings=None,
            pids=self._pids,
        )

    async def _start_sound(self) -> None:
        with self._report.step("sound"):
            self._pids["pulse"] = (await start_sound(self._workspace, self._crew)).pid
        self._sound_ready.set()

    async def _start_screen(self) -> None:
        options = self._options
        with self._report.step("display") as step:
            self._display = await start_display(
                self._workspace, self._crew, options.width_px, options.height_px
            )
            step.detail = f"{self._display.name}, {options.width_px}x{options.height_px}"
        self._pids["display"] = self._display.child.pid
        self._source = ["--display", self._display.name]
        self._source_ready.set()
        with self._report.step("desktop") as step:
            settings = desktop.Settings(self._display.name, options.width_px, options.height_px)
            browser = await desktop.start_desktop(self._workspace, self._crew, settings)
            step.detail = "XFCE with a terminal, files and a browser"
        self._pids["browser"] = browser.pid

    async def _start_browser(self, http: aiohttp.ClientSession) -> None:
        await self._sound_ready.wait()  # Chromium looks for a sound server once
        with self._report.step("browser") as step:
            child, self._cdp_url = await start_browser(self._workspace, self._crew, http)
            step.detail = f"headless Chromium, DevTools at {self._cdp_url}"
        self._pids["browser"] = child.pid
        size = ["--viewport", f"{self._options.width_px}x{self._options.height_px}"]
        self._source = ["--cdp-url", self._cdp_url, *size]
        self._source_ready.set()

    async def _start_stream(self, http: aiohttp.ClientSession, found: dict[str, Any]) -> None:
        session = self._options.session
        port = choose_port(self._options.port)
        with self._report.step("sfu") as step:
            hook = f"http://127.0.0.1:{port}{WEBHOOK_PATH}"
            sfu = await start_sfu(self._workspace, self._crew, http, hook)
            step.detail = sfu.url
        with self._report.step("signaling") as step:
            shim = await start_shim(self._workspace, self._crew, sfu, http, port)
            step.detail = shim.url
            kind = "browser" if self._options.browser else "desktop"
            credential = await shim.create_session(session, kind)
        self._pids |= {"livekit": sfu.child.pid, "signaling": shim.child.pid}
        found |= {"sfu": sfu, "shim": shim}
        await self._source_ready.wait()
        with self._report.step("agent") as step:
            agent = await self._start_agent(shim, credential)
            self._pids["agent"] = agent.pid

            async def live() -> bool | None:
                return await shim.state(session) == "live" or None

            await agent.until(live, "go live", _LIVE_LIMIT_S)
            step.detail = "live"
        found["link"] = await shim.join_link(session)

    async def _start_agent(self, shim: Shim, credential: str) -> Child:
        programs = require_programs("sessioncast")
        file = self._workspace.write_secret("agent-credential", credential.encode())
        argv = [programs["sessioncast"], "agent", "--session", self._options.session]
        argv += [*self._source, "--signaling-url", shim.url]
        argv += ["--pulse-server", f"unix:{self._workspace.pulse_socket}"]
        argv += ["--credential-file", str(file), *self._options.agent_options]
        env = self._workspace.sound_env()
        if self._display is not None:
            env = self._workspace.display_env(self._display.name)
        return await self._crew.start(Program("agent", argv, env, grace_s=_AGENT_GRACE_S))


async def _run(options: Options, report: Report) -> int:
    workspace = Workspace()
    try:
        return await Demo(options, report, workspace).run()
    finally:
        workspace.close()


def run_demo(options: Options, report: Report) -> int:
    """Run the demo to its end; give the exit code."""
    become_subreaper()
    with contextlib.suppress(AttributeError, ValueError):
        sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]  # a C locale has no ✓
    return asyncio.run(_run(options, report))
