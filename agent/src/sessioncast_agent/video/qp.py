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
IDR_COST = 3_000.0  # of one macroblock, until one was seen: a page of text
CHANGE_COST = 1.0  # bits x step size for one unit of change, until it was seen
LEARN = 0.5
NOTHING = 0.01  # so little change is none


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
    held_back: bool = False  # the bucket made the last picture coarser than wanted
    _sum: float = field(init=False)
    _weight: float = 1.0
    _foretold: float = 0.0

    def __post_init__(self) -> None:
        self._sum = MOTION_COST * 2 ** ((START_QP - MOTION_QP) / 3)

    def choose(self, *, idr: bool, fresh: bool, change: float | None) -> int:
        """The quantizer of the next picture. `change` is how much of it differs from the one
        before, in mean squared levels per sample; None: unknown."""
        self._foretold = self._foretell(fresh=fresh, change=change)
        total = DECAY * self._sum + self._foretold
        average = total / (DECAY * self._weight + 1)
        wanted = MOTION_QP + 3 * log2(max(average, 1e-3) / MOTION_COST)
        wanted = min(max(wanted, SHARP_QP), 40)
        moving = fresh and (change is None or change > NOTHING)
        lowest = self._lowest(idr=idr, moving=moving)
        self.held_back = lowest > wanted
        return min(COARSE_QP, max(SHARP_QP, ceil(max(wanted, lowest) - 0.5)))

    def _foretell(self, *, fresh: bool, change: float | None) -> float:
        if not fresh:
            return 0.0
        if change is None:
            return max(self._sum / self._weight, MOTION_COST)
        return self.change_cost * change

    def _lowest(self, *, idr: bool, moving: bool) -> float:
        """What the bucket allows."""
        low = LOW if moving else LOW_STILL
        share = self.bucket.fill_bits / self.bucket.size_bits
        lowest = SHARP_QP + max(0.0, 1 - share / low) * (COARSE_QP - SHARP_QP)
        cost = self.idr_cost if idr else self._foretold
        room = max(1.0, SHARE * self.bucket.fill_bits)
        return max(lowest, 6 * log2(max(1.0, cost * self.macroblocks / room)))

    def sent(self, bits: int, qp: int, *, idr: bool, fresh: bool, change: float | None) -> None:
        """Learn from what the picture really took."""
        cost = bits * step(qp) / self.macroblocks
        if idr:
            self.idr_cost = cost
            cost = self._foretold
        elif not fresh or (change is not None and change <= NOTHING):
            cost = 0.0
        elif change is not None:
            self.change_cost += LEARN * (cost / change - self.change_cost)
        self._sum = DECAY * self._sum + cost
        self._weight = DECAY * self._weight + 1
