"""The wallpaper, computed: a calm night sky over hills. Smooth shapes cost an encoder little."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

_SKY_TOP = (24, 30, 62)
_SKY_LOW = (112, 92, 150)
_GLOW = (244, 164, 128)
# from the far range to the near: colour, height of the ridge, its roughness, its phase
_HILLS = (
    ((84, 76, 132), 0.60, 0.050, 0.4),
    ((62, 62, 114), 0.69, 0.060, 2.1),
    ((42, 48, 92), 0.79, 0.055, 4.0),
    ((26, 33, 68), 0.89, 0.045, 5.3),
)


def _picture(width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    x, y = x / width_px, y / height_px
    blend = np.clip(y / 0.72, 0, 1)[..., None] ** 1.3
    picture = np.array(_SKY_TOP) * (1 - blend) + np.array(_SKY_LOW) * blend
    distance = ((x - 0.72) * width_px / height_px) ** 2 + (y - 0.60) ** 2
    glow = np.exp(-distance / 0.10)[..., None] * 0.75
    picture = picture * (1 - glow) + np.array(_GLOW) * glow
    for colour, level, rough, phase in _HILLS:
        ridge = level + rough * (
            np.sin(x * 5.1 + phase) * 0.6
            + np.sin(x * 11.7 + 2 * phase) * 0.3
            + np.sin(x * 23 + phase) * 0.1
        )
        cover = np.clip((y - ridge) * height_px + 0.5, 0, 1)[..., None]  # one pixel soft
        picture = picture * (1 - cover) + np.array(colour) * cover
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def wallpaper_png(width_px: int, height_px: int) -> bytes:
    """Draw it as a PNG."""
    picture = _picture(width_px, height_px)
    rows = np.concatenate(
        [np.zeros((height_px, 1), np.uint8), picture.reshape(height_px, -1)], axis=1
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 3)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
