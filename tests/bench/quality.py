"""How close a received picture is to the screen: PSNR and SSIM of luma, PSNR of colour."""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from bench import barcode
from bench.browser import Grab
from bench.pictures import Pixels

LOSSLESS_DB = 99.0  # what an exact picture is given instead of infinity
BT709, BT601 = np.array([0.2126, 0.7152, 0.0722]), np.array([0.299, 0.587, 0.114])


def _psnr(reference: NDArray[np.float64], seen: NDArray[np.float64]) -> float:
    error = float(np.mean((reference - seen) ** 2))
    if error == 0:
        return LOSSLESS_DB
    return round(min(LOSSLESS_DB, 10 * math.log10(255**2 / error)), 2)


def compare(screen: Pixels, grab: Grab) -> dict[str, float | str]:
    """Compare an X screenshot (BGRX) with a picture of the page, below the barcode.

    Luma is the decoder's plane, by the matrix and range that the stream names, against the exact
    value (whole levels alone make about 60 dB its most). Colour is what the page shows.
    """
    top = barcode.BAND_PX
    height, width = screen.shape[:2]
    reference = screen[top:, :, 2::-1].astype(np.float64)
    picture = grab.rgb[top:height, :width].astype(np.float64)
    if reference.shape != picture.shape:
        raise ValueError(f"the page's picture is {grab.rgb.shape[1]}x{grab.rgb.shape[0]}")
    says_601 = grab.matrix in ("smpte170m", "bt470bg")
    weights, other = (BT601, BT709) if says_601 else (BT709, BT601)
    luma = reference @ weights
    if grab.luma is None:
        seen = picture @ weights
    else:
        seen = grab.luma[top:height, :width].astype(np.float64)
        if not grab.full_range:
            seen = (seen - 16) * (255 / 219)
    similar = structural_similarity(luma, seen, data_range=255)  # type: ignore[no-untyped-call]
    return {
        "psnr_y_db": _psnr(luma, seen),
        # far above the line before: the stream names the wrong matrix, and its colours are off
        "psnr_y_other_matrix_db": _psnr(reference @ other, seen),
        "ssim_y": round(float(similar), 5),
        "psnr_rgb_db": _psnr(reference, picture),
        "matrix": grab.matrix or "rgb",
    }
