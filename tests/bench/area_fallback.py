"""The fallback measured: how soon it shows a picture, how late, and what it costs.

    PYTHONPATH=tests .venv/bin/python -m bench.area_fallback [--quick] [--dry]

Our page in Chromium, its WebRTC taken away as on a network that blocks it, on the VNC tab: with the
room's own H.264, and with Tight. noVNC beside x11vnc is the reference in the same run. Writes
docs/performance/fallback.json and its table of docs/performance.md.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from bench import area, plan, stats
from bench.browser import Browser, Viewer
from bench.sitting import measure, set_up
from bench.systems.base import System
from bench.systems.livekit import SESSION, SessioncastShim
from bench.systems.novnc import NoVnc

PICTURE_LIMIT_S = 6.0
SCENES = ("busy", "scroll", "still")
BLOCKED = "window.RTCPeerConnection = function () { throw new Error('blocked'); };"
NO_WEBCODECS = "delete window.VideoDecoder;"


class Fallback(SessioncastShim):
    """Our page on its VNC tab, where nothing but HTTP and WebSockets gets through."""

    name = "fallback"
    title = "VNC tab, H.264"
    extra_height_px = 60
    scripts: ClassVar[tuple[str, ...]] = (BLOCKED,)

    async def show(self, viewer: Viewer) -> None:
        """Come by a link and open the tab."""
        for script in self.scripts:
            await viewer.page.add_init_script(script)
        body = {"role": "observer", "ttl_seconds": 600, "max_uses": 1}
        link = self._post(f"/api/v1/sessions/{SESSION}/join-links", body)["url"]
        await viewer.goto(link, "canvas")
        await self.open_tab(viewer)

    async def open_tab(self, viewer: Viewer) -> None:
        """As a person does."""
        await viewer.page.get_by_role("tab", name="VNC Viewer").click()

    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Not measured here."""

    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Leave the page."""
        await viewer.page.goto("about:blank")

    def groups(self) -> dict[str, list[int]]:
        """Return the agent, the relay and the SFU."""
        return {**super().groups(), "shim": [self.shim.pid]}


class FallbackTight(Fallback):
    """The same without H.264 in the browser."""

    name = "fallback-tight"
    title = "VNC tab, Tight"
    scripts = (BLOCKED, NO_WEBCODECS)


SYSTEMS: tuple[type[System], ...] = (Fallback, FallbackTight, NoVnc)


async def sit(kind: type[System], directory: Path, *, quick: bool) -> dict[str, Any]:
    """One system: first pictures where it is ours, then the scenes."""
    timing = plan.QUICK_TIMING if quick else plan.Timing()
    sitting = plan.Sitting(system=kind.name, size="720p", fps=plan.FPS, run=0, scenes=SCENES)
    found: dict[str, Any] = {"title": kind.title, "pictures_s": [], "scenes": {}}
    async with set_up(sitting, timing, directory, kind) as bench:
        bench.painter.start("busy")
        await bench.show()
        system = bench.system
        if isinstance(system, Fallback):
            for _ in range(2 if quick else 10):
                found["pictures_s"].append(await first_picture(system, bench.viewer))
        await asyncio.sleep(timing.warmup_s)
        await bench.viewer.evaluate("() => bench.attach()")  # the tab's canvas is another each time
        for scene in SCENES:
            record = await measure(bench, scene)
            found["scenes"][scene] = {
                key: record[key]
                for key in ("latency_ms", "update_ms", "delivered_fps", "cores", "kbps")
            }
    return found


async def first_picture(system: Fallback, viewer: Viewer) -> float:
    """From the click on the tab, offer and all, to the first barcode that can be read."""
    page = viewer.page
    await page.get_by_role("tab", name="WebRTC Live View").click()
    await asyncio.sleep(0.5)
    began: float = await page.evaluate("() => performance.now()")
    await system.open_tab(viewer)
    await page.wait_for_selector(".vnc-panel[data-state='showing']", timeout=20_000)
    shown: float = await page.evaluate("() => performance.now()")
    return round((shown - began) / 1000, 3)


async def run(quick: bool) -> dict[str, Any]:
    """All systems in turn."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as base:
        for kind in SYSTEMS:
            directory = Path(base) / kind.name
            directory.mkdir()
            found[kind.name] = await sit(kind, directory, quick=quick)
            print(kind.title, json.dumps(found[kind.name])[:300], flush=True)
            shutil.rmtree(directory / "chromium", ignore_errors=True)
    return found


def table(found: dict[str, Any]) -> str:
    """As Markdown: the target, and the three side by side."""
    rows: list[area.Row] = []
    for name in (Fallback.name, FallbackTight.name):
        slowest = max(found[name]["pictures_s"])
        half = stats.percentile(sorted(found[name]["pictures_s"]), 50)
        title = (
            f"{found[name]['title']}: first picture after the tab was opened, slowest of "
            f"{len(found[name]['pictures_s'])}"
        )
        limit, measured = f"≤ {PICTURE_LIMIT_S:g} s", f"{slowest:.2f} s (p50 {half:.2f} s)"
        rows.append((title, limit, measured, slowest <= PICTURE_LIMIT_S))
    lines = area.target_table(rows)
    lines += ["", "| 720p | scene | p50 / p95 ms | fps | server cores | kb/s |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for system in found.values():
        for scene, cell in system["scenes"].items():
            late, cores = cell["latency_ms"], cell["cores"]
            spent = sum(cores.get(part, 0) for part in ("agent", "sfu", "shim"))
            ages = f"{late['p50']:.0f} / {late['p95']:.0f}" if late["n"] else "-"
            lines.append(
                f"| {system['title']} | {scene} | {ages} | {cell['delivered_fps']:.1f} | "
                f"{spent:.3f} | {cell['kbps']:.0f} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="bench.area_fallback")
    parser.add_argument("--quick", action="store_true", help="only to see that it works")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments.quick))
    print(table(found))
    if not arguments.dry:
        area.write(
            "fallback", "The VNC fallback", table(found), {"quick": arguments.quick, "found": found}
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
