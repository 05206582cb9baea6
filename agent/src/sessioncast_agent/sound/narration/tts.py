"""What turns text into speech. A Protocol, so that another engine is one class."""

from __future__ import annotations

import asyncio
from typing import Protocol

import av
import numpy as np

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.sound.pcm import RATE_HZ


class Speech(Protocol):
    """An engine; on the sound loop, never blocking it."""

    async def voices(self) -> list[str]:
        """The names that `speak` takes; raises SoundFailed when the engine cannot be had."""
        ...

    async def speak(self, text: str, voice: str | None) -> bytes:
        """One sentence as 48 kHz mono; raises SoundFailed."""
        ...


def make_speech(name: str) -> Speech:
    """`espeak-ng`, or `piper:/path/to/voice.onnx`; raises CannotStart."""
    from sessioncast_agent.sound.narration.espeak import EspeakSpeech  # noqa: PLC0415
    from sessioncast_agent.sound.narration.piper import PiperSpeech  # noqa: PLC0415

    if name == "espeak-ng":
        return EspeakSpeech()
    kind, _, model = name.partition(":")
    if kind == "piper" and model:
        return PiperSpeech(model)
    raise CannotStart(f"--narrator {name[:60]!r} is unknown; give espeak-ng or piper:VOICE.onnx")


def resampled(pcm: bytes, rate_hz: int) -> bytes:
    """16 bit mono of any rate at ours."""
    if rate_hz == RATE_HZ or not pcm:
        return pcm
    frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, np.int16)[None, :], "s16", "mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(out.to_ndarray().tobytes() for out in frames)


async def off_loop(pcm: bytes, rate_hz: int) -> bytes:
    """The same beside the loop, which has frames to send meanwhile."""
    return await asyncio.to_thread(resampled, pcm, rate_hz)
