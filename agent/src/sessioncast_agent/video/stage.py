"""The encode thread: takes the newest picture, encodes it once, hands it to the output.

Job: run `Schedule`'s decisions. Thread: `sc-encode`, started and joined by the session. The output
(the room) is asked for its feedback before every encode; nothing else is shared with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import av

from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import EncodeFailed
from sessioncast_agent.media import AccessUnit, LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.video.convert import Converter
from sessioncast_agent.video.direct import open_encoder
from sessioncast_agent.video.h264 import Encoder
from sessioncast_agent.video.keyframes import KeyframePolicy
from sessioncast_agent.video.rate import RatePolicy, SendMeter
from sessioncast_agent.video.schedule import Action, Schedule

log = logging.getLogger(__name__)

# libwebrtc swallows what comes right after publishing: feed it while nobody waits, and until the
# VBV is full again, so that the first viewer's IDR is neither lost nor blurred
PRIME_US, PRIME_LIMIT_US = 700_000, 4_000_000
HOLD_US = 1_500_000  # how long a woken stage waits for a PLI before it sends without one
PRESENT_PICTURE_US = 400_000  # how long a woken stage waits for a new grab before it shows the old
ENCODE_RETRY_S = 0.5


@dataclass(frozen=True)
class Feedback:
    """What the transport asked for since the last look; `target_bps` None: unchanged."""

    keyframe: bool
    target_bps: int | None


class VideoOutput(Protocol):
    """Where access units go; both calls come from the encode thread and must not block."""

    def send(self, unit: AccessUnit) -> None:
        """Hand one access unit on."""

    def take_feedback(self) -> Feedback:
        """What was asked for since the last call."""


class VideoStage:
    """One picture in, one access unit out, while somebody watches.

    `set_fps_cap` tells the capture how fast the network lets it go.
    """

    def __init__(
        self,
        *,
        fps: int,
        max_bitrate_bps: int,
        output: VideoOutput,
        usage: UsageMeter,
        set_fps_cap: Callable[[float], None],
    ) -> None:
        self._fps, self._output, self._usage = fps, output, usage
        self._set_fps_cap = set_fps_cap
        self._wake = threading.Event()
        self._stopping = False
        self._watched = False
        self._picture_from_us = 0
        self._primed_from_us = -PRIME_LIMIT_US
        self._hold_until_us = 0
        self.frames: LatestSlot[RawFrame] = LatestSlot(on_put=self._wake.set)
        self._keyframes = KeyframePolicy()
        self._schedule = Schedule(frame_interval_us=1_000_000 // fps)
        self._rate = RatePolicy(max_bps=max_bitrate_bps, started_us=monotonic_us())
        self._meter = SendMeter()
        self._converter = Converter()
        self._encoder: Encoder | None = None
        self._picture: av.VideoFrame | None = None
        self._captured_us = 0
        self._waiting: RawFrame | None = None
        self._thread = threading.Thread(target=self._run, name="sc-encode", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Ask the thread to end and wait; False when it did not within `timeout_s`."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:  # started
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def set_watched(self, watched: bool) -> None:
        """Somebody watches, or nobody does any more. A woken stage waits for a new grab first."""
        if watched and not self._watched:
            self._picture_from_us = monotonic_us()
            self._hold_until_us = self._picture_from_us + HOLD_US
        self._watched = watched
        self._wake.set()

    def announce(self) -> None:
        """Somebody is about to join: keep frames flowing for three seconds."""
        self._schedule.announce(monotonic_us())
        self._wake.set()

    def new_transport(self) -> None:
        """The output has a new track: it needs an IDR, and its estimate starts again.

        A few frames go out even when nobody watches, so that the first viewer's IDR is not lost.
        """
        now_us = monotonic_us()
        self._rate.restart(now_us)
        self._primed_from_us = now_us
        self._keyframes.request()
        self.announce()

    def request_keyframe(self) -> None:
        """Make the next possible frame an IDR; who asks here waits for no PLI."""
        self._hold_until_us = 0
        self._keyframes.request()
        self._wake.set()

    # -- on the encode thread ----------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("other")
        log.info("video encoder starts converter=%s fps=%d", self._converter.name, self._fps)
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    wait_s = self._step()
                except EncodeFailed as error:
                    log.error("encoder failed and is opened again: %s", error)
                    self._encoder = None
                    wait_s = ENCODE_RETRY_S
                if wait_s != 0 and not self._stopping:
                    self._wake.wait(wait_s)
        finally:
            self._usage.thread_ended()

    def _step(self) -> float | None:
        """Do one thing; the seconds to wait before the next (0: at once, None: until woken)."""
        now_us = monotonic_us()
        self._waiting = self.frames.take() or self._waiting
        if self._feedback_is_due(now_us):
            self._poll_feedback(now_us)
        holding = self._picture is not None and now_us < self._hold_until_us
        settled = self._encoder is not None and self._encoder.settled
        decision = self._schedule.decide(
            now_us,
            watched=self._watched or self._priming(now_us, settled=settled),
            has_picture=holding or self._waiting is not None or self._may_show_last(now_us),
            has_fresh=self._waiting is not None,
            idr_due_at_us=self._keyframes.due_at_us(),
            settled=settled,
            holding=holding,
        )
        if decision.action is Action.WAIT:
            if decision.wait_until_us is None:
                return PRESENT_PICTURE_US / 1e6 if self._watched else None
            return max(0.0, (decision.wait_until_us - monotonic_us()) / 1e6)
        fresh = decision.action is Action.FRESH
        if fresh:
            self._take_picture()
        self._encode(now_us, fresh=fresh)
        return 0

    def _priming(self, now_us: int, *, settled: bool) -> bool:
        since_us = now_us - self._primed_from_us
        return since_us < PRIME_US or (not settled and since_us < PRIME_LIMIT_US)

    def _may_show_last(self, now_us: int) -> bool:
        if self._picture is None:
            return False
        return (
            self._captured_us >= self._picture_from_us
            or now_us - self._picture_from_us >= PRESENT_PICTURE_US
        )

    def _feedback_is_due(self, now_us: int) -> bool:
        poll_at_us = self._schedule.poll_feedback_at_us
        return self._waiting is not None or (poll_at_us is not None and now_us >= poll_at_us)

    def _poll_feedback(self, now_us: int) -> None:
        self._schedule.feedback_polled()
        with self._usage.stage("publish"):
            feedback = self._output.take_feedback()
        if feedback.keyframe:
            self._keyframes.request()
            self._hold_until_us = 0
        if feedback.target_bps is not None:
            self._rate.estimate(feedback.target_bps)
        encoder = self._encoder
        reopen = self._rate.decide(
            now_us,
            sending_bps=self._meter.bps(now_us),
            limited=encoder is not None and encoder.limited,
        )
        self._set_fps_cap(self._fps * self._rate.frame_share)
        if reopen:
            log.info("encoder reopens ceiling_bps=%d", self._rate.ceiling_bps)
            self._encoder = None
            self._keyframes.request()

    def _take_picture(self) -> None:
        raw, self._waiting = self._waiting, None
        if raw is None:
            return
        with self._usage.stage("convert"):
            self._picture = self._converter.convert(raw.picture)
        self._captured_us = raw.captured_us

    def _encode(self, now_us: int, *, fresh: bool) -> None:
        picture = self._picture
        if picture is None:
            return
        with self._usage.stage("encode"):
            encoder, opened = self._encoder_for(picture)
            idr = opened or self._keyframes.due(now_us)
            unit = encoder.encode(picture, idr=idr, captured_us=self._captured_us, fresh=fresh)
        with self._usage.stage("publish"):
            self._output.send(unit)
        if unit.keyframe:
            self._keyframes.sent(now_us)
        self._schedule.encoded(now_us, fresh=fresh)
        self._meter.sent(now_us, len(unit.data))
        counters = self._usage.counters
        counters.encoded += 1
        counters.keyframes += unit.keyframe
        counters.bytes_sent += len(unit.data)
        counters.dropped = self.frames.counters.dropped

    def _encoder_for(self, picture: av.VideoFrame) -> tuple[Encoder, bool]:
        encoder = self._encoder
        size = (picture.width, picture.height)
        if encoder is not None and (encoder.width_px, encoder.height_px) == size:
            return encoder, False
        encoder = self._encoder = open_encoder(*size, self._fps, self._rate.ceiling_bps)
        return encoder, True
