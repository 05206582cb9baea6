"""When an IDR goes out: on request, but never two within `MIN_INTERVAL_US`.

A request that comes too early is deferred, never dropped: a viewer who asked and got nothing
stays black.
"""

from dataclasses import dataclass

MIN_INTERVAL_US = 300_000


@dataclass
class KeyframePolicy:
    """Times are monotonic microseconds. The first frame of all is always an IDR."""

    pending: bool = True
    last_idr_us: int | None = None

    def request(self) -> None:
        """Somebody needs an IDR (a PLI, a new track, a new size)."""
        self.pending = True

    def due_at_us(self) -> int | None:
        """The earliest time for the pending IDR; None when none is pending."""
        if not self.pending:
            return None
        return 0 if self.last_idr_us is None else self.last_idr_us + MIN_INTERVAL_US

    def due(self, now_us: int) -> bool:
        """Whether the frame encoded now must be an IDR."""
        at_us = self.due_at_us()
        return at_us is not None and now_us >= at_us

    def sent(self, now_us: int) -> None:
        """An IDR went out."""
        self.pending = False
        self.last_idr_us = now_us
