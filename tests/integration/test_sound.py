"""What the desktop plays is heard in the room, whatever becomes of the sound server."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from livekit import rtc
from livekit.rtc._proto import track_pb2

from support.agent_process import agent_process, call
from support.listener import Listener, listener
from support.pulse import (
    SoundServer,
    level_of,
    pipewire_server,
    pulse_server,
    tone,
    write_wav,
)
from support.shim_process import ShimProcess
from support.sounding import sounding_agent
from support.viewer import eventually
from support.xserver import XServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

DESKTOP = "desktop-audio"
LEFT, RIGHT = 0, 1
LOUD = 0.1  # of a tone played at 0.5


@pytest.fixture
def pulse() -> Iterator[SoundServer]:
    with pulse_server() as server:
        yield server


@pytest.fixture
def beep(tmp_path: Path) -> Path:
    """A minute of 440 Hz on the left, 1 kHz on the right."""
    return write_wav(tmp_path / "beep.wav", tone(440, 60), tone(1000, 60))


def hears(ear: Listener, hertz: float, seconds: float = 0.25) -> Callable[[], bool]:
    return lambda: level_of(ear.heard(DESKTOP, seconds), hertz) > LOUD


def hears_only(ear: Listener, side: int, hertz: float) -> Callable[[], bool]:
    """One of the two tones and not the other, and not what is played nowhere."""

    def only() -> bool:
        signal = ear.heard(DESKTOP, 0.25, side)
        others = max(level_of(signal, other) for other in (440, 700, 1000) if other != hertz)
        return level_of(signal, hertz) > max(LOUD, 10 * others)

    return only


async def back_within_3_s(ear: Listener, pulse: SoundServer, beep: Path, since_s: float) -> None:
    """What is played from now on is heard no later than 3 s after `since_s` (monotonic)."""
    ear.sound.clear()  # what was heard before must not count
    with pulse.playing(beep):
        await eventually(hears(ear, 440), "440 Hz again", 10)
    assert time.monotonic() - since_s <= 3


async def test_a_tone_of_the_desktop_is_heard_by_a_viewer_each_ear_its_own(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "tone", pulse):
        async with listener(shim, "tone") as ear:
            with pulse.playing(beep):
                # the first frames after silence may be a mixture, as Opus sees fit
                await eventually(hears_only(ear, LEFT, 440), "440 Hz on the left and nothing else")
                await eventually(hears_only(ear, RIGHT, 1000), "1 kHz on the right, nothing else")
            await eventually(lambda: ear.attributes("tone").get("sound") == "on", "the attribute")
            assert ear.attributes("tone")["microphone"] == "on"


async def test_the_desktops_sound_is_announced_as_stereo_without_dtx(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer
) -> None:
    with sounding_agent(shim, x, tmp_path, "stereo", pulse):
        async with listener(shim, "stereo") as ear:
            await ear.has(DESKTOP)
            publication = ear.publication("stereo", DESKTOP)
            assert publication is not None
            assert track_pb2.AudioTrackFeature.TF_STEREO in publication.audio_features
            assert track_pb2.AudioTrackFeature.TF_NO_DTX in publication.audio_features
            assert publication.source == rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO


async def test_a_long_silence_is_not_sent_and_what_ends_it_is_heard_by_old_and_new_viewers(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "hush", pulse):
        async with listener(shim, "hush") as ear:
            await ear.has(DESKTOP)
            sent = await carrying_cost(shim, "hush")

            def rests() -> bool:
                publication = ear.publication("hush", DESKTOP)
                return publication is not None and publication.muted

            await eventually(rests, "the track rests", 25)
            resting = await carrying_cost(shim, "hush")
            assert resting < sent / 2, f"{resting:.4f} core where sending takes {sent:.4f}"
            async with listener(shim, "hush") as late:
                await eventually(lambda: late.publication("hush", DESKTOP), "the track", 10)
                await asyncio.sleep(1)
                for _ in range(2):  # the second after a pause that is too short to rest in
                    ear.sound.clear()
                    late.sound.clear()
                    began = time.monotonic()
                    with pulse.playing(beep):
                        for each in (ear, late):
                            await eventually(hears(each, 440, 0.1), "440 Hz", 5)
                        assert time.monotonic() - began < 2
                    await asyncio.sleep(1)
            assert not rests()


async def carrying_cost(shim: ShimProcess, session: str, seconds: float = 4.0) -> float:
    """Cores that the SDK's threads and those of sound take."""

    def bill() -> float:
        usage = call(shim, "GET", f"/sessions/{session}/usage")["cpu_seconds"]
        return float(usage["publish"] + usage["sound"])

    await asyncio.sleep(1.5)  # the bill is up to a second old
    before = await asyncio.to_thread(bill)
    await asyncio.sleep(seconds)
    return (await asyncio.to_thread(bill) - before) / seconds


async def test_sound_is_back_within_3_s_of_the_sound_servers_return_and_the_picture_never_stopped(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "killed", pulse) as agent:
        async with listener(shim, "killed") as ear:
            with pulse.playing(beep):
                await eventually(hears(ear, 440), "440 Hz")
            pulse.kill()
            await eventually(lambda: ear.attributes("killed")["sound"] == "off", "off")
            frames = ear.frames
            await eventually(lambda: ear.frames > frames + 1, "the picture goes on", 5)
            returned = time.monotonic()
            await asyncio.to_thread(pulse.start)
            await back_within_3_s(ear, pulse, beep, returned)
        assert agent.process.poll() is None


async def test_a_sound_server_that_hangs_blocks_nothing_and_is_heard_again_when_it_goes_on(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "hung", pulse) as agent:
        async with listener(shim, "hung") as ear:
            with pulse.playing(beep):
                await eventually(hears(ear, 440), "440 Hz")
                pulse.processes[0].send_signal(signal.SIGSTOP)
                try:
                    await eventually(lambda: ear.attributes("hung")["sound"] == "off", "off")
                    frames = ear.frames
                    await eventually(lambda: ear.frames > frames + 1, "the picture goes on", 5)
                    assert agent.get("/readyz")[0] == 200
                finally:
                    pulse.processes[0].send_signal(signal.SIGCONT)
                await eventually(lambda: ear.attributes("hung")["sound"] == "on", "on again")
            with pulse.playing(beep):
                ear.sound.clear()
                await eventually(hears(ear, 440), "440 Hz again", 10)


async def test_a_removed_sink_and_another_default_are_followed(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "moved", pulse):
        async with listener(shim, "moved") as ear:
            with pulse.playing(beep):
                await eventually(hears(ear, 440), "440 Hz")
            modules = [
                line.split("\t")[0]
                for line in pulse.pactl("list", "short", "modules").splitlines()
                if "sink_name=sessioncast " in line
            ]
            removed = time.monotonic()
            pulse.pactl("unload-module", modules[0])
            frames = ear.frames
            await eventually(lambda: "sessioncast" in pulse.names("sinks"), "a sink made anew", 5)
            await back_within_3_s(ear, pulse, beep, removed)
            await eventually(lambda: ear.frames > frames, "the picture goes on", 2)
            pulse.pactl("load-module", "module-null-sink", "sink_name=other", "rate=44100",
                        "channels=1")  # fmt: skip
            pulse.pactl("set-default-sink", "other")
            with pulse.playing(beep):
                await eventually(hears(ear, 1000), "1 kHz from the other default", 5)
            assert pulse.pactl("get-default-sink") == "other", "an application's choice is kept"


async def test_the_microphones_own_sink_as_the_default_would_be_an_echo_and_is_undone(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer, beep: Path
) -> None:
    with sounding_agent(shim, x, tmp_path, "echo", pulse):
        async with listener(shim, "echo") as ear:
            await eventually(lambda: "sessioncast-microphone" in pulse.names("sources"), "a mic")
            pulse.pactl("set-default-sink", "sessioncast-microphone-in")
            await eventually(lambda: pulse.pactl("get-default-sink") == "sessioncast", "undone")
            with pulse.playing(beep, "--device=sessioncast-microphone-in"):
                await eventually(
                    lambda: level_of(pulse.record(0.3), 440) > LOUD, "the microphone hears it"
                )
                assert level_of(ear.heard(DESKTOP, 0.3), 440) < LOUD / 10


async def test_programs_find_the_virtual_microphone_as_the_default_source(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer
) -> None:
    with sounding_agent(shim, x, tmp_path, "source", pulse) as agent:
        await eventually(
            lambda: pulse.pactl("get-default-source") == "sessioncast-microphone", "the default"
        )
        pulse.pactl("set-default-source", "sessioncast.monitor")
        await eventually(
            lambda: pulse.pactl("get-default-source") == "sessioncast-microphone", "restored"
        )
        assert agent.terminate() == 0
    assert pulse.names("sources") == {"sessioncast.monitor"}, "nothing of ours is left"


async def test_without_a_viewer_nothing_is_captured(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer
) -> None:
    with sounding_agent(shim, x, tmp_path, "quiet", pulse):
        await eventually(lambda: "sessioncast-microphone" in pulse.names("sources"), "settled")
        assert pulse.pactl("list", "short", "source-outputs").count("parec") == 0
        assert len(_recorders(pulse)) == 0
        async with listener(shim, "quiet"):
            await eventually(lambda: len(_recorders(pulse)) == 1, "captured")
        await eventually(lambda: not _recorders(pulse), "no longer captured", 30)


def _recorders(pulse: SoundServer) -> list[str]:
    lines = pulse.pactl("list", "source-outputs").splitlines()
    return [line for line in lines if 'media.name = "desktop audio"' in line]


@pytest.mark.parametrize(("name", "server"), [("wrong", "unix:/nonexistent/pulse"), ("none", None)])
async def test_without_a_sound_server_the_session_runs_and_says_so_once(
    shim: ShimProcess, x: XServer, tmp_path: Path, name: str, server: str | None
) -> None:
    named = ("--pulse-server", server) if server else ()
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    with agent_process(shim, x, tmp_path, name, *named, env=env) as agent:
        agent.wait_ready()
        async with listener(shim, name) as ear:
            await eventually(lambda: ear.frames > 2, "a picture")
            await eventually(lambda: ear.attributes(name).get("sound") == "off", "the attribute")
        await asyncio.sleep(2)
        assert agent.log().count("no sound server answers") == 1
        assert agent.terminate() == 0


async def test_a_mono_device_of_another_rate_is_heard_at_its_pitch(
    shim: ShimProcess, x: XServer, tmp_path: Path, beep: Path
) -> None:
    devices = "load-module module-null-sink sink_name=odd rate=44100 channels=1"
    with pulse_server(devices) as pulse, sounding_agent(shim, x, tmp_path, "odd", pulse):
        async with listener(shim, "odd") as ear:
            with pulse.playing(beep):
                await eventually(hears(ear, 440), "440 Hz")


async def test_pipewires_sound_server_will_do_as_well(
    shim: ShimProcess, x: XServer, tmp_path: Path, beep: Path
) -> None:
    with pipewire_server() as pulse, sounding_agent(shim, x, tmp_path, "pipewire", pulse):
        async with listener(shim, "pipewire") as ear:
            with pulse.playing(beep):
                await eventually(hears(ear, 440), "440 Hz")
            await eventually(
                lambda: pulse.pactl("get-default-source") == "sessioncast-microphone", "its mic"
            )
