"""The usual encoder: libx264 at quantizers of our own choice, without its lookahead.

At equal bits and quality it takes a fifth less CPU on a busy screen than CRF with x264's VBV, two
fifths less on scrolling text and on small changes (docs/decisions.md). What x264's VBV does better
is to keep a single picture within a small bucket; so a low ceiling is left to `H264Encoder`.
"""

from __future__ import annotations

import av

from sessioncast_agent.errors import EncodeFailed
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.video import x264
from sessioncast_agent.video.change import ChangeMeter
from sessioncast_agent.video.h264 import (
    LIMITED_QP,
    SETTLED_QP,
    VBV_SECONDS,
    Encoder,
    H264Encoder,
    contains_idr,
)
from sessioncast_agent.video.qp import COARSE_QP, SHARP_QP, QpControl
from sessioncast_agent.video.vbv import VbvMirror

ROOMY_BITS_PER_PIXEL = 2.0  # a second: 1.8 Mb/s at 720p, 4.1 at 1080p


class DirectEncoder:
    """See the module and `Encoder`. Not thread safe. Raises EncodeFailed."""

    def __init__(
        self, library: x264.Library, width_px: int, height_px: int, fps: int, ceiling_bps: int
    ) -> None:
        self.width_px, self.height_px, self.fps = width_px, height_px, fps
        self.ceiling_bps = ceiling_bps
        self.vbv = VbvMirror(int(ceiling_bps * VBV_SECONDS), ceiling_bps / fps)
        self.last_qp = float(COARSE_QP)
        self._change = ChangeMeter()
        try:
            self._x264 = x264.X264(library, width_px, height_px, _options(fps))
        except ValueError as error:
            raise EncodeFailed(
                f"libx264 cannot encode {width_px}x{height_px} at {ceiling_bps} bit/s: {error}"
            ) from error
        macroblocks = -(-width_px // 16) * -(-height_px // 16)
        self._control = QpControl(macroblocks, self.vbv)

    @property
    def settled(self) -> bool:
        """See Encoder."""
        return self.last_qp <= SETTLED_QP and self.vbv.full

    @property
    def limited(self) -> bool:
        """See Encoder."""
        return self.last_qp > LIMITED_QP and self._control.held_back

    def encode(
        self, picture: av.VideoFrame, *, idr: bool, captured_us: int, fresh: bool
    ) -> AccessUnit:
        """See Encoder."""
        change = self._change.measure(picture) if fresh else 0.0
        detail = self._change.detail(picture) if idr or not fresh else None
        qp = self._control.choose(idr=idr, fresh=fresh, change=change, detail=detail)
        try:
            data = self._x264.encode(picture, qp, idr=idr)
        except ValueError as error:
            raise EncodeFailed(f"libx264 refused a frame: {error}") from error
        self.last_qp = float(qp)
        self._control.sent(len(data) * 8, qp, idr=idr, fresh=fresh, change=change, detail=detail)
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


def _options(fps: int) -> dict[str, str]:
    return {
        # a constant quantizer, of which each picture has its own; x264 allows those between that of
        # P and that of I pictures, and an `ipratio` of 0.01 means 39 more
        "qp": str(SHARP_QP),
        "ipratio": "0.01",
        "fps": str(fps),
        "threads": "1",
        "keyint": "infinite",
        "scenecut": "0",
        "repeat-headers": "1",
        "fullrange": "off",
        "colorprim": "smpte170m",
        "transfer": "smpte170m",
        "colormatrix": "smpte170m",
        "log": "0",
    }


def open_encoder(width_px: int, height_px: int, fps: int, ceiling_bps: int) -> Encoder:
    """The cheaper of the two that can keep this ceiling; raises EncodeFailed."""
    library = x264.load()
    if library is None or ceiling_bps < ROOMY_BITS_PER_PIXEL * width_px * height_px:
        return H264Encoder(width_px, height_px, fps, ceiling_bps)
    return DirectEncoder(library, width_px, height_px, fps, ceiling_bps)
