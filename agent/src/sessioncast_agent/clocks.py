"""The clocks: monotonic microseconds for media, the shim's clock for what others compare with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


def monotonic_us() -> int:
    """Microseconds of CLOCK_MONOTONIC; never jumps."""
    return time.monotonic_ns() // 1000


def wall_us() -> int:
    """Microseconds since 1970 by this machine's own clock; may jump."""
    return time.time_ns() // 1000


def rfc3339(unix_us: int) -> str:
    """UTC with seconds, as in the HTTP API: 2026-11-23T10:00:00Z."""
    return datetime.fromtimestamp(unix_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class ClockSample:
    """One question to the shim's clock: sent and received monotonic, answered Unix µs."""

    sent_us: int
    received_us: int
    answered_unix_us: int

    @property
    def round_trip_us(self) -> int:
        """How long the answer took."""
        return self.received_us - self.sent_us

    @property
    def offset_us(self) -> int:
        """Shim's Unix time minus our monotonic time, were the way there as long as the way back."""
        return self.answered_unix_us - (self.sent_us + self.received_us) // 2


class SharedClock:
    """The shim's clock, seen from here; this machine's own until `learn` was called."""

    def __init__(self) -> None:
        self._offset_us = wall_us() - monotonic_us()

    def learn(self, samples: list[ClockSample]) -> None:
        """Take the offset of the sample with the smallest round trip (as NTP does)."""
        if samples:
            self._offset_us = min(samples, key=lambda sample: sample.round_trip_us).offset_us

    def unix_us(self, at_monotonic_us: int | None = None) -> int:
        """The shared time of a monotonic moment; of now by default."""
        at_us = monotonic_us() if at_monotonic_us is None else at_monotonic_us
        return at_us + self._offset_us
