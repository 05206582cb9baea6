"""The encoder's leaky bucket, mirrored: how much may be sent before libx264 must save bits.

libx264 with `force-cfr` (part of `tune=zerolatency`) refills its VBV by one frame's worth for
every frame encoded, however much time has passed (measured, docs/decisions.md). A picture that is
encoded while the bucket is low comes out blurred, so the scheduler keeps encoding a still picture
until this mirror says that the bucket is full again.
"""

from dataclasses import dataclass, field

INITIAL_FILL = 0.9  # x264's own default, vbv-init
FULL = 0.9


@dataclass
class VbvMirror:
    """Fill of the bucket in bits."""

    size_bits: int
    refill_bits_per_frame: float
    fill_bits: float = field(init=False)

    def __post_init__(self) -> None:
        self.fill_bits = INITIAL_FILL * self.size_bits

    def sent(self, size_bytes: int) -> None:
        """One frame of `size_bytes` went out."""
        after = self.fill_bits - size_bytes * 8 + self.refill_bits_per_frame
        self.fill_bits = min(float(self.size_bits), max(0.0, after))

    @property
    def full(self) -> bool:
        """Whether an IDR now would get all the bits it wants."""
        return self.fill_bits >= FULL * self.size_bits
