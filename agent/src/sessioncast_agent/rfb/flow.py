"""How much may be on its way to a client that sends fences back. Pure; monotonic microseconds.

A client answers a fence once it has drawn what came before it, so the age of the oldest fence is
what a viewer sees late. TCP's own buffers hide seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MAX_BYTES = 1_500_000
MAX_UPDATES = 40
MIN_PATIENCE_US = 300_000
PATIENCE_ROUND_TRIPS = 3


@dataclass
class Window:
    """Updates that were sent and not yet drawn."""

    round_trip_us: int | None = None
    _waiting: deque[tuple[int, int, int]] = field(default_factory=deque)  # number, µs, bytes
    _bytes: int = 0
    _number: int = 0

    def sent(self, now_us: int, size_bytes: int) -> int:
        """An update goes out; the number for the fence behind it."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._waiting.append((self._number, now_us, size_bytes))
        self._bytes += size_bytes
        return self._number

    def returned(self, number: int, now_us: int) -> None:
        """The client sent a fence back; all before it are drawn too."""
        if not any(number == sent for sent, _, _ in self._waiting):
            return
        while self._waiting:
            first, sent_us, size_bytes = self._waiting.popleft()
            self._bytes -= size_bytes
            if first == number:
                took_us = now_us - sent_us
                known = self.round_trip_us
                self.round_trip_us = took_us if known is None else min(known, took_us)
                return

    @property
    def is_empty(self) -> bool:
        """Whether the client has drawn all that it was sent."""
        return not self._waiting

    def is_open(self, now_us: int) -> bool:
        """Whether one more update may go out."""
        if not self._waiting:
            return True
        patience_us = max(MIN_PATIENCE_US, PATIENCE_ROUND_TRIPS * (self.round_trip_us or 0))
        return (
            self._bytes < MAX_BYTES
            and len(self._waiting) < MAX_UPDATES
            and now_us - self._waiting[0][1] < patience_us
        )
