"""How the encoder follows the bitrate that WebRTC thinks the network bears.

libx264 in CRF mode with a VBV gives the steadiest still picture (docs/decisions.md) but its
ceiling is fixed when it is opened. So: down to half of what is sent the frame rate follows, which
needs no IDR; below, or when there is room again, the encoder is reopened, which costs one.

An estimate is no order: GCC caps it at 1.5 times of what was sent lately, lets it dip for single
late packets, and begins at 1 Mb/s on every link. Only one that stays below what is really sent
means anything.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADROOM = 0.9  # of an estimate that has fallen; the rest is audio, RTP and overshoot
FLOOR_BPS = 150_000
MIN_SHARE = 0.5
# Reopen upwards only for a real gain, since every reopening is an IDR for everybody; but the
# estimate is never above 1.5 times of what is sent, so each step must be well below that.
RISE = 1.25
RISE_INTERVAL_US = 2_000_000
SLOW_DELAY_US = 500_000  # how long the estimate must stay low before the frame rate follows
FALL_DELAY_US = 1_000_000  # and before the encoder is reopened
START_GRACE_US = 2_500_000  # the estimate climbs by probing


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
    _target_bps: int = 0
    _low_since_us: int | None = None
    _changed_us: int = 0

    def __post_init__(self) -> None:
        self.ceiling_bps = self._target_bps = self.max_bps
        self._changed_us = self.started_us

    def restart(self, now_us: int) -> None:
        """A new transport: its estimate starts again from nothing."""
        self.started_us = now_us
        self._low_since_us = None

    def estimate(self, target_bps: int) -> None:
        """WebRTC's newest allocation for this track; capped at `max_bps` by WebRTC itself."""
        self._target_bps = target_bps

    def decide(self, now_us: int, *, sending_bps: float, limited: bool) -> bool:
        """Update `ceiling_bps` and `frame_share`; True when the encoder must be reopened.

        `sending_bps` is what really goes out; `limited` whether the ceiling makes the picture
        coarser than wanted. A low estimate does no harm to a stream that sends less.
        """
        if now_us - self.started_us < START_GRACE_US:
            return False
        full_bps = sending_bps / self.frame_share  # what would go out at the full frame rate
        if full_bps > self._target_bps:
            return self._slow_down(now_us, full_bps)
        self._low_since_us = None
        self.frame_share = 1.0
        wanted = self._wanted_bps(1.0)
        room = wanted >= self.ceiling_bps * RISE or (wanted == self.max_bps > self.ceiling_bps)
        if limited and room and now_us - self._changed_us >= RISE_INTERVAL_US:
            return self._reopen(now_us, wanted)
        return False

    def _slow_down(self, now_us: int, full_bps: float) -> bool:
        if self._low_since_us is None:
            self._low_since_us = now_us
        low_for_us = now_us - self._low_since_us
        share = self._target_bps / full_bps
        if low_for_us >= SLOW_DELAY_US:
            self.frame_share = min(1.0, max(MIN_SHARE, share))
        if low_for_us >= FALL_DELAY_US and share < MIN_SHARE:
            return self._reopen(now_us, self._wanted_bps(HEADROOM))
        return False

    def _wanted_bps(self, share: float) -> int:
        if self._target_bps >= self.max_bps * HEADROOM:
            return self.max_bps
        return min(self.max_bps, max(FLOOR_BPS, int(self._target_bps * share)))

    def _reopen(self, now_us: int, ceiling_bps: int) -> bool:
        if ceiling_bps == self.ceiling_bps:
            return False
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
