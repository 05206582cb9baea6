"""How close a received picture is to the screen: PSNR and SSIM of luma, PSNR of colour."""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from bench import barcode
from bench.pictures import Pixels

LOSSLESS_DB = 99.0  # what an exact picture is given instead of infinity
LUMA = np.array([0.2126, 0.7152, 0.0722])  # BT.709


def _psnr(reference: NDArray[np.float64], seen: NDArray[np.float64]) -> float:
    if np.array_equal(reference, seen):
        return LOSSLESS_DB
    error = float(np.mean((reference - seen) ** 2))
    return round(min(LOSSLESS_DB, 10 * math.log10(255**2 / error)), 2)


def compare(screen: Pixels, seen: NDArray[np.uint8]) -> dict[str, float]:
    """Compare an X screenshot (BGRX) with a picture from the page (RGB), below the barcode."""
    top = barcode.BAND_PX
    reference = screen[top:, :, 2::-1].astype(np.float64)
    picture = seen[top : screen.shape[0], : screen.shape[1]].astype(np.float64)
    if reference.shape != picture.shape:
        raise ValueError(f"the page's picture is {seen.shape[1]}x{seen.shape[0]}")
    luma, luma_seen = reference @ LUMA, picture @ LUMA
    similar = structural_similarity(luma, luma_seen, data_range=255)  # type: ignore[no-untyped-call]
    return {
        "psnr_y_db": _psnr(luma, luma_seen),
        "ssim_y": round(float(similar), 5),
        "psnr_rgb_db": _psnr(reference, picture),
    }
