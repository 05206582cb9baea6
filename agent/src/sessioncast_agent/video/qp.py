"""Which quantizer the next picture gets. Pure.

The rule is x264's own CRF with `qcomp` 0.5, without its lookahead: the quantizer grows by three
for each doubling of what the last pictures cost (their bits times their step size), so that motion
is coded coarser than a still picture, which falls to `SHARP_QP` within a few repeats. What a new
picture will cost is foretold from how much of it differs from the one before. On top of it a bucket
of one second: a picture that would not fit, and any while the bucket is nearly empty, is coded
coarser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2

from sessioncast_agent.video.vbv import VbvMirror

SHARP_QP, START_QP, COARSE_QP = 12, 22, 51
MOTION_QP = 22.0  # at `MOTION_COST`, and three more for each doubling
MOTION_COST = 300.0  # bits x step size of one macroblock
DECAY = 0.5  # of older pictures in the average
SHARE = 0.85  # of the bucket that one picture may take
LOW, LOW_STILL = 0.5, 0.08  # below so full a bucket motion, or a still picture, gets coarser
# an IDR's bits a macroblock at QP 24 for one unit of detail: 9 for flat shapes, 12 for a page of
# text, 16 for one full of words, 28 for noise, 37 for video; and over how many QPs they halve
IDR_COST, IDR_COST_QP, IDR_HALVES_QP = 14.0, 24, 16
SHARPENING = 0.035  # of an IDR's bits, for each QP that a repeat is finer than the picture before
CHANGE_COST = 1.0  # bits x step size for one unit of change, until it was seen
LEARN = 0.5
NOTHING = 0.01  # so little change is none
PAUSE = 3  # pictures without change that motion may have


def step(qp: float) -> float:
    """The quantizer's step size but for a factor: it doubles every six."""
    return float(2 ** (qp / 6))


@dataclass
class QpControl:
    """`macroblocks` of a picture; `bucket` is told elsewhere what was sent."""

    macroblocks: int
    bucket: VbvMirror
    idr_cost: float = IDR_COST
    change_cost: float = CHANGE_COST
    shown_qp: int = COARSE_QP  # how fine the picture is that viewers have
    held_back: bool = False  # the bucket made the last picture coarser than wanted
    _sum: float = field(init=False)
    _weight: float = 1.0
    _foretold: float = 0.0
    _same: int = 0

    def __post_init__(self) -> None:
        self._sum = MOTION_COST * 2 ** ((START_QP - MOTION_QP) / 3)

    def choose(
        self, *, idr: bool, fresh: bool, change: float | None, detail: float | None = None
    ) -> int:
        """The quantizer of the next picture. `change` is how much of it differs from the one
        before, in mean squared levels per sample, `detail` (for an IDR or a repeat) how much its
        samples differ from their neighbours, the root of the same; None: unknown."""
        same = change is not None and change <= NOTHING
        self._same = self._same + 1 if fresh and same else 0
        self._foretold = self._foretell(fresh=fresh, change=change)
        if self._pauses:
            average = self._sum / self._weight
        else:
            average = (DECAY * self._sum + self._foretold) / (DECAY * self._weight + 1)
        wanted = MOTION_QP + 3 * log2(max(average, 1e-3) / MOTION_COST)
        wanted = min(max(wanted, SHARP_QP), 40)
        moving = fresh and not same
        lowest = self._that_fits(wanted, detail, idr=idr)
        if fresh or detail is None:
            lowest = max(lowest, self._lowest(moving=moving))
        self.held_back = lowest > wanted
        return min(COARSE_QP, max(SHARP_QP, ceil(max(wanted, lowest) - 0.5)))

    @property
    def _pauses(self) -> bool:
        """Whether motion may only pause: a film of 30 pictures a second, painted 60 times, does not
        become sharp in between."""
        return 0 < self._same <= PAUSE

    def _foretell(self, *, fresh: bool, change: float | None) -> float:
        if not fresh:
            return 0.0
        if change is None:
            return max(self._sum / self._weight, MOTION_COST)
        return self.change_cost * change

    def _lowest(self, *, moving: bool) -> float:
        """What the bucket's fill allows any picture."""
        low = LOW if moving else LOW_STILL
        share = self.bucket.fill_bits / self.bucket.size_bits
        return SHARP_QP + max(0.0, 1 - share / low) * (COARSE_QP - SHARP_QP)

    def _that_fits(self, wanted: float, detail: float | None, *, idr: bool) -> float:
        """The finest quantizer from `wanted` on at which the picture fits the bucket."""
        room = max(1.0, SHARE * self.bucket.fill_bits / self.macroblocks)
        if detail is None:
            return 6 * log2(max(1.0, self._foretold / room))
        cost = max(IDR_COST, self.idr_cost) * max(1.0, detail)
        if idr:
            return IDR_COST_QP + IDR_HALVES_QP * log2(cost / room)
        qp = wanted
        while qp < self.shown_qp:
            bits = cost * float(2 ** ((IDR_COST_QP - qp) / IDR_HALVES_QP))
            if bits * SHARPENING * (self.shown_qp - qp) <= room:
                break
            qp += 1
        return qp

    def sent(
        self,
        bits: int,
        qp: int,
        *,
        idr: bool,
        fresh: bool,
        change: float | None,
        detail: float | None = None,
    ) -> None:
        """Learn from what the picture really took."""
        self.shown_qp = min(self.shown_qp, qp) if not (idr or fresh) else qp
        cost = bits * step(qp) / self.macroblocks
        if idr:
            if detail is not None:
                at_24 = bits / self.macroblocks * 2 ** ((qp - IDR_COST_QP) / IDR_HALVES_QP)
                self.idr_cost = at_24 / max(1.0, detail)
            cost = self._foretold
        elif self._pauses:
            return
        elif not fresh or self._same:
            cost = 0.0
        elif change is not None:
            self.change_cost += LEARN * (cost / change - self.change_cost)
        self._sum = DECAY * self._sum + cost
        self._weight = DECAY * self._weight + 1
