"""One sitting: a fresh display, painter, system and browser, and its scenes one after the other."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import canvas, plan, procs, quality, stats
from bench.browser import Browser, Viewer, open_browser, serve_pages
from bench.systems import SYSTEMS, Stage, System
from bench.xserver import Display, PainterClient, open_display, open_painter

GRAB_DELAYS_MS = (100, 250, 500, 1000, 2000)
QUALITY_SCENES = ("scroll", "video")
Record = dict[str, Any]
Say = Callable[[str], None]


@dataclass
class Bench:
    """Everything that runs during a sitting."""

    sitting: plan.Sitting
    timing: plan.Timing
    display: Display
    painter: PainterClient
    system: System
    browser: Browser
    viewer: Viewer

    def groups(self) -> dict[str, list[int]]:
        """Return the processes by part: the system's own, and what surrounds it."""
        return {
            **self.system.groups(),
            "xvfb": [self.display.pid],
            "painter": [self.painter.pid],
            "browser": self.browser.pids(),
        }

    def record(self, **values: Any) -> Record:
        """Return a result of this sitting."""
        sitting = self.sitting
        base = {"system": sitting.system, "size": sitting.size, "fps": sitting.fps}
        return {**base, "run": sitting.run, **values}

    async def show(self) -> None:
        """Open the viewer and wait for its first picture."""
        await self.system.show(self.viewer)
        await self.viewer.wait_picture()


@contextlib.asynccontextmanager
async def set_up(
    sitting: plan.Sitting, timing: plan.Timing, directory: Path, kind: type[System] | None = None
) -> AsyncIterator[Bench]:
    """Start everything for a sitting; it all ends with the body, in reverse order."""
    width_px, height_px = plan.SIZES[sitting.size]
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(open_display(directory, width_px, height_px))
        os.environ["XAUTHORITY"] = str(display.xauthority)  # for our own screenshots
        painter = stack.enter_context(open_painter(display, directory))
        stage = Stage(display, width_px, height_px, sitting.fps, plan.BITRATE_BPS, directory, stack)
        system = (kind or SYSTEMS[sitting.system])(stage)
        await system.start()
        async with (
            serve_pages() as pages_url,
            open_browser(
                directory, pages_url, width_px, height_px + system.extra_height_px
            ) as browser,
        ):
            viewer = await browser.open()
            yield Bench(sitting, timing, display, painter, system, browser, viewer)


async def run_scenes(
    sitting: plan.Sitting, timing: plan.Timing, directory: Path, say: Say
) -> list[Record]:
    """Measure the sitting's scenes."""
    records = []
    async with set_up(sitting, timing, directory) as bench:
        bench.painter.start(sitting.scenes[0])
        await bench.show()
        opened_ms = await bench.viewer.evaluate(
            "() => (bench.firstSeen() - bench.collect().offset_us) / 1000"
        )
        await asyncio.sleep(timing.warmup_s)
        for scene in sitting.scenes:
            record = await measure(bench, scene)
            record["opened_to_picture_ms"] = round(opened_ms, 1)
            record["facts"] = bench.system.facts()
            records.append(record)
            say(headline(record))
    return records


async def measure(bench: Bench, scene: str, window_s: float | None = None) -> Record:
    """Show a scene, let it settle, and measure one window of it."""
    viewer, window_s = bench.viewer, window_s or bench.timing.window(scene)
    bench.painter.start(scene)
    await asyncio.sleep(bench.timing.settle_s)
    groups = bench.groups()
    before = await viewer.stats()
    await viewer.reset()
    began_us = await viewer.evaluate("() => bench.now_us()")
    cpu = procs.CpuWindow(groups)
    cpu.start()
    await asyncio.sleep(window_s)
    cores = cpu.stop()
    reading = await viewer.collect()
    ended_us = await viewer.evaluate("() => bench.now_us()")
    after = await viewer.stats()
    stamps, late, stopped_us = bench.painter.stop()
    shots = await _quality(bench, stopped_us) if scene in QUALITY_SCENES else []
    bench.system.check()
    elapsed_s = (ended_us - began_us) / 1e6
    latencies = stats.latencies_ms(reading.samples)
    # changes of the last quarter second may still be on their way
    painted = [stamp for stamp in stamps if began_us <= stamp < ended_us - 250_000]
    updates, never = stats.updates_ms(reading.samples, painted)
    return bench.record(
        scene=scene,
        window_s=round(elapsed_s, 3),
        latency_ms=stats.summary(latencies),
        received_ms=stats.summary(stats.latencies_ms(reading.received)),
        received_samples_ms=[round(ms, 1) for ms in stats.latencies_ms(reading.received)],
        update_ms=stats.summary(updates),
        never_seen=never,
        negative=sum(latency < 0 for latency in latencies),
        samples_ms=[round(latency, 1) for latency in latencies],
        updates_ms=[round(update, 1) for update in updates],
        delivered_fps=round(len(latencies) / elapsed_s, 2),
        painted_fps=round(sum(began_us <= s <= ended_us for s in stamps) / elapsed_s, 2),
        painter_late=late,
        cores=cores,
        kbps=round((after["bytes"] - before["bytes"]) * 8 / elapsed_s / 1000, 1),
        memory=procs.rss(bench.system.groups()),
        counters=reading.counters,
        reader_error=reading.error,
        webrtc=_peer_change(before, after),
        quality=shots,
        clock=viewer.clock,
    )


async def _quality(bench: Bench, stopped_us: int) -> list[Record]:
    shots = await bench.viewer.grabs(stopped_us, GRAB_DELAYS_MS)
    screen = canvas.grab(bench.display.name)
    found = []
    for shot in shots:
        measured = await asyncio.to_thread(quality.compare, screen, shot)
        found.append({"after_ms": round(shot.after_ms), **measured})
    return found


def _peer_change(before: Record, after: Record) -> Record:
    if not after["peers"] or not before["peers"]:
        return {}
    first, last = before["peers"][0], after["peers"][0]
    frames = last["frames_decoded"] - first["frames_decoded"]
    emitted = last["jitter_buffer_frames"] - first["jitter_buffer_frames"]
    change = {
        key: last[key] - first[key]
        for key in ("frames_dropped", "key_frames", "freezes", "pli", "nack", "lost")
    }
    return {
        **change,
        "frames_decoded": frames,
        "decode_ms": round((last["decode_s"] - first["decode_s"]) * 1000 / max(1, frames), 2),
        "jitter_buffer_ms": round(
            (last["jitter_buffer_s"] - first["jitter_buffer_s"]) * 1000 / max(1, emitted), 2
        ),
        "codec": last.get("codec"),
        "fmtp": last.get("fmtp"),
        "size": f"{last.get('width')}x{last.get('height')}",
    }


def headline(record: Record) -> str:
    """Return a record in one line."""
    latency, cores = record["latency_ms"], record["cores"]
    ages = (
        f"p50 {latency['p50']:.0f} p95 {latency['p95']:.0f} p99 {latency['p99']:.0f} ms"
        if latency["n"]
        else "nothing new"
    )
    sfu = f" + SFU {cores['sfu']:.3f}" if "sfu" in cores else ""
    return (
        f"{record['system']:11s} {record['size']} {record['fps']} {record['scene']:7s} {ages}, "
        f"{record['delivered_fps']:.1f} fps, {cores['agent']:.3f}{sfu} cores, "
        f"{record['kbps']:.0f} kb/s, host {cores['host']:.2f}"
    )
