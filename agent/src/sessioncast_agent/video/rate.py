"""How the encoder follows the bitrate that WebRTC thinks the network bears.

libx264 in CRF mode with a VBV gives the steadiest still picture (docs/decisions.md) but its
ceiling is fixed when it is opened. So: within half of the ceiling the frame rate follows, which
needs no IDR; below half, or when there is room again, the encoder is reopened, which costs one.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADROOM = 0.9  # of the estimate; the rest is audio, RTP and what x264 overshoots
FLOOR_BPS = 150_000
RISE = 1.5  # reopen upwards only for a real gain: every reopening is an IDR for everybody
RISE_INTERVAL_US = 2_000_000
FALL_DELAY_US = 700_000  # GCC's estimate dips for single late packets
START_GRACE_US = 2_500_000  # the estimate starts at 1 Mb/s whatever the link, and climbs by probing


@dataclass
class RatePolicy:
    """Turns estimates into (encoder ceiling, share of the frame rate).

    `ceiling_bps` is what the encoder is open at, `max_bps` what the user allows. Times are
    monotonic microseconds.
    """

    max_bps: int
    started_us: int
    ceiling_bps: int = 0
    frame_share: float = 1.0
    _wanted_bps: int = 0
    _low_since_us: int | None = None
    _changed_us: int = 0

    def __post_init__(self) -> None:
        self.ceiling_bps = self._wanted_bps = self.max_bps
        self._changed_us = self.started_us

    def restart(self, now_us: int) -> None:
        """A new transport: its estimate starts again from nothing."""
        self.started_us = now_us
        self._low_since_us = None

    def estimate(self, target_bps: int) -> None:
        """WebRTC's newest allocation for this track."""
        self._wanted_bps = min(self.max_bps, max(FLOOR_BPS, int(target_bps * HEADROOM)))
        if target_bps >= self.max_bps * HEADROOM:
            self._wanted_bps = self.max_bps  # the allocation is capped at max_bps itself

    def decide(self, now_us: int, *, sending_bps: float, limited: bool) -> bool:
        """Update `ceiling_bps` and `frame_share`; True when the encoder must be reopened.

        `sending_bps` is what really goes out; `limited` whether the VBV has raised the QP lately.
        A low estimate does no harm to a stream that sends less.
        """
        wanted = self._wanted_bps
        if now_us - self.started_us < START_GRACE_US:
            return False
        if wanted < self.ceiling_bps and sending_bps > wanted:
            if self._low_since_us is None:
                self._low_since_us = now_us
            self.frame_share = max(0.5, wanted / self.ceiling_bps)
            if wanted < self.ceiling_bps / 2 and now_us - self._low_since_us >= FALL_DELAY_US:
                return self._reopen(now_us, wanted)
            return False
        self._low_since_us = None
        if wanted >= self.ceiling_bps:
            self.frame_share = 1.0
        room = wanted >= self.ceiling_bps * RISE or (wanted == self.max_bps > self.ceiling_bps)
        if limited and room and now_us - self._changed_us >= RISE_INTERVAL_US:
            return self._reopen(now_us, wanted)
        return False

    def _reopen(self, now_us: int, ceiling_bps: int) -> bool:
        self.ceiling_bps = ceiling_bps
        self.frame_share = 1.0
        self._changed_us = now_us
        self._low_since_us = None
        return True


@dataclass
class SendMeter:
    """Bits a second over a sliding half second of encoded frames."""

    window_us: int = 500_000

    def __post_init__(self) -> None:
        self._sent: list[tuple[int, int]] = []

    def sent(self, now_us: int, size_bytes: int) -> None:
        """Count one access unit."""
        self._sent.append((now_us, size_bytes))

    def bps(self, now_us: int) -> float:
        """The rate over the window that ends now."""
        start_us = now_us - self.window_us
        self._sent = [entry for entry in self._sent if entry[0] >= start_us]
        return sum(size for _, size in self._sent) * 8 * 1_000_000 / self.window_us
