"""Cuts a stream of speech into phrases by loudness, for recognizers that want whole ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sessioncast_agent.voice.recognizer import RATE_HZ

QUIET_S = 0.6
LONGEST_S = 15.0
SHORTEST_S = 0.2
LOUD_DB = 12.0  # above the quietest that was heard lately
FLOOR_DB = -60.0


@dataclass
class PhraseCutter:
    """Give it what comes; it gives a phrase back when one has ended."""

    _phrase: bytearray = field(default_factory=bytearray)
    _loud_s: float = 0.0
    _quiet_s: float = 0.0
    _floor_db: float = FLOOR_DB

    def feed(self, pcm: bytes) -> bytes | None:
        """The phrase that ends with this piece, if one does."""
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768
        if not samples.size:
            return None
        seconds = samples.size / RATE_HZ
        db = float(10 * np.log10((samples**2).mean() + 1e-9))
        # the floor follows downwards at once, and upwards by 1 dB a second
        self._floor_db = max(FLOOR_DB, min(db, self._floor_db + seconds))
        if db > self._floor_db + LOUD_DB:
            self._loud_s += seconds
            self._quiet_s = 0.0
        elif self._loud_s:
            self._quiet_s += seconds
        if not self._loud_s:
            self._phrase.clear()
        self._phrase += pcm
        whole_s = len(self._phrase) / 2 / RATE_HZ
        if self._loud_s and (self._quiet_s >= QUIET_S or whole_s >= LONGEST_S):
            phrase, loud_s = bytes(self._phrase), self._loud_s
            self._phrase.clear()
            self._loud_s = self._quiet_s = 0.0
            return phrase if loud_s >= SHORTEST_S else None
        return None
