"""libx264 through PyAV, set up for a desktop that many people watch live, and what is asked of any
encoder. `direct.py` has the cheaper one, which is used where the ceiling leaves room.

CRF with a VBV: motion is coded coarser than a still picture (`qcomp`), which sharpens down to
`SHARP_QP` within a few frames; an IDR takes the running average of the P frames before it
(`ipratio=1`), so that one of a still picture looks like them and nothing pulses; and the VBV is a
hard ceiling. Figures: docs/decisions.md.

Constrained baseline, no B-frames, no lookahead: one access unit out for each picture in. SPS and
PPS in front of every IDR (the SFU recognises a keyframe by them).
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Protocol

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from sessioncast_agent.errors import EncodeFailed
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.video.vbv import VbvMirror

MOTION_CRF, MOTION_QCOMP = 22, 0.5
SHARP_QP = 12  # 54 dB on text: no eye finds the difference
VBV_SECONDS = 1.0  # half of it is the largest IDR: 500 kB at 8 Mb/s, a dense page of text at 720p
SETTLED_QP = SHARP_QP + 4  # the last steps down cost bits and show nothing
LIMITED_QP = 28  # motion above it is coarser because of the ceiling
AVERAGE_DECAY = 0.95  # of x264's running average of P frames' QP, from which an IDR takes its own

_SMPTE170M = 6  # ITU-T H.264 table E-3..E-5: the BT.601 matrix that Converter uses
_LIMITED = 1
_QP2LAMBDA = 118  # FFmpeg's FF_QP2LAMBDA, the unit of AV_PKT_DATA_QUALITY_STATS
_PICT_NONE, _PICT_I = 0, 1  # a grabbed frame says I, and libx264 would obey
_NAL_IDR = 5


def contains_idr(data: bytes) -> bool:
    """Whether an Annex B access unit holds an IDR slice; read from the NAL types, not believed."""
    at = data.find(b"\x00\x00\x01")
    while at >= 0:
        nal_type = data[at + 3] & 0x1F
        if nal_type == _NAL_IDR:
            return True
        if nal_type == 1:
            return False
        at = data.find(b"\x00\x00\x01", at + 3)
    return False


class Encoder(Protocol):
    """One encoder of a fixed size and ceiling. Not thread safe."""

    width_px: int
    height_px: int
    ceiling_bps: int

    @property
    def settled(self) -> bool:
        """Whether the last picture went out sharp and the next IDR would too."""

    @property
    def limited(self) -> bool:
        """Whether the ceiling made the last picture coarser than wanted."""

    def encode(
        self, picture: av.VideoFrame, *, idr: bool, captured_us: int, fresh: bool
    ) -> AccessUnit:
        """One picture (yuv420p of this size) into one access unit. Raises EncodeFailed."""


class H264Encoder:
    """One libx264 instance of a fixed size and ceiling. Not thread safe.

    `ceiling_bps` bounds what goes out over `VBV_SECONDS`. Raises EncodeFailed when libx264
    refuses the settings or a frame.
    """

    def __init__(self, width_px: int, height_px: int, fps: int, ceiling_bps: int) -> None:
        self.width_px, self.height_px, self.fps = width_px, height_px, fps
        self.ceiling_bps = ceiling_bps
        self.vbv = VbvMirror(int(ceiling_bps * VBV_SECONDS), ceiling_bps / fps)
        self.last_qp = 51.0
        self._qp_sum = self._qp_weight = 0.0
        self._pts = 0
        try:
            self._codec = self._open()
        except (av.error.FFmpegError, ValueError) as error:
            raise EncodeFailed(
                f"libx264 cannot encode {width_px}x{height_px} at {ceiling_bps} bit/s: {error}"
            ) from error

    def _open(self) -> VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        if not isinstance(codec, VideoCodecContext):
            raise EncodeFailed("PyAV was built without libx264; install the av wheel from PyPI")
        codec.width, codec.height, codec.pix_fmt = self.width_px, self.height_px, "yuv420p"
        codec.time_base = Fraction(1, self.fps)
        codec.framerate = Fraction(self.fps)
        codec.thread_count = 1
        codec.max_b_frames = 0
        codec.gop_size = 1_000_000  # IDRs only when asked for
        codec.color_range = _LIMITED
        codec.colorspace = codec.color_primaries = codec.color_trc = _SMPTE170M
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": str(MOTION_CRF),
            "maxrate": str(self.ceiling_bps),
            "bufsize": str(int(self.ceiling_bps * VBV_SECONDS)),
            "forced-idr": "1",
            "x264-params": "repeat-headers=1:scenecut=0:ipratio=1"
            f":qcomp={MOTION_QCOMP}:qpmin={SHARP_QP}",
        }
        codec.open()
        return codec

    @property
    def settled(self) -> bool:
        """Whether the last picture went out sharp and the next IDR would too."""
        average_qp = self._qp_sum / max(self._qp_weight, 1e-9)
        return max(self.last_qp, average_qp) <= SETTLED_QP and self.vbv.full

    @property
    def limited(self) -> bool:
        """Whether the ceiling made the last picture coarser than wanted."""
        return self.last_qp > LIMITED_QP

    def encode(
        self, picture: av.VideoFrame, *, idr: bool, captured_us: int, fresh: bool
    ) -> AccessUnit:
        """One picture (yuv420p of this size) into one access unit."""
        picture.pts = self._pts
        picture.time_base = Fraction(1, self.fps)
        picture.pict_type = _PICT_I if idr else _PICT_NONE
        self._pts += 1
        try:
            packets = self._codec.encode(picture)
        except av.error.FFmpegError as error:
            raise EncodeFailed(f"libx264 refused a frame: {error}") from error
        if len(packets) != 1:
            raise EncodeFailed(f"libx264 gave {len(packets)} packets for one frame")
        data = bytes(packets[0])
        self.last_qp = _qp_of(packets[0])
        self._qp_sum = AVERAGE_DECAY * self._qp_sum + self.last_qp
        self._qp_weight = AVERAGE_DECAY * self._qp_weight + 1
        self.vbv.sent(len(data))
        return AccessUnit(
            data=data,
            width_px=self.width_px,
            height_px=self.height_px,
            keyframe=contains_idr(data),
            qp=self.last_qp,
            captured_us=captured_us,
            fresh=fresh,
        )


def _qp_of(packet: av.Packet[VideoStream]) -> float:
    stats = packet.get_sidedata("quality_stats")
    if stats is None:
        return float(SHARP_QP)
    quality: int = struct.unpack_from("<I", bytes(stats))[0]
    return quality / _QP2LAMBDA
