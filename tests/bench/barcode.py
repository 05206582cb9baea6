"""The clock as a barcode: 40 bits of microseconds and a 16-bit check, in big flat cells.

Cells are 16 px, so each is one H.264 macroblock of one colour and reads back at any bitrate. The
check makes a picture that was torn while the barcode changed a refusal instead of a false sample.
`viewer/probe.js` is the reader; it takes its geometry from `geometry()`.
"""

import binascii
import time

VALUE_BITS = 40
CHECK_BITS = 16
BITS = VALUE_BITS + CHECK_BITS
COLUMNS = 28
ROWS = BITS // COLUMNS
CELL_PX = 16
LEFT_PX = 16
TOP_PX = 16
WIDTH_PX = COLUMNS * CELL_PX
HEIGHT_PX = ROWS * CELL_PX
BAND_PX = TOP_PX + HEIGHT_PX + 16  # scenes draw below this
WRAP_US = 1 << VALUE_BITS


def clock_us() -> int:
    """Return the clock that painter and viewers share, in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def encode(stamp_us: int) -> list[bool]:
    """Return the cells of a stamp, row by row, white = True."""
    value = (stamp_us % WRAP_US).to_bytes(VALUE_BITS // 8, "big")
    word = int.from_bytes(value + binascii.crc_hqx(value, 0xFFFF).to_bytes(2, "big"), "big")
    return [bool(word >> (BITS - 1 - index) & 1) for index in range(BITS)]


def decode(cells: list[bool]) -> int | None:
    """Return the stamp modulo WRAP_US, or None where the check refuses it."""
    word = 0
    for cell in cells:
        word = word << 1 | int(cell)
    value = (word >> CHECK_BITS).to_bytes(VALUE_BITS // 8, "big")
    if binascii.crc_hqx(value, 0xFFFF) != word & 0xFFFF:
        return None
    return word >> CHECK_BITS


def geometry() -> dict[str, int]:
    """Return what the reader in the page must know."""
    return {
        "left": LEFT_PX,
        "top": TOP_PX,
        "columns": COLUMNS,
        "rows": ROWS,
        "cell": CELL_PX,
        "value_bits": VALUE_BITS,
        "band": BAND_PX,
    }
