"""The room's `screen` track as the encode thread sees it: a place to send access units to."""

from __future__ import annotations

import threading
from collections import deque

from livekit import rtc
from livekit.rtc._proto import track_pb2, video_frame_pb2

from sessioncast_agent.clocks import SharedClock, monotonic_us
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.video.stage import Feedback

TRACK_NAME = "screen"
# WebRTC may estimate up to this multiple of the encoder's ceiling: its pacer sends at 2.5 times the
# estimate, and a change of the whole screen, or an IDR, is a burst far above the average rate
BURST_HEADROOM = 3
MIN_STAMP_GAP_US = 1_000  # libwebrtc drops a frame whose NTP millisecond is not new

_KEY = video_frame_pb2.EncodedFrameType.ENCODED_FRAME_KEY
_DELTA = video_frame_pb2.EncodedFrameType.ENCODED_FRAME_DELTA


def publish_options(max_bitrate_bps: int, fps: int) -> rtc.TrackPublishOptions:
    """Screen share (only that keeps the SFU's playout delay at 0), one layer, pass-through."""
    return rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_SCREENSHARE,
        video_codec=rtc.VideoCodec.H264,
        video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
        simulcast=False,
        video_encoding=rtc.VideoEncoding(
            max_bitrate=max_bitrate_bps * BURST_HEADROOM, max_framerate=fps
        ),
        frame_metadata_features=[
            track_pb2.FrameMetadataFeature.FMF_USER_TIMESTAMP,
            track_pb2.FrameMetadataFeature.FMF_FRAME_ID,
        ],
    )


class ScreenOutput:
    """Implements `VideoOutput`. `attach` and `detach` come from the loop, the rest from the encode
    thread; frames that come while nothing is attached are dropped (there is no room)."""

    def __init__(self, clock: SharedClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._source: rtc.EncodedVideoSource | None = None
        self._last_stamp_us = 0
        self.frame_id = 0
        self._sizes: deque[tuple[int, tuple[int, int]]] = deque(maxlen=16)  # from which frame on

    def attach(self, source: rtc.EncodedVideoSource) -> None:
        """Send to this source from now on."""
        with self._lock:
            self._source = source

    def detach(self) -> None:
        """Send nowhere; returns once no call into the source is under way."""
        with self._lock:
            self._source = None

    def size_px(self, frame_id: int) -> tuple[int, int] | None:
        """Width and height of the picture of this frame; None when nobody remembers."""
        for first, size_px in reversed(tuple(self._sizes)):
            if 0 < first <= frame_id <= self.frame_id:
                return size_px
        return None

    def send(self, unit: AccessUnit) -> None:
        """One access unit to the SFU; a repeat carries no capture time, for it says nothing of
        latency."""
        with self._lock:
            source = self._source
            if source is None:
                return
            self.frame_id += 1
            size_px = (unit.width_px, unit.height_px)
            if not self._sizes or self._sizes[-1][1] != size_px:
                self._sizes.append((self.frame_id, size_px))
            stamp_us = max(monotonic_us(), self._last_stamp_us + MIN_STAMP_GAP_US)
            self._last_stamp_us = stamp_us
            metadata = video_frame_pb2.FrameMetadata(frame_id=self.frame_id & 0xFFFFFFFF)
            if unit.fresh:
                metadata.user_timestamp = self._clock.unix_us(unit.captured_us)
            source.capture_frame(
                rtc.EncodedVideoFrame(
                    data=unit.data,
                    width=unit.width_px,
                    height=unit.height_px,
                    codec=rtc.VideoCodec.H264,
                    frame_type=_KEY if unit.keyframe else _DELTA,
                    timestamp_us=stamp_us,
                    metadata=metadata,
                )
            )

    def take_feedback(self) -> Feedback:
        """What WebRTC asked for since the last look."""
        with self._lock:
            if self._source is None:
                return Feedback(False, None)
            feedback = self._source.take_feedback()
        rate = feedback.rate_control
        return Feedback(
            feedback.keyframe_requested, None if rate is None else rate.target_bitrate_bps
        )
