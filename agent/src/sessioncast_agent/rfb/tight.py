"""Pictures for clients without H.264: the rectangles that changed, in Tight, Zlib or Raw.

A tile is compared with what this client saw last. Few colours (text, menus) go out lossless with a
palette, one colour as a fill, everything else as JPEG of the quality the client asked for, or
lossless where it asked for none. Runs on a worker thread; one call at a time for each client.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sessioncast_agent.rfb.pixels import Words, pack_pixels, pack_tight
from sessioncast_agent.rfb.server import Rect
from sessioncast_agent.rfb.wire import Encoding, PixelFormat

TILE_PX = 64
MAX_RECT_PX = 2_048  # Tight's limit for a side
PALETTE_COLOURS = 96  # more than that is a photo
SAMPLE_COLOURS = 40
# JPEG qualities for the levels 0 to 9, and from which level colour is not halved
JPEG_QUALITY = (15, 29, 41, 42, 62, 77, 79, 86, 92, 100)
FULL_COLOUR_LEVEL = 6
_FULL, _MONO, _INDEXED = 0, 1, 2  # zlib streams
_FILL, _JPEG, _EXPLICIT_FILTER, _PALETTE = 0x80, 0x90, 0x40, 1
_MIN_TO_COMPRESS = 12


@dataclass(frozen=True)
class Wish:
    """How one client wants its rectangles."""

    encoding: int
    format: PixelFormat
    quality: int | None
    compression: int


@dataclass(frozen=True)
class _Area:
    x: int
    y: int
    width: int
    height: int
    colours: int  # of each of its tiles, 0 for many

    def of(self, picture: Words) -> Words:
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


def changed_tiles(before: Words | None, after: Words) -> np.ndarray:
    """A (rows, columns) array of which tiles differ; all where the size does."""
    height, width = after.shape
    columns = np.arange(0, width, TILE_PX)
    rows = range(0, height, TILE_PX)
    if before is None or before.shape != after.shape:
        return np.ones((len(rows), len(columns)), bool)
    found = np.zeros((len(rows), len(columns)), bool)
    for index, top in enumerate(rows):
        band = slice(top, top + TILE_PX)
        differs = ((before[band] ^ after[band]) & 0xFFFFFF).any(axis=0)
        found[index] = np.logical_or.reduceat(differs, columns)
    return found


class RectEncoder:
    """One client's rectangles: remembers what it saw and its zlib streams."""

    def __init__(self) -> None:
        self._seen: Words | None = None
        self._streams: dict[int, tuple[int, zlib._Compress]] = {}
        self._zlib = zlib.compressobj(2)

    def forget(self) -> None:
        """The next picture goes out whole."""
        self._seen = None

    def encode(self, picture: Words, wish: Wish) -> list[Rect]:
        """What is new in `picture`, which is kept and must not change afterwards."""
        tiles = changed_tiles(self._seen, picture)
        self._seen = picture
        return [self._rect(picture, area, wish) for area in _areas(picture, tiles, wish)]

    def _rect(self, picture: Words, area: _Area, wish: Wish) -> Rect:
        words = area.of(picture)
        if wish.encoding == Encoding.TIGHT:
            payload = self._tight(words, area, wish)
        elif wish.encoding == Encoding.ZLIB:
            data = pack_pixels(words, wish.format)
            packed = self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            payload = len(packed).to_bytes(4, "big") + packed
        else:
            payload = pack_pixels(words, wish.format)
        return Rect(area.x, area.y, area.width, area.height, wish.encoding, payload)

    def _tight(self, words: Words, area: _Area, wish: Wish) -> bytes:
        if area.colours == 1:
            return bytes((_FILL,)) + pack_tight(words[:1, :1], wish.format)
        if area.colours:
            plain = words & np.uint32(0xFFFFFF)
            palette = np.unique(plain)
            if len(palette) <= PALETTE_COLOURS:
                return self._paletted(palette, _indices(plain, palette), wish)
        if wish.quality is not None and wish.format.bits > 8:
            data = jpeg(words, wish.quality)
            return bytes((_JPEG,)) + compact_length(len(data)) + data
        return self._deflated(_FULL, 0, b"", pack_tight(words, wish.format), wish.compression)

    def _paletted(self, palette: Words, indices: np.ndarray, wish: Wish) -> bytes:
        head = bytes((_PALETTE, len(palette) - 1)) + pack_tight(palette.reshape(1, -1), wish.format)
        if len(palette) == 2:
            data = np.packbits(indices.astype(bool), axis=1).tobytes()
            return self._deflated(_MONO, _EXPLICIT_FILTER, head, data, wish.compression)
        return self._deflated(_INDEXED, _EXPLICIT_FILTER, head, indices.tobytes(), wish.compression)

    def _deflated(self, stream: int, control: int, head: bytes, data: bytes, level: int) -> bytes:
        control |= stream << 4
        if len(data) < _MIN_TO_COMPRESS:
            return bytes((control,)) + head + data
        known = self._streams.get(stream)
        if known is None or known[0] != level:
            control |= 1 << stream  # a new level is a new stream
            known = self._streams[stream] = (level, zlib.compressobj(level))
        packer = known[1]
        packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        return bytes((control,)) + head + compact_length(len(packed)) + packed


def _areas(picture: Words, tiles: np.ndarray, wish: Wish) -> Iterator[_Area]:
    """Neighbours in a row of tiles that are of one kind, as one area."""
    height, width = picture.shape
    sorts = wish.encoding == Encoding.TIGHT
    for row in range(tiles.shape[0]):
        top = row * TILE_PX
        run: _Area | None = None
        for column in np.flatnonzero(tiles[row]):
            left = int(column) * TILE_PX
            area = _Area(left, top, min(TILE_PX, width - left), min(TILE_PX, height - top), 0)
            if sorts:
                area = _Area(area.x, area.y, area.width, area.height, colours(area.of(picture)))
            if run is not None and _joins(run, area, picture):
                run = _Area(run.x, run.y, run.width + area.width, run.height, run.colours)
                continue
            if run is not None:
                yield run
            run = area
        if run is not None:
            yield run


def _joins(run: _Area, area: _Area, picture: Words) -> bool:
    if run.x + run.width != area.x or run.width + area.width > MAX_RECT_PX:
        return False
    if run.colours == area.colours == 1:
        return bool((picture[run.y, run.x] ^ picture[area.y, area.x]) & 0xFFFFFF == 0)
    return run.colours != 1 and area.colours != 1 and bool(run.colours) == bool(area.colours)


def _indices(words: Words, palette: np.ndarray) -> np.ndarray:
    """Where each colour is in the palette. (unique's own inverse sorts every pixel.)"""
    if len(palette) <= 4:
        found = np.zeros(words.shape, np.uint8)
        for number, colour in enumerate(palette[1:], start=1):
            found[words == colour] = number
        return found
    return np.searchsorted(palette, words).astype(np.uint8)


def colours(words: Words) -> int:
    """How many a tile has: 1, up to `PALETTE_COLOURS`, or 0 for more."""
    first = words[0, 0]
    if not ((words ^ first) & 0xFFFFFF).any():
        return 1
    if len(np.unique(words[::5, ::5] & 0xFFFFFF)) > SAMPLE_COLOURS:
        return 0
    count = len(np.unique(words & 0xFFFFFF))
    return count if count <= PALETTE_COLOURS else 0


def jpeg(words: Words, level: int) -> bytes:
    """Level 0 (small) to 9 (beautiful)."""
    from PIL import Image  # noqa: PLC0415 - 2.5 MiB that only a JPEG for such a client needs

    height, width = words.shape
    packed = np.ascontiguousarray(words)
    image = Image.frombuffer("RGB", (width, height), packed.tobytes(), "raw", "BGRX", 0, 1)
    out = io.BytesIO()
    image.save(
        out, "JPEG", quality=JPEG_QUALITY[level], subsampling=0 if level >= FULL_COLOUR_LEVEL else 2
    )
    return out.getvalue()


def compact_length(length: int) -> bytes:
    """Tight's one to three bytes."""
    if length < 1 << 7:
        return bytes((length,))
    if length < 1 << 14:
        return bytes((length & 0x7F | 0x80, length >> 7))
    return bytes((length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14))
