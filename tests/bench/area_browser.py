"""Browser sessions measured: how late, how many frames, and what the agent costs.

    PYTHONPATH=tests .venv/bin/python -m bench.area_browser [--quick] [--dry]

One animated page at 1280x720, whose every frame carries its time, shown in four ways in the same
run: over DevTools (`--cdp-url`), by Chromium on Xvfb through the desktop path, as screencast JPEGs
over a WebSocket on a canvas, and over DevTools again with a window as large as the page (the others
have the demo's, docs/operations.md). Then the same page standing still. How many frames Chromium
keeps in its own pipeline is a matter of its start, so several starts are pooled; the viewer's
browser is there before, as it would be on another machine. Writes docs/performance/browser.json and
its table of docs/performance.md.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from bench import area, barcode, plan, procs, stats
from bench.browser import FLAGS, HERE, Browser, Viewer, open_browser, serve_pages
from bench.procs import Child
from bench.systems.base import Stage, System, wait_port
from bench.systems.livekit import SESSION, Sessioncast, agent_command
from bench.xserver import open_display
from sessioncast_agent.demo.webbrowser import WINDOW_PX
from support.livekit import free_ports

TESTS = Path(__file__).resolve().parents[1]
WIDTH_PX, HEIGHT_PX = 1280, 720
P50_LIMIT_MS, P95_LIMIT_MS, FPS_LIMIT, CORES_LIMIT, STILL_CORES_LIMIT = 50, 90, 50, 0.5, 0.01


@contextlib.asynccontextmanager
async def serve_animation() -> AsyncIterator[str]:
    """The page that is shown, and the clock that it stamps its frames with."""

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "animated.html")

    async def clock(_: web.Request) -> web.Response:
        return web.Response(text=str(barcode.clock_us()), headers={"Cache-Control": "no-store"})

    async def geometry(_: web.Request) -> web.Response:
        return web.json_response(barcode.geometry())

    application = web.Application()
    application.router.add_get("/animated", page)
    application.router.add_get("/clock", clock)
    application.router.add_get("/geometry", geometry)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/animated"
    finally:
        await runner.cleanup()


class Shown:
    """The Chromium that shows the page, on a display or in a headless window of this size."""

    def __init__(
        self, stage: Stage, url: str, *, headless: tuple[int, int] | None = WINDOW_PX
    ) -> None:
        profile = stage.directory / "shown"
        (self.port,) = free_ports(1)
        argv = [os.environ.get("CHROMIUM", "/usr/bin/chromium"), *FLAGS, "--test-type"]
        width_px, height_px = headless or (WIDTH_PX, HEIGHT_PX)
        argv += [f"--user-data-dir={profile}", f"--window-size={width_px},{height_px}"]
        if headless:
            argv += ["--headless", f"--remote-debugging-port={self.port}", url]
        else:
            argv += ["--kiosk", "--window-position=0,0", f"--app={url}"]
        self.child: Child = stage.run("shown", argv)
        if headless:
            wait_port(self.port, self.child)

    @property
    def cdp_url(self) -> str:
        """Its DevTools."""
        return f"http://127.0.0.1:{self.port}"


class OverDevTools(Sessioncast):
    """`sessioncast agent --cdp-url`."""

    name = "devtools"
    title = "DevTools (ours)"
    url: ClassVar[str] = ""
    headless: ClassVar[tuple[int, int] | None] = WINDOW_PX
    shown: Shown

    async def start(self) -> None:
        """Start the shown browser, then SFU and agent."""
        self.shown = Shown(self.stage, self.url, headless=self.headless)
        await asyncio.sleep(2.0)
        await super().start()

    def source(self) -> list[str]:
        """What the agent is told to show."""
        return ["--cdp-url", self.shown.cdp_url]

    def command(self) -> list[str]:
        stage = self.stage
        return [
            *agent_command(), "--session", SESSION, *self.source(),
            "--livekit-url", self.sfu.url, "--fps", str(stage.fps), "--sound", "off",
            "--max-bitrate", str(stage.bitrate_bps), "--http-port", "0",
        ]  # fmt: skip

    def groups(self) -> dict[str, list[int]]:
        """Return the agent, the SFU and the shown browser."""
        return {**super().groups(), "shown": [self.shown.child.pid]}


class ByDesktop(OverDevTools):
    """The same page in a window on Xvfb, and the agent's X11 path."""

    name = "desktop"
    title = "Chromium on Xvfb (ours, X11)"
    headless = None

    def source(self) -> list[str]:
        """What the agent is told to show."""
        return ["--display", self.stage.display.name]


class InWindow(OverDevTools):
    """`sessioncast agent --cdp-url` of a browser whose window shows the page, to nobody."""

    name = "window"
    title = "DevTools (ours), window of that size"
    headless = (WIDTH_PX, HEIGHT_PX)


class JpegSocket(System):
    """Screencast JPEGs over a WebSocket, drawn on a canvas."""

    name = "jpeg"
    title = "JPEG over WebSocket"
    url: ClassVar[str] = ""

    async def start(self) -> None:
        """Start the shown browser and the relay."""
        self.shown = Shown(self.stage, self.url)
        await asyncio.sleep(2.0)
        (self.port,) = free_ports(1)
        argv = [sys.executable, "-m", "bench.jpegrelay", self.shown.cdp_url, str(self.port)]
        self.relay = self.stage.run("relay", argv, {"PYTHONPATH": str(TESTS)})
        wait_port(self.port, self.relay)

    async def show(self, viewer: Viewer) -> None:
        """Open its page."""
        await viewer.goto(f"{viewer.pages_url}/jpeg", "canvas")
        await viewer.evaluate("(url) => watch(url)", f"ws://127.0.0.1:{self.port}/")

    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Not measured here."""

    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Leave the page."""
        await viewer.page.goto("about:blank")

    def groups(self) -> dict[str, list[int]]:
        """Return the relay and the shown browser."""
        return {"agent": [self.relay.pid], "shown": [self.shown.child.pid]}

    def check(self) -> None:
        """Raise SystemFailedError if the relay has died."""
        self.relay.check()


KINDS: tuple[type[Any], ...] = (OverDevTools, ByDesktop, JpegSocket, InWindow)


@dataclass(frozen=True)
class Timing:
    """How often the page is started, and how long it is looked at."""

    starts: int = 5
    settle_s: float = 6.0
    settle_still_s: float = 10.0
    window_s: float = 10.0


QUICK = Timing(1, 2.0, 2.0, 3.0)


@dataclass
class Look:
    """What one start of the page has given."""

    ages_ms: list[float]
    elapsed_s: float
    received_bytes: float
    cores: dict[str, float]
    counters: dict[str, Any]


async def look(
    kind: type[Any], directory: Path, browser: Browser, timing: Timing, *, still: bool
) -> Look:
    """Start the system, and see what the viewer gets."""
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(open_display(directory, WIDTH_PX, HEIGHT_PX))
        stage = Stage(
            display, WIDTH_PX, HEIGHT_PX, plan.FPS, plan.BITRATE_BPS, directory, stack
        )  # fmt: skip
        system = kind(stage)
        await system.start()
        viewer = await browser.open()
        await system.show(viewer)
        await viewer.wait_picture()
        await asyncio.sleep(timing.settle_still_s if still else timing.settle_s)
        before = await viewer.stats()
        await viewer.reset()
        began_us = await viewer.evaluate("() => bench.now_us()")
        cpu = procs.CpuWindow({**system.groups(), "viewer": browser.pids()})
        cpu.start()
        await asyncio.sleep(timing.window_s)
        cores = cpu.stop()
        reading = await viewer.collect()
        elapsed_s = (await viewer.evaluate("() => bench.now_us()") - began_us) / 1e6
        after = await viewer.stats()
        system.check()
        await viewer.page.close()
    ages = stats.latencies_ms(reading.samples)
    return Look(ages, elapsed_s, after["bytes"] - before["bytes"], cores, reading.counters)


async def sit(
    kind: type[Any], directory: Path, url: str, timing: Timing, *, still: bool
) -> dict[str, Any]:
    """One way of showing the page: its frames' ages, rate and cost, over all starts."""
    kind.url = url + ("?still" if still else "")
    looks: list[Look] = []
    async with (
        serve_pages() as pages,
        open_browser(directory, pages, WIDTH_PX, HEIGHT_PX) as browser,
    ):
        for number in range(1 if still else timing.starts):
            folder = directory / str(number)
            folder.mkdir()
            looks.append(await look(kind, folder, browser, timing, still=still))
    elapsed_s = sum(one.elapsed_s for one in looks)
    names = looks[0].cores
    return {
        "latency_ms": stats.summary(age for one in looks for age in one.ages_ms),
        "p50_by_start": [stats.summary(one.ages_ms).get("p50") for one in looks],
        "delivered_fps": round(sum(len(one.ages_ms) for one in looks) / elapsed_s, 2),
        "cores": {
            name: round(sum(one.cores[name] for one in looks) / len(looks), 5) for name in names
        },
        "kbps": round(sum(one.received_bytes for one in looks) * 8 / elapsed_s / 1000, 1),
        "counters": [one.counters for one in looks],
        "window_s": round(elapsed_s, 2),
    }


async def run(*, quick: bool) -> dict[str, Any]:
    """All four, moving and still."""
    found: dict[str, Any] = {}
    timing = QUICK if quick else Timing()
    async with serve_animation() as url:
        for kind in KINDS:
            scenes = {}
            for scene in ("moving", "still"):
                with tempfile.TemporaryDirectory(prefix="bench-browser-") as folder:
                    scenes[scene] = await sit(
                        kind, Path(folder), url, timing, still=scene == "still"
                    )
                    shutil.rmtree(Path(folder, "chromium"), ignore_errors=True)
                print(f"{kind.title} {scene}: {json.dumps(scenes[scene])}", flush=True)
            found[kind.name] = {"title": kind.title, **scenes}
    return found


def targets(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Target, limit, measured, met."""
    moving, still = found["devtools"]["moving"], found["devtools"]["still"]
    late, fps, cores = moving["latency_ms"], moving["delivered_fps"], moving["cores"]["agent"]
    p50, p95 = late.get("p50") or 9e9, late.get("p95") or 9e9
    rest = still["cores"]["agent"]
    return [
        ("glass to glass, p50", f"≤ {P50_LIMIT_MS} ms", f"{p50:.1f} ms", p50 <= P50_LIMIT_MS),
        ("glass to glass, p95", f"≤ {P95_LIMIT_MS} ms", f"{p95:.1f} ms", p95 <= P95_LIMIT_MS),
        ("delivered", f"≥ {FPS_LIMIT} fps", f"{fps:.1f} fps", fps >= FPS_LIMIT),
        ("agent, moving", f"≤ {CORES_LIMIT} core", f"{cores:.3f} core", cores <= CORES_LIMIT),
        ("agent, still", f"≤ {STILL_CORES_LIMIT} core", f"{rest:.4f} core",
         rest <= STILL_CORES_LIMIT),
    ]  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """As Markdown: the targets, and the three ways side by side."""
    lines = area.target_table(targets(found))
    heads = ("1280x720, one viewer", "page", "p50 / p95 ms", "p50 by start", "fps",
             "agent or relay, cores", "SFU", "Chromium shown", "kb/s")  # fmt: skip
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for system in found.values():
        for scene in ("moving", "still"):
            cell = system[scene]
            late, cores = cell["latency_ms"], cell["cores"]
            moving = scene == "moving" and late["n"]
            ages = f"{late['p50']:.0f} / {late['p95']:.0f}" if moving else "-"
            each = " ".join(f"{p50:.0f}" for p50 in cell["p50_by_start"] if p50) if moving else "-"
            rate = f"{cell['delivered_fps']:.1f}" if moving else "-"
            lines.append(
                f"| {system['title']} | {scene} | {ages} | {each} | {rate} | "
                f"{cores['agent']:.3f} | {cores.get('sfu', 0):.3f} | {cores['shown']:.2f} | "
                f"{cell['kbps']:.0f} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="bench.area_browser")
    parser.add_argument("--quick", action="store_true", help="only to see that it works")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    found = asyncio.run(run(quick=arguments.quick))
    print(table(found))
    if not arguments.dry:
        area.write(
            "browser", "Browser sessions", table(found), {"quick": arguments.quick, "found": found}
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
