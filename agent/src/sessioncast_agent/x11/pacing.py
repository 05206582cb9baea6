"""At most so many grabs a second, without adding delay to a source of just that rate."""

from dataclasses import dataclass


@dataclass
class Pacer:
    """A token bucket of depth one, in monotonic microseconds.

    A grab may come up to one interval early if the one before came late, so that a source of
    60 Hz with jitter is not delayed by a cap of 60; over any longer time the cap holds.
    """

    interval_us: float
    _next_us: float = 0.0

    def ready_at_us(self) -> float:
        """The earliest time for the next grab."""
        return self._next_us

    def grabbed(self, now_us: int) -> None:
        """A grab begins now."""
        self._next_us = max(self._next_us, now_us - self.interval_us) + self.interval_us
