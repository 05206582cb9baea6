"""The two clocks: wall time for people and other machines, monotonic time for waits and TTLs."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Both clocks behind one seam, so that tests turn them by hand."""

    def unix_us(self) -> int:
        """Wall time in microseconds since 1970."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that only ever go forward, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clocks."""

    def unix_us(self) -> int:
        """Wall time in microseconds since 1970."""
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        """Seconds that only ever go forward, from an arbitrary start."""
        return time.monotonic()


def at(unix_s: float) -> datetime:
    """Return wall time in seconds as an aware UTC time with whole seconds."""
    return datetime.fromtimestamp(int(unix_s), UTC)


def rfc3339(unix_s: float) -> str:
    """Return wall time in seconds as RFC 3339 in UTC, like 2026-11-23T10:10:00Z."""
    return at(unix_s).strftime("%Y-%m-%dT%H:%M:%SZ")
