"""Sittings that measure something else than a scene: nobody watching, many watching, joining …"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import barcode, plan, procs, stats
from bench.procs import SystemFailedError
from bench.sitting import Bench, Record, Say, measure, set_up
from bench.systems import LiveKitSystem, SessioncastShim, open_page

VIEWERS = {"sessioncast": (1, 2, 5, 10), "novnc": (1, 2, 4), "selkies": (1, 2, 4)}
STARTS = 5
PULSE_MS = 10_000


async def unwatched(bench: Bench, say: Say) -> list[Record]:
    """CPU when the last viewer is gone, on a busy and on a still screen."""
    bench.painter.start("busy")
    await bench.show()
    await asyncio.sleep(4)
    await bench.system.leave(bench.browser, bench.viewer)
    await asyncio.sleep(bench.timing.leave_s)
    found = {}
    for scene in ("busy", "idle"):
        bench.painter.start(scene)
        await asyncio.sleep(1)
        window = procs.CpuWindow(bench.groups())
        window.start()
        await asyncio.sleep(bench.timing.window_s)
        found[scene] = window.stop()
    say(f"{bench.sitting.system:11s} unwatched: " + str({k: v["agent"] for k, v in found.items()}))
    return [bench.record(extra="unwatched", cores=found, memory=procs.rss(bench.system.groups()))]


async def received(bench: Bench) -> list[int]:
    """Return what every viewer got so far: decoded frames, or bytes where there are no frames."""
    found: list[int] = []
    for page in bench.viewer.page.context.pages:
        if page.url.startswith("http"):
            stats_of = await page.evaluate("() => bench.stats()")
            frames = [peer["frames_decoded"] for peer in stats_of["peers"]]
            found += frames or [stats_of["bytes"]]
    return found


async def viewers(bench: Bench, say: Say) -> list[Record]:
    """CPU and latency by the number of viewers; one viewer again at the end shows the drift."""
    counts = VIEWERS.get(bench.sitting.system, (1, 2, 4))
    if bench.timing.few_viewers:
        counts = (counts[0], counts[-1]) * 2  # in turn, for the machine drifts
    bench.painter.start("busy30")
    await bench.show()
    await asyncio.sleep(bench.timing.warmup_s)
    present, records = 1, []
    for count in (*counts, 1):
        if count < present:
            await bench.system.leave(bench.browser, bench.viewer)
            for page in bench.viewer.page.context.pages:
                if page is not bench.viewer.page:
                    await page.close()
            await bench.viewer.evaluate("() => bench.forget()")
            await bench.show()
            await asyncio.sleep(bench.timing.warmup_s)
        elif count > present:
            await bench.system.add_viewers(bench.browser, bench.viewer, count - present)
            await asyncio.sleep(4)
        present = count
        before = await received(bench)
        record = await measure(bench, "busy30", bench.timing.window_s)
        after = await received(bench)
        served = [last - first for first, last in zip(before, after, strict=False)]
        record |= {"extra": "viewers", "viewers": count, "received_by_viewer": served}
        records.append(record)
        say(
            f"{bench.sitting.system:11s} {count:2d} viewers: {record['cores']['agent']:.3f} cores, "
            f"sfu {record['cores'].get('sfu', 0):.3f}, host {record['cores']['host']:.2f}, "
            f"each received {served}"
        )
    return records


async def start(bench: Bench, say: Say) -> list[Record]:
    """Agent start to published, and the way out, several times."""
    system = bench.system
    if not isinstance(system, LiveKitSystem):
        raise SystemFailedError("only publishers into a room have a start to measure")
    published, stopped, statuses = [system.published_s], [], []
    for _ in range(STARTS):
        began = time.monotonic()
        statuses.append(system.publisher.stop())
        stopped.append(time.monotonic() - began)
        await asyncio.to_thread(system.wait_gone)
        system.start_publisher()
        published.append(system.published_s)
        await asyncio.sleep(0.5)
    say(f"{bench.sitting.system:11s} start to published: {[round(v, 2) for v in published]} s")
    return [
        bench.record(
            extra="start",
            published_s=[round(value, 3) for value in published],
            stop_s=[round(value, 3) for value in stopped],
            exit_statuses=statuses,
            median_s=round(statistics.median(published), 3),
        )
    ]


async def join(bench: Bench, say: Say) -> list[Record]:
    """From the offer to the first picture, on a still screen that nobody watched."""
    system, viewer = bench.system, bench.viewer
    assert isinstance(system, SessioncastShim)
    bench.painter.start("idle")
    await asyncio.sleep(bench.timing.leave_s)
    await open_page(viewer)
    joins = []
    for _ in range(bench.timing.joins):
        await viewer.evaluate("() => bench.forget()")
        began_us = barcode.clock_us()
        url, token = await asyncio.to_thread(system.offer)
        offered_us = barcode.clock_us()
        steps = await viewer.evaluate("([url, token]) => joinRoom(url, token, true)", [url, token])
        seen_us = await viewer.wait_picture()
        joins.append(
            {
                "offer_ms": round((offered_us - began_us) / 1000, 1),
                "connected_ms": round((steps["connected_us"] - began_us) / 1000, 1),
                "subscribed_ms": round((steps["subscribed_us"] - began_us) / 1000, 1),
                "picture_ms": round((seen_us - began_us) / 1000, 1),
            }
        )
        say(f"{bench.sitting.system:11s} join: {joins[-1]}")
        await system.leave(bench.browser, viewer)
        await asyncio.sleep(bench.timing.leave_s)
    summary = stats.summary(item["picture_ms"] for item in joins)
    return [bench.record(extra="join", joins=joins, picture_ms=summary)]


async def pulse(bench: Bench, say: Say) -> list[Record]:
    """How much a still picture changes by itself over heartbeats and somebody's join."""
    bench.painter.start("scroll")
    await bench.show()
    await asyncio.sleep(bench.timing.warmup_s)
    bench.painter.stop()
    await asyncio.sleep(2)
    watch = asyncio.create_task(
        bench.viewer.evaluate("duration => bench.watchStill(duration)", PULSE_MS)
    )
    await asyncio.sleep(PULSE_MS / 2000)
    await bench.system.add_viewers(bench.browser, bench.viewer, 1)
    changes = await watch
    worst = max((change["max"] for change in changes), default=0)
    record = bench.record(
        extra="pulse",
        frames=len(changes) + 1,
        changed_frames=sum(change["max"] > 0 for change in changes),
        max_change=worst,
        max_over2_px=max((change["over2"] for change in changes), default=0),
        max_mse=round(max((change["mse"] for change in changes), default=0.0), 4),
        join_at_ms=PULSE_MS // 2,
        visible=[[c["at_ms"], c["max"], c["over2"]] for c in changes if c["max"] > 2],
        drift=changes[-1]["drift"] if changes else 0,
    )
    say(
        f"{bench.sitting.system:11s} still picture: {record['frames']} frames, largest change of a "
        f"pixel {worst}, pixels over 2 levels {record['max_over2_px']}"
    )
    return [record]


async def soak(bench: Bench, say: Say, minutes: float) -> list[Record]:
    """Memory over time with one viewer, motion and stillness in turn."""
    bench.painter.start("busy")
    await bench.show()
    points: list[tuple[float, float]] = []
    began = time.monotonic()
    scenes = ("busy", "scroll", "idle", "typing")
    while (elapsed_s := time.monotonic() - began) < minutes * 60:
        turn = int(elapsed_s // 15)
        if elapsed_s - turn * 15 < 5:
            bench.painter.start(scenes[turn % len(scenes)])
        await asyncio.sleep(5)
        bench.system.check()
        memory = procs.rss(bench.system.groups())["agent"]["rss_mib"]
        points.append((round(time.monotonic() - began, 1), memory))
        if len(points) % 12 == 0:
            say(f"{bench.sitting.system:11s} soak: {memory} MiB after {elapsed_s / 60:.0f} min")
    settled = stats.settled(points)
    return [
        bench.record(
            extra="soak",
            minutes=minutes,
            points=points,
            slope_mib_per_minute=round(stats.settled_slope_per_minute(points), 4),
            first_mib=settled[0][1] if settled else 0,
            last_mib=points[-1][1],
            max_mib=max(point[1] for point in points),
        )
    ]


EXTRAS: dict[str, Callable[[Bench, Say], Awaitable[list[Record]]]] = {
    "unwatched": unwatched,
    "viewers": viewers,
    "start": start,
    "join": join,
    "pulse": pulse,
}


async def run_extra(
    sitting: plan.Sitting, timing: plan.Timing, directory: Path, say: Say, soak_minutes: float
) -> list[Record]:
    """Run the extra that the sitting names."""
    assert sitting.extra is not None
    kind = SessioncastShim if sitting.extra == "join" else None
    async with set_up(sitting, timing, directory, kind) as bench:
        if sitting.extra == "soak":
            return await soak(bench, say, soak_minutes)
        return await EXTRAS[sitting.extra](bench, say)
