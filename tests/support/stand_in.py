"""A recognizer that understands one tone: 700 Hz for a while means what the environment says."""

import os

import numpy as np

from support.pulse import level_of

HERTZ = 700
PIECES = 3


class ToneRecognizer:
    """See sessioncast_agent.voice.recognizer."""

    def __init__(self) -> None:
        self._heard = 0

    def feed(self, pcm: bytes) -> str | None:
        samples = np.frombuffer(pcm, np.int16).astype(np.float64) / 32768
        loud = level_of(np.pad(samples, (0, 2048)), HERTZ, 16_000) > 0.01
        self._heard = self._heard + 1 if loud else 0
        return os.environ["STAND_IN_PHRASE"] if self._heard == PIECES else None
