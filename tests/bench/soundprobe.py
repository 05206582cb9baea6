"""Probes of the sound benchmark: what the page's audio graph and picture show, and when.

Everything runs on one machine, so all times are of its one wall clock, in milliseconds.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
from playwright.async_api import Page, async_playwright

from support.browser import QUIET
from support.pulse import RATE_HZ, SoundServer

BLOCK = RATE_HZ // 100
CLICK_MS = 40
THRESHOLD = 0.12
REFRACTORY_MS = 400

# Runs in the audio thread: the moment of each onset, by the graph's own samples.
WORKLET = """
registerProcessor('onsets', class extends AudioWorkletProcessor {
  constructor() { super(); this.quietFrom = 0; }
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (!samples) return true;
    for (let i = 0; i < samples.length; i += 1) {
      if (Math.abs(samples[i]) < THRESHOLD) continue;
      const at = currentTime + i / sampleRate;
      if (at >= this.quietFrom) this.port.postMessage(Date.now());
      this.quietFrom = at + REFRACTORY;
    }
    return true;
  }
});""".replace("THRESHOLD", str(THRESHOLD)).replace("REFRACTORY", str(REFRACTORY_MS / 1000))

# Keeps the microphone's stream for us, and finds the session's audio element.
PAGE = """
window.__probe = { heard: [], seen: [], spoken: [] };
const getUserMedia = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (getUserMedia) navigator.mediaDevices.getUserMedia = async (wish) => {
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await getUserMedia(wish.audio ? { audio: plain } : wish);
  window.__mic = stream.clone();
  return stream;
};
window.__listen = async (stream, list, code) => {
  const context = window.__context ??= new AudioContext({ latencyHint: 'interactive' });
  await context.resume();
  if (!window.__loaded) {
    await context.audioWorklet.addModule('data:text/javascript,' + encodeURIComponent(code));
    window.__loaded = true;
  }
  const node = new AudioWorkletNode(context, 'onsets');
  node.port.onmessage = ({ data }) => window.__probe[list].push(data);
  context.createMediaStreamSource(stream).connect(node).connect(context.destination);
  return context.sampleRate;
};
window.__look = () => {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(1, 1);
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  let bright = null;
  const frame = () => {
    drawing.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    const now = drawing.getImageData(0, 0, 1, 1).data[1] > 127;
    if (bright === false && now) window.__probe.seen.push(Date.now());
    bright = now;
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
};
"""


@contextlib.asynccontextmanager
async def probed_page(*arguments: str) -> AsyncIterator[Page]:
    """A Chromium that plays without asking, with the probe in its page."""
    flags = [
        *QUIET,
        "--autoplay-policy=no-user-gesture-required",
        "--disable-renderer-backgrounding",
        "--disable-background-timer-throttling",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=[*flags, *arguments], ignore_default_args=["--mute-audio"],
        )  # fmt: skip
        context = await browser.new_context(
            viewport={"width": 1440, "height": 900}, bypass_csp=True
        )
        await context.add_init_script(PAGE)
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def listen(page: Page, expression: str, notes: str) -> None:
    """Note onsets of this stream (a JavaScript expression) under this name."""
    script = f"([list, code]) => window.__listen({expression}, list, code)"
    await page.evaluate(script, [notes, WORKLET])


async def look(page: Page) -> None:
    """Note when the middle of the picture turns bright."""
    await page.evaluate("() => window.__look()")


async def take(page: Page) -> dict[str, list[float]]:
    """What was noted since the last time."""
    taken: dict[str, list[float]] = await page.evaluate(
        "() => { const p = window.__probe; window.__probe = { heard: [], seen: [], spoken: [] };"
        " return p; }"
    )
    return taken


class Clicker:
    """One `paplay` of the session that plays silence, and clicks when told to."""

    def __init__(self, pulse: SoundServer) -> None:
        self._process = subprocess.Popen(
            ["paplay", "--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=2",
             "--latency-msec=20"],
            env=pulse.env, stdin=subprocess.PIPE,
        )  # fmt: skip
        self._due = threading.Event()
        self._stop = threading.Event()
        self.clicks: list[float] = []
        times = np.arange(BLOCK * CLICK_MS // 10) / RATE_HZ
        wave = (0.8 * np.sin(2 * np.pi * 1000 * times) * 32767).astype(np.int16)
        self._click = np.repeat(wave[:, None], 2, axis=1).tobytes()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        """Silence at its own pace; a click at once, with the time of its writing."""
        out = self._process.stdin
        assert out is not None
        silence = bytes(BLOCK * 4)
        due_s = time.monotonic()
        while not self._stop.is_set():
            if self._due.is_set():
                self._due.clear()
                self.clicks.append(time.time() * 1000)
                out.write(self._click)
                due_s += CLICK_MS / 1000
            else:
                out.write(silence)
                due_s += 0.01
            out.flush()
            time.sleep(max(0.0, due_s - time.monotonic()))

    def click(self) -> None:
        """With the next block (up to 10 ms later)."""
        self._due.set()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(2)
        self._process.kill()
        self._process.wait(5)


class OnsetRecorder:
    """A program of the session that records a source (the default: its microphone)."""

    def __init__(self, pulse: SoundServer, *options: str) -> None:
        self._process = subprocess.Popen(
            ["parec", "--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1",
             "--latency-msec=10", *options],
            env=pulse.env, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.onsets: list[float] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        quiet_from = 0.0
        while chunk := os.read(out.fileno(), BLOCK * 2):
            now_ms = time.time() * 1000
            loud = np.flatnonzero(np.abs(np.frombuffer(chunk[: len(chunk) // 2 * 2], np.int16))
                                  > THRESHOLD * 32767)  # fmt: skip
            if not len(loud):
                continue
            if now_ms >= quiet_from:
                self.onsets.append(now_ms)
            quiet_from = now_ms + REFRACTORY_MS

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(5)
        self._thread.join(2)
        if self._process.stdout is not None:
            self._process.stdout.close()


def answered(
    causes: Sequence[float], effects: Sequence[float], within_ms: float
) -> list[float | None]:
    """For each cause, how long after it the first effect came; None where none did in time."""
    found: list[float | None] = []
    for cause in causes:
        after = [effect - cause for effect in effects if 0 <= effect - cause <= within_ms]
        found.append(min(after) if after else None)
    return found


def write_clicks(path: Path, seconds: int = 20) -> Path:
    """A voice for the fake microphone: a click each second."""
    from support.pulse import tone, write_wav

    second = np.zeros(RATE_HZ)
    click = tone(1000, CLICK_MS / 1000, 0.8)
    second[RATE_HZ // 2 : RATE_HZ // 2 + len(click)] = click
    return write_wav(path, np.tile(second, seconds))
