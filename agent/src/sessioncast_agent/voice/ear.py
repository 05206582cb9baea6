"""Hears what any program of the session hears: the virtual microphone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np

from sessioncast_agent.sound.pcm import RATE_HZ, frame_bytes
from sessioncast_agent.sound.programs import Recorder
from sessioncast_agent.sound.pulse import MICROPHONE
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.voice import recognizer

PIECE_FRAMES = 10
FACTOR = RATE_HZ // recognizer.RATE_HZ
MAX_WAITING_PIECES = 50  # five seconds that a slow recognizer may be behind


async def hear(server: str | None) -> AsyncIterator[bytes]:
    """Tenths of a second at 16 kHz; raises SoundFailed when the server is gone."""
    size = frame_bytes(1) * PIECE_FRAMES
    recorder = Recorder(MICROPHONE, 1, server, UsageMeter())
    try:
        while True:
            await recorder.more()
            late = len(recorder.waiting) // size - MAX_WAITING_PIECES
            if late > 0:
                del recorder.waiting[: late * size]
            while len(recorder.waiting) >= size:
                piece = bytes(recorder.waiting[:size])
                del recorder.waiting[:size]
                yield _slower(piece)
    finally:
        recorder.close()


def _slower(pcm: bytes) -> bytes:
    """48 to 16 kHz: speech has little above 8 kHz, so a mean of three is filter enough."""
    samples = np.frombuffer(pcm, np.int16).astype(np.int32)
    means = samples.reshape(-1, FACTOR).sum(axis=1) // FACTOR
    return bytes(means.astype(np.int16).tobytes())
