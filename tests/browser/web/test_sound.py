"""Sound as a person meets it: heard after one click, spoken into the session, captions read."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.agent_process import call
from support.browser import Browsers, Guest, chromium
from support.listener import listener
from support.pulse import SoundServer, level_of, pulse_server, tone, write_wav
from support.shim_process import ShimProcess
from support.sounding import sounding_agent
from support.xserver import Canvas, XServer

from .test_page import clean

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

# What the page's own audio element gives, by WebAudio: peaks in dB by frequency, an ear each
LISTEN = """async () => {
  const element = document.querySelector('audio[data-track="desktop-audio"]');
  if (!element) return null;
  const context = window.__context ??= new AudioContext({ sampleRate: 48000 });
  await context.resume();
  if (window.__element !== element) {
    window.__element = element;
    const splitter = context.createChannelSplitter(2);
    context.createMediaStreamSource(element.srcObject).connect(splitter);
    window.__ears = [0, 1].map((channel) => {
      const analyser = context.createAnalyser();
      analyser.fftSize = 16384;
      analyser.smoothingTimeConstant = 0;
      splitter.connect(analyser, channel);
      return analyser;
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 400));
  const [left, right] = window.__ears.map((ear) => {
    const bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(bins);
    const at = (hertz) => {
      const place = Math.round(hertz * 16384 / 48000);
      return Math.max(...bins.slice(place - 3, place + 4));
    };
    return { 440: at(440), 1000: at(1000), other: at(700) };
  });
  return { left, right, paused: element.paused, muted: element.muted };
}"""


UNTOUCHED_S = 8


@pytest.fixture
def pulse() -> Iterator[SoundServer]:
    with pulse_server() as server:
        yield server


@pytest.fixture
def beep(tmp_path: Path) -> Path:
    """440 Hz on the left, 1 kHz on the right."""
    return write_wav(tmp_path / "beep.wav", tone(440, 90), tone(1000, 90))


@pytest.fixture
async def speakers(tmp_path: Path) -> AsyncIterator[Browsers]:
    """A Chromium whose microphone is a file with a voice of 700 Hz, and that may use it."""
    file = write_wav(tmp_path / "voice.wav", tone(700, 10))
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    async with chromium(*fake, f"--use-file-for-fake-audio-capture={file}") as guests:
        yield guests


def link(shim: ShimProcess, session: str, role: str) -> str:
    body = {"role": role, "ttl_seconds": 600, "max_uses": 5}
    url: str = call(shim, "POST", f"/sessions/{session}/join-links", body)["url"]
    return url


def stands_out(ear: dict[str, float], hertz: int, than: int) -> bool:
    """Whether this ear has the one tone, and neither the other one nor noise."""
    tone_db = ear[str(hertz)]
    return tone_db > -40 and tone_db > ear["other"] + 20 and tone_db > ear[str(than)] + 20


async def hears_tones(guest: Guest, within_s: float = 20.0) -> dict[str, Any]:
    """Until 440 Hz on the left and 1 kHz on the right stand out of what the browser received."""
    heard: dict[str, Any] = {}
    end = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < end:
        heard = await guest.page.evaluate(LISTEN) or {}
        if heard and stands_out(heard["left"], 440, 1000) and stands_out(heard["right"], 1000, 440):
            return heard
    raise AssertionError(f"no two tones in the browser: {heard}")


@pytest.fixture
async def strict() -> AsyncIterator[Browsers]:
    """Headless Chromium would allow sound without a gesture; with a window it does not."""
    async with chromium("--autoplay-policy=document-user-activation-required") as guests:
        yield guests


async def test_one_click_and_the_desktop_is_in_the_browser_an_ear_each(
    strict: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "hear", pulse):
        guest = await strict.guest()
        await guest.page.goto(link(shim, "hear", "observer"))
        # Playwright's own look into a page counts as a gesture of its user: not before it is live
        await asyncio.sleep(UNTOUCHED_S)
        with pulse.playing(beep):
            # forbidden before a gesture: said on the picture, never a silent failure
            hint = guest.page.locator(".hear")
            await hint.wait_for(state="visible", timeout=15_000)
            assert await hint.inner_text() == "Click to hear the session"
            await hint.click()
            await hint.wait_for(state="hidden", timeout=5_000)
            await guest.page.wait_for_selector("[data-sound='playing']")
            heard = await hears_tones(guest)
            assert not heard["paused"]
            await press(guest, "button[aria-label='Mute']")
            await guest.page.wait_for_selector("[data-sound='muted']")
            assert (await guest.page.evaluate(LISTEN))["muted"]
            # an observer is offered no microphone
            assert await guest.page.locator(".microphone").is_hidden()
            await guest.page.reload()
            await guest.state("Live")
            await guest.page.wait_for_selector("[data-sound='muted']")
            assert await hint.is_hidden(), "who has muted is not asked to click"
        await clean(guest)


async def test_the_voice_of_whoever_has_control_is_heard_by_programs_and_by_nobody_else(
    speakers: Browsers, shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer
) -> None:
    with sounding_agent(shim, x, tmp_path, "speak", pulse):
        operator = await speakers.guest()
        await operator.page.goto(link(shim, "speak", "operator"))
        await operator.state("Live")

        def spoken() -> bool:
            return level_of(pulse.record(0.4), 700) > 0.02

        await press(operator, ".microphone")
        await operator.page.wait_for_selector("[data-microphone='on']", timeout=10_000)
        assert not await asyncio.to_thread(spoken), "without control nobody is heard"
        await take_control(operator)
        await _until(spoken, "the voice in the session's microphone")
        level = await operator.page.evaluate(
            "() => Number(document.querySelector('.level-ring').style.getPropertyValue('--level'))"
        )
        assert level > 0.1, "the ring shows the level"
        back = await asyncio.to_thread(pulse.record, 0.4, "--device=sessioncast.monitor")
        assert level_of(back, 700) < 0.001, "it is never part of what the desktop plays"
        # an eavesdropper that subscribes to all there is
        async with listener(shim, "speak", "admin") as other:
            await other.has("desktop-audio")
            voices = [
                publication
                for who in other.room.remote_participants.values()
                if not who.identity.startswith("agent-")
                for publication in who.track_publications.values()
            ]
            assert all(voice.track is None for voice in voices), "only the agent may hear it"

        await press(operator, ".microphone")
        await operator.page.wait_for_selector("[data-microphone='muted']")
        await _until(lambda: not spoken(), "silence once muted")
        # hold to talk, let go to stop
        await wake_bar(operator)
        await operator.page.hover(".microphone")
        await operator.page.mouse.down()
        await _until(spoken, "the voice while the button is held")
        await operator.page.mouse.up()
        await operator.page.wait_for_selector("[data-microphone='muted']")
        await clean(operator)


async def test_measuring_latency_takes_nothing_from_the_sound(
    speakers: Browsers,
    shim: ShimProcess,
    x: XServer,
    tmp_path: Path,
    pulse: SoundServer,
    beep: Path,
) -> None:
    """Its worker has to be handed every track, or Chromium plays nothing of the connection."""
    with sounding_agent(shim, x, tmp_path, "gauge", pulse):
        guest = await speakers.guest()
        await guest.page.add_init_script(
            "localStorage.setItem('sessioncast.measure-latency', 'on');"
            "localStorage.setItem('sessioncast.stats-open', 'on');"
        )
        await guest.page.goto(link(shim, "gauge", "operator"))
        await guest.state("Live")
        with pulse.playing(beep):
            await hears_tones(guest)
        await take_control(guest)
        await press(guest, ".microphone")
        await _until(lambda: level_of(pulse.record(0.4), 700) > 0.02, "the voice in the session")
        measured = "document.querySelector('.latency .stat-value').textContent.endsWith(' ms')"
        with x.connect() as display:  # a still screen has no latency to measure
            canvas = Canvas(display)
            for grey in range(100):
                canvas.fill(grey * 0x010101)
                display.sync()
                if await guest.page.evaluate(f"() => {measured}"):
                    break
                await asyncio.sleep(0.2)
            else:
                raise AssertionError("no latency was measured in 20 s of changes")
        await clean(guest)


WAITS = "() => Number(document.querySelector('.viewer').dataset.pictureDelay) > 20"
AT_ONCE = "() => document.querySelector('.viewer').dataset.pictureDelay === '0'"


async def test_the_picture_waits_for_its_sound_for_those_who_only_watch(
    speakers: Browsers,
    shim: ShimProcess,
    x: XServer,
    tmp_path: Path,
    pulse: SoundServer,
    beep: Path,
) -> None:
    with sounding_agent(shim, x, tmp_path, "lips", pulse):
        guest = await speakers.guest()
        await guest.page.goto(link(shim, "lips", "operator"))
        await guest.state("Live")
        await asyncio.sleep(3)
        assert not await guest.page.evaluate(WAITS), "nothing to hear, nothing to wait for"
        with x.connect() as display, pulse.playing(beep):
            canvas = Canvas(display)
            await guest.until(WAITS)
            for colour in (0xFFFFFF, 0x000000, 0xFFFFFF):
                canvas.fill(colour)
                display.sync()
                await _shows(guest, colour & 0xFF)
            await press(guest, "button[aria-label='Mute']")
            await guest.until(AT_ONCE)
            canvas.fill(0)
            display.sync()
            await _shows(guest, 0)
            await press(guest, "button[aria-label='Sound on']")
            await guest.until(WAITS)
            # whoever acts sees it at once
            await take_control(guest)
            await guest.until(AT_ONCE)
            canvas.fill(0xFFFFFF)
            display.sync()
            await _shows(guest, 0xFF)
            await asyncio.sleep(3)
            assert not await guest.page.evaluate(WAITS), "for as long as they have control"
        await clean(guest)


async def _shows(guest: Guest, level: int) -> None:
    """Until the picture is that grey."""
    end = asyncio.get_running_loop().time() + 5
    while abs((await guest.pixel(0.5, 0.5))[1] - level) > 20:
        assert asyncio.get_running_loop().time() < end, f"the picture never became {level}"
        await asyncio.sleep(0.05)


async def wake_bar(guest: Guest) -> None:
    """The bar hides while the pointer rests."""
    box = await guest.page.locator(".live-panel").bounding_box()
    assert box is not None
    for step in (40, 20, 4):
        await guest.page.mouse.move(box["x"] + 30 + step, box["y"] + box["height"] - step)
    await guest.page.wait_for_selector(".live-panel:not(.resting)")


async def press(guest: Guest, selector: str) -> None:
    """Click a button of the bar."""
    await wake_bar(guest)
    await guest.page.click(selector, timeout=5_000)


async def take_control(guest: Guest) -> None:
    """Control is free and implicit: the first act takes it."""
    await guest.page.locator(".stage").click(position={"x": 300, "y": 200})


async def _until(condition: Any, what: str, within_s: float = 20.0) -> None:
    end = asyncio.get_running_loop().time() + within_s
    while not await asyncio.to_thread(condition):
        assert asyncio.get_running_loop().time() < end, f"not within {within_s} s: {what}"
