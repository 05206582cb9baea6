"""The benchmark of sound: how late it is, how far from the picture, what it costs.

    PYTHONPATH=tests .venv/bin/python -m bench.area_sound [--quick]

Real parts: Xvfb, PulseAudio, shim, livekit-server, agent, and the product's own page in Chromium.
Writes docs/performance/sound.json and the table of docs/performance.md.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from bench import area
from bench.progress import Progress
from bench.soundprobe import (
    Clicker,
    OnsetRecorder,
    answered,
    listen,
    look,
    probed_page,
    take,
    write_clicks,
)
from bench.stats import percentile, summary
from support.agent_process import AgentProcess, agent_process, call
from support.livekit import livekit_server
from support.pulse import SoundServer, pulse_server, tone, write_wav
from support.shim_process import ShimProcess, shim_process
from support.xserver import Canvas, XServer, x_server

SESSION = "bench-sound"
LATE_MS = 1_000.0
SETTLE_S = 12.0  # a new agent encodes its still picture again until it is sharp
REST_S = 12.0  # a silence as long as this is not sent
ELEMENT = "document.querySelector('audio[data-track=\"desktop-audio\"]').srcObject"


@dataclass(frozen=True)
class Plan:
    """How long each part takes, in seconds."""

    latency_s: float = 60
    skew_s: float = 300
    cost_s: float = 20
    microphone_s: float = 40


QUICK = Plan(8, 10, 4, 10)


@dataclass(frozen=True)
class Target:
    """One line of the table."""

    name: str
    limit: str
    measured: str
    met: bool | None


class Stage:
    """All real parts, and the page."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._stack = contextlib.ExitStack()
        self.pulse: SoundServer
        self.x: XServer
        self.shim: ShimProcess
        self.agent: AgentProcess

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start them all."""
        with self._stack:
            enter = self._stack.enter_context
            self.pulse = enter(pulse_server(
                "load-module module-null-sink sink_name=sessioncast rate=48000 channels=2"
                " norewinds=1"
            ))  # fmt: skip
            self.x = enter(x_server(self.directory, "1280x720"))
            self.shim = enter(shim_process(enter(livekit_server(self.directory)), self.directory))
            env = {name: self.pulse.env[name] for name in ("PULSE_COOKIE", "XDG_RUNTIME_DIR")}
            self.agent = enter(agent_process(
                self.shim, self.x, self.directory, SESSION,
                "--pulse-server", self.pulse.server, env=env,
            ))  # fmt: skip
            self.agent.wait_ready()
            yield

    @contextlib.contextmanager
    def another_agent(self, session: str, *options: str) -> Iterator[None]:
        """Of the same desktop."""
        with agent_process(self.shim, self.x, self.directory, session, *options) as agent:
            agent.wait_ready()
            yield

    async def open(
        self, page: Page, role: str, session: str = SESSION, *, sound: bool = True
    ) -> None:
        """Go in by a link, and wait for picture and sound."""
        body = {"role": role, "ttl_seconds": 3600, "max_uses": 5}
        path = f"/sessions/{session}/join-links"
        link = await asyncio.to_thread(call, self.shim, "POST", path, body)
        await page.goto(link["url"])
        await page.wait_for_selector(".state-word:text-is('Live')", timeout=30_000)
        if not sound:
            return
        await page.wait_for_selector("audio[data-track='desktop-audio']", timeout=30_000,
                                     state="attached")  # fmt: skip

    def cpu_s(self, session: str) -> dict[str, float]:
        """The agent's bill."""
        usage: dict[str, float] = call(self.shim, "GET", f"/sessions/{session}/usage")[
            "cpu_seconds"
        ]
        return usage


def p95(values: list[float]) -> float | None:
    """None without samples."""
    return percentile(sorted(values), 95) if values else None


async def clicks(clicker: Clicker, seconds: float, flash: Any = None) -> list[tuple[float, float]]:
    """A click (and a flash) every second and a bit; the wall times of both, in ms."""
    shown: list[tuple[float, float]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        clicker.click()
        flashed = await asyncio.to_thread(flash) if flash else 0.0
        await asyncio.sleep(0.25)
        if clicker.clicks:
            shown.append((clicker.clicks[-1], flashed))
        if flash:
            await asyncio.to_thread(flash, False)
        await asyncio.sleep(0.7 + random.random() * 0.2)
    return shown


async def latency(stage: Stage, page: Page, seconds: float) -> dict[str, Any]:
    """From a `paplay` of the session to the page's audio graph."""
    await listen(page, ELEMENT, "heard")
    clicker = Clicker(stage.pulse)
    try:
        await clicks(clicker, 3)
        await take(page)
        sent = await clicks(clicker, seconds)
        await asyncio.sleep(1)
        heard = (await take(page))["heard"]
    finally:
        clicker.close()
    ages = answered([click for click, _ in sent], heard, LATE_MS)
    came = [age for age in ages if age is not None]
    return {"clicks": len(sent), "lost": len(sent) - len(came), "latency_ms": summary(came),
            "p95": p95(came)}  # fmt: skip


async def skew(stage: Stage, page: Page, seconds: float) -> dict[str, Any]:
    """A flash and a click at once: how much later than the picture the sound is."""
    await look(page)
    # what the session's own speaker would play, so that the player's buffer is not counted
    speaker = OnsetRecorder(stage.pulse, "--device=sessioncast.monitor")
    clicker = Clicker(stage.pulse)
    with stage.x.connect() as display:
        canvas = Canvas(display)

        def flash(on: bool = True) -> float:
            canvas.fill(0xFFFFFF if on else 0x000000)
            display.sync()
            return time.time() * 1000

        try:
            flash(False)
            await clicks(clicker, 3)
            await take(page)
            sent = await clicks(clicker, seconds, flash)
            await asyncio.sleep(1)
            notes = await take(page)
        finally:
            clicker.close()
            speaker.close()
    written = [click for click, _ in sent]
    lates = answered(written, speaker.onsets, LATE_MS)
    played = [click + (late or 0) for click, late in zip(written, lates, strict=True)]
    sound = answered(played, notes["heard"], LATE_MS)
    picture = answered([at for _, at in sent], notes["seen"], LATE_MS)
    pairs = [(a, b) for a, b in zip(sound, picture, strict=True) if a is not None and b is not None]
    skews = [a - b for a, b in pairs]
    return {"pairs": len(pairs), "sent": len(sent), "skew_ms": summary(skews),
            "sound_ms": summary([a for a, _ in pairs]),
            "picture_ms": summary([b for _, b in pairs]),
            "p95": p95([abs(value) for value in skews])}  # fmt: skip


async def cost(stage: Stage, page: Page, seconds: float) -> dict[str, Any]:
    """The agent's CPU with sound, playing and silent, and without any; all watched and still."""

    async def cores(session: str) -> dict[str, float]:
        await asyncio.sleep(2.5)  # the bill is up to a second old
        before, began = await asyncio.to_thread(stage.cpu_s, session), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = await asyncio.to_thread(stage.cpu_s, session), time.monotonic() - began
        return {key: round((after[key] - before[key]) / took, 4) for key in after}

    file = write_wav(stage.directory / "hum.wav", tone(300, 90), tone(500, 90))
    await asyncio.sleep(REST_S)
    silent = await cores(SESSION)
    with stage.pulse.playing(file):
        playing = await cores(SESSION)
    with stage.another_agent("bench-mute", "--sound", "off"):
        await stage.open(page, "observer", "bench-mute", sound=False)
        await asyncio.sleep(SETTLE_S)
        without = await cores("bench-mute")
    return {
        "silent": silent,
        "playing": playing,
        "without": without,
        "sound_cores": round(playing["process"] - without["process"], 4),
        "silence_cores": round(silent["process"] - without["process"], 4),
    }


async def microphone(stage: Stage, page: Page, seconds: float) -> dict[str, Any]:
    """From the operator's microphone (a file) to what a program of the session records."""
    await page.mouse.move(400, 400)
    await page.locator(".stage").click(position={"x": 300, "y": 200})  # control is free
    box = await page.locator(".live-panel").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 40, box["y"] + box["height"] - 4)
    await page.wait_for_selector(".live-panel:not(.resting)")
    await page.click(".microphone", timeout=10_000)
    await page.wait_for_selector("[data-microphone='on']", timeout=15_000)
    await listen(page, "window.__mic", "spoken")
    recorder = OnsetRecorder(stage.pulse)
    try:
        await asyncio.sleep(4)
        await take(page)
        recorder.onsets.clear()
        await asyncio.sleep(seconds)
        spoken = (await take(page))["spoken"]
        await asyncio.sleep(1)
        heard = list(recorder.onsets)
    finally:
        recorder.close()
    ages = [age for age in answered(spoken, heard, LATE_MS * 0.9) if age is not None]
    return {"clicks": len(spoken), "heard": len(ages), "latency_ms": summary(ages),
            "p95": p95(ages)}  # fmt: skip


async def measure(plan: Plan) -> dict[str, Any]:
    """Everything, one after the other."""
    parts_s = plan.latency_s + plan.skew_s + 3 * plan.cost_s + plan.microphone_s
    progress = Progress(parts_s + SETTLE_S + REST_S + 40)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as name:
        stage = Stage(Path(name))
        voice = write_clicks(Path(name) / "voice.wav")
        fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={voice}"]  # fmt: skip
        progress.show("starting the parts")
        with stage.running():
            async with probed_page() as page:
                await stage.open(page, "observer")
                progress.done(20)
                for title, seconds, work in (
                    ("latency", plan.latency_s, latency(stage, page, plan.latency_s)),
                    ("skew", plan.skew_s, skew(stage, page, plan.skew_s)),
                    ("cost", 3 * plan.cost_s, cost(stage, page, plan.cost_s)),
                ):
                    progress.show(title)
                    found[title] = await work
                    progress.done(seconds)
                    progress.note(f"{title}: {json.dumps(found[title])}")
            async with probed_page(*fake) as page:
                await stage.open(page, "operator")
                progress.show("microphone")
                found["microphone"] = await microphone(stage, page, plan.microphone_s)
                progress.note(f"microphone: {json.dumps(found['microphone'])}")
    return found


def targets(found: dict[str, Any]) -> list[Target]:
    """The issue's, in its order."""

    def line(name: str, value: float | None, limit: float, unit: str, digits: int = 0) -> Target:
        if value is None:
            return Target(name, f"≤ {limit:g} {unit}", "no samples", None)
        return Target(name, f"≤ {limit:g} {unit}", f"{value:.{digits}f} {unit}", value <= limit)

    return [
        line("`paplay` → viewer's audio graph, p95", found["latency"]["p95"], 150, "ms"),
        line("picture-to-sound skew, p95 of ±", found["skew"]["p95"], 40, "ms"),
        line("agent's CPU for sound", found["cost"]["sound_cores"], 0.05, "core", 3),
        line("operator's microphone → session's source, p95", found["microphone"]["p95"], 200,
             "ms"),
    ]  # fmt: skip


def publish(found: dict[str, Any], quick: bool) -> None:
    """Write figures and table."""
    rows = targets(found)
    body = {"quick": quick, "targets": [asdict(row) for row in rows], "found": found}
    both = found["skew"]
    note = (
        f"Flash and click: picture p50 {both['picture_ms'].get('p50')} ms, sound p50"
        f" {both['sound_ms'].get('p50')} ms, {both['pairs']} pairs. While all is silent and watched"
        f" sound takes {found['cost']['silence_cores']} core."
    )
    area.write("sound", "Sound", f"{table(rows)}\n\n{note}", body)


def table(rows: list[Target]) -> str:
    """As Markdown."""
    return "\n".join(area.target_table(astuple(row) for row in rows))


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="bench.area_sound")
    parser.add_argument("--quick", action="store_true", help="a minute, only to see that it works")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    found = asyncio.run(measure(QUICK if arguments.quick else Plan()))
    print(table(targets(found)))
    if not arguments.dry:
        publish(found, arguments.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
