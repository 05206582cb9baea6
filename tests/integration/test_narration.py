"""A narrated sentence is heard and read in the room: by the command, HTTP and RPC."""

import asyncio
import json
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from support.agent_process import AgentProcess, agent_process, call
from support.listener import Listener, listener
from support.pulse import RATE_HZ, Signal, level_of, pulse_server, tone, write_wav
from support.shim_process import API_KEY, ShimProcess
from support.sounding import sounding_agent
from support.viewer import eventually
from support.xserver import XServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SESSION = "narrated"
PATH = f"/sessions/{SESSION}/narration"


@pytest.fixture
def agent(shim: ShimProcess, x: XServer, tmp_path: Path) -> Iterator[AgentProcess]:
    """Without a sound server: narration needs none."""
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    with agent_process(shim, x, tmp_path, SESSION, env=env) as process:
        process.wait_ready()
        yield process


def envelope(signal: Signal, rate_hz: int) -> Signal:
    """The loudness of each 20 ms."""
    part = rate_hz // 50
    parts = signal[: len(signal) // part * part].reshape(-1, part)
    loudness: Signal = np.sqrt((parts**2).mean(axis=1))
    return loudness


def likeness(a: Signal, b: Signal, within: int = 20) -> float:
    """The best correlation of two envelopes when one is shifted by up to so many parts."""
    best = -1.0
    for shift in range(-within, within + 1):
        x, y = (a[shift:], b) if shift >= 0 else (a, b[-shift:])
        size = min(len(x), len(y))
        if size > 20:
            best = max(best, float(np.corrcoef(x[:size], y[:size])[0, 1]))
    return best


def loud_part(signal: Signal) -> Signal:
    """From the first to the last sample that is not silent."""
    loud = np.flatnonzero(np.abs(signal) > 0.01)
    return signal[loud[0] : loud[-1]] if len(loud) else signal[:0]


def spoken_here(text: str) -> Signal:
    """The same sentence by the same engine, without the room."""
    argv = ["espeak-ng", "--stdin", "--stdout", "-b", "1", "-s", "165", "-v", "en-us"]
    made = subprocess.run(argv, input=text.encode(), capture_output=True, check=True).stdout
    return np.frombuffer(made[44 : len(made) // 2 * 2], np.int16).astype(np.float64) / 32768


async def heard(ear: Listener, seconds: float = 30) -> Signal:
    """What came on the track so far, silence around it cut off."""
    return loud_part(ear.heard("narration", seconds))


async def post(shim: ShimProcess, body: dict[str, Any]) -> Any:
    return await asyncio.to_thread(call, shim, "POST", PATH, body)


async def test_a_sentence_from_the_command_line_is_heard_and_read(
    shim: ShimProcess, agent: AgentProcess, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(API_KEY)
    text = "The quick brown fox jumps over the lazy dog."
    async with listener(shim, SESSION, channels=1) as ear:
        await eventually(lambda: ear.publication(SESSION, "narration"), "the track")
        publication = ear.publication(SESSION, "narration")
        assert publication is not None
        assert publication.source == rtc.TrackSource.SOURCE_MICROPHONE
        await asyncio.sleep(0.5)  # subscribed
        options = ["--session", SESSION, "--signaling-url", shim.url, "--key-file", str(key)]
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "sessioncast_agent", "say", "-", *options],
            input=text, capture_output=True, text=True, timeout=30, env=agent.env,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        narration = done.stdout.strip()
        await eventually(lambda: ear.captions, "the caption")
        caption, attributes = ear.captions[0]
        assert caption == text
        assert attributes["id"] == narration
        await asyncio.sleep(int(attributes["duration_ms"]) / 1000 + 1)
        said, here = await heard(ear), loud_part(spoken_here(text))
        assert len(said) / RATE_HZ == pytest.approx(len(here) / 22_050, rel=0.2)
        match = likeness(envelope(said, RATE_HZ), envelope(here, 22_050))
        assert match > 0.6, f"the envelope of speech arrives ({match:.2f})"
        # state afterwards, and a repeat of the cancellation does no harm
        answer = await asyncio.to_thread(call, shim, "DELETE", f"{PATH}/{narration}")
        assert answer == {"id": narration, "state": "done"}


async def test_a_narration_is_cancelled_and_its_caption_goes(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    async with listener(shim, SESSION, channels=1) as ear:
        await eventually(lambda: ear.publication(SESSION, "narration"), "the track")
        first = await post(shim, {"text": "One two three four five six seven. " * 20})
        assert first["state"] in {"queued", "speaking"}
        second = await post(shim, {"text": "Still to come."})
        await eventually(lambda: ear.captions, "a caption")
        assert (await asyncio.to_thread(call, shim, "DELETE", f"{PATH}/{first['id']}"))[
            "state"
        ] == "cancelled"
        await eventually(
            lambda: any(a["id"] == first["id"] and not t for t, a in ear.captions), "taken away"
        )
        await eventually(lambda: any(t == "Still to come." for t, _ in ear.captions), "the next")
        assert second["id"] != first["id"]


async def test_operators_narrate_by_rpc_and_observers_do_not(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    body = json.dumps({"text": "From an operator.", "voice": "en-us"})
    async with listener(shim, SESSION, "operator", channels=1) as ear:
        me = ear.room.local_participant
        answer = json.loads(
            await me.perform_rpc(
                destination_identity=f"agent-{SESSION}", method="narrate", payload=body
            )
        )
        assert answer["state"] in {"queued", "speaking"}
        await eventually(lambda: ear.captions, "the caption")
        with pytest.raises(rtc.RpcError, match="no voice 'klingon'") as refused:
            await me.perform_rpc(
                destination_identity=f"agent-{SESSION}",
                method="narrate",
                payload='{"text": "x", "voice": "klingon"}',
            )
        assert refused.value.code == 1404
        assert "en-us" in str(refused.value)
    with pytest.raises(rtc.RpcError):
        async with listener(shim, SESSION, "observer") as ear:
            await ear.room.local_participant.perform_rpc(
                destination_identity=f"agent-{SESSION}", method="narrate", payload=body,
                response_timeout=3,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"text": "a" * 3_501}, 422, "text"),
        ({"text": "bell \x07"}, 422, "control characters"),
        ({"text": "hello", "voice": "klingon"}, 422, "there are: "),
        ({"text": "hello", "speed": 2}, 422, "speed"),
        ({"text": "x" * 10_000_000}, 413, "64 KiB"),
    ],
)
async def test_what_cannot_be_said_is_refused_with_the_reason(
    shim: ShimProcess, agent: AgentProcess, body: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(urllib.error.URLError) as refused:
        await post(shim, body)
    if isinstance(refused.value, urllib.error.HTTPError):
        assert refused.value.code == status
        assert words in refused.value.read().decode()
    else:
        assert status == 413, "only a body that is far too large is hung up on"


async def test_the_desktops_sound_is_softer_while_somebody_narrates(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    beep = write_wav(tmp_path / "beep.wav", tone(440, 60), tone(440, 60))
    with pulse_server() as pulse, sounding_agent(shim, x, tmp_path, "ducked", pulse):
        async with listener(shim, "ducked") as ear:

            def level() -> float:
                return level_of(ear.heard("desktop-audio", 0.3), 440)

            with pulse.playing(beep):
                await eventually(lambda: level() > 0.3, "the tone")
                path = "/sessions/ducked/narration"
                text = "Listen to me for a while, for I have much to say. " * 3
                await asyncio.to_thread(call, shim, "POST", path, {"text": text})
                await eventually(lambda: 0.02 < level() < 0.2, "softer")
                await eventually(lambda: level() > 0.3, "as before", 40)
