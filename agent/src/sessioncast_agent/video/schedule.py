"""What the encode thread does next. Pure: times come in, a decision comes out.

Rules, in order:
1. nobody watches, or there is no picture yet: nothing.
2. a fresh picture: encode it now; unless the stage has only just been woken (`holding`): then
   nobody can decode anything before the IDR that a viewer's PLI asks for, so the fresh picture
   waits to become that IDR, and tiny repeats of the old one keep the track alive meanwhile.
3. an IDR is due: repeat the last picture as an IDR.
4. the picture has been still for `QUIET_US` and is not sharp yet (its QP was raised by the VBV) or
   the VBV is not full yet: repeat it at the frame rate, so that it sharpens, and so that a later
   IDR looks exactly like it.
5. somebody is about to join: repeat at `BURST_INTERVAL_US`, so that the SFU sees the track alive
   and its PLI is noticed at once (feedback is only raised while frames flow).
6. otherwise one heartbeat a `HEARTBEAT_US`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HEARTBEAT_US = 900_000  # the SFU calls a screen share gone after 2 s without a packet
BURST_INTERVAL_US = 50_000
BURST_US = 3_000_000
QUIET_US = 80_000  # content of 12 fps and more is never interleaved with repeats
# The keyframe flag is raised on libwebrtc's own queue a little later. While pictures change it is
# polled with the next one anyway, and a wake-up of its own would be wasted.
FEEDBACK_DELAY_US, FEEDBACK_DELAY_FRESH_US = 10_000, 40_000
MIN_GAP_US = 5_000  # libwebrtc drops a frame with the NTP millisecond of the one before
SHARP_LIMIT_US = 20_000_000  # under a tiny ceiling a picture may never get sharp


class Action(Enum):
    """What to do now."""

    FRESH = "fresh"
    REPEAT = "repeat"
    WAIT = "wait"


@dataclass(frozen=True)
class Decision:
    """An action, whether it must be an IDR, or until when to wait (None: until woken)."""

    action: Action
    idr: bool = False
    wait_until_us: int | None = None


@dataclass
class Schedule:
    """State of the repeat rules; all times monotonic microseconds."""

    frame_interval_us: int
    last_encode_us: int = -10_000_000
    last_fresh_us: int = -10_000_000
    burst_until_us: int = 0
    poll_feedback_at_us: int | None = None

    def announce(self, now_us: int) -> None:
        """Somebody is about to join."""
        self.burst_until_us = max(self.burst_until_us, now_us + BURST_US)

    def encoded(self, now_us: int, *, fresh: bool) -> None:
        """A frame was encoded at `now_us`."""
        self.last_encode_us = now_us
        if fresh:
            self.last_fresh_us = now_us
        self.poll_feedback_at_us = now_us + (
            FEEDBACK_DELAY_FRESH_US if fresh else FEEDBACK_DELAY_US
        )

    def feedback_polled(self) -> None:
        """The keyframe flag was looked at after the last frame."""
        self.poll_feedback_at_us = None

    def decide(
        self,
        now_us: int,
        *,
        watched: bool,
        has_picture: bool,
        has_fresh: bool,
        idr_due_at_us: int | None,
        settled: bool,
        holding: bool = False,
    ) -> Decision:
        """The next step; see the module's rules."""
        if not watched or not has_picture:
            return Decision(Action.WAIT)
        idr_is_due = idr_due_at_us is not None and now_us >= idr_due_at_us
        has_fresh = has_fresh and (idr_is_due or not holding)
        earliest_us = self.last_encode_us + MIN_GAP_US
        if has_fresh and now_us >= earliest_us:
            return Decision(Action.FRESH, idr_is_due)
        candidates = [self.last_encode_us + HEARTBEAT_US]
        if has_fresh:
            candidates.append(earliest_us)
        if idr_due_at_us is not None:
            candidates.append(max(idr_due_at_us, earliest_us))
        still_since_us = max(self.last_fresh_us, 0)
        if not settled and now_us - still_since_us < SHARP_LIMIT_US:
            candidates.append(
                max(self.last_fresh_us + QUIET_US, self.last_encode_us + self.frame_interval_us)
            )
        if now_us < self.burst_until_us:
            candidates.append(self.last_encode_us + BURST_INTERVAL_US)
        due_us = min(candidates)
        if now_us >= due_us:
            return Decision(Action.REPEAT, idr_is_due)
        if self.poll_feedback_at_us is not None:
            due_us = min(due_us, max(self.poll_feedback_at_us, now_us))
        return Decision(Action.WAIT, wait_until_us=due_us)
