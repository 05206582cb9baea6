"""RFB's numbers and the client's messages. Pure: bytes in, values out, whatever comes in.

A parser is a generator that yields how many bytes it needs next; `Feed` runs one over a stream that
arrives in pieces. Everything that a client may announce has a limit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from sessioncast_agent.errors import RfbBroken

MAX_CUT_TEXT_BYTES = 1_000_000
MAX_ENCODINGS = 1_024
MAX_FENCE_BYTES = 64
FENCE_REQUEST = 1 << 31


class Encoding(IntEnum):
    """Encodings and pseudo-encodings that are spoken here."""

    RAW = 0
    ZLIB = 6
    TIGHT = 7
    H264 = 50
    QUALITY_0 = -32
    QUALITY_9 = -23
    COMPRESS_0 = -256
    COMPRESS_9 = -247
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    CURSOR = -239
    QEMU_KEYS = -258
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    CURSOR_WITH_ALPHA = -314
    EXTENDED_MOUSE_BUTTONS = -316
    VMWARE_CURSOR = 0x574D5664
    EXTENDED_CLIPBOARD = -0x3F5E1A32  # 0xC0A1E5CE as a signed number


@dataclass(frozen=True)
class PixelFormat:
    """How a client wants its pixels."""

    bits: int
    depth: int
    big_endian: bool
    true_colour: bool
    maxima: tuple[int, int, int]
    shifts: tuple[int, int, int]

    def pack(self) -> bytes:
        """The sixteen bytes of the wire."""
        flags = (self.big_endian, self.true_colour)
        return struct.pack(
            ">BBBBHHHBBB3x", self.bits, self.depth, *flags, *self.maxima, *self.shifts
        )

    @classmethod
    def unpack(cls, data: bytes) -> PixelFormat:
        """From the sixteen bytes of the wire; raises RfbBroken for what cannot be drawn."""
        bits, depth, big, true_colour, *rest = struct.unpack(">BBBBHHHBBB3x", data)
        maxima, shifts = (rest[0], rest[1], rest[2]), (rest[3], rest[4], rest[5])
        if bits not in {8, 16, 32}:
            broken(f"a pixel of {bits} bits")
        if not true_colour:
            if bits != 8:
                broken(f"a palette of {bits} bits")
            return cls(bits, depth, bool(big), False, (7, 7, 3), (0, 3, 6))
        fits = all(
            maximum > 0 and (maximum << shift) >> bits == 0
            for maximum, shift in zip(maxima, shifts, strict=True)
        )
        if not fits:
            broken("colours that do not fit into a pixel")
        return cls(bits, depth, bool(big), True, maxima, shifts)


# what a grabbed picture is made of: B, G, R and an unused byte
NATIVE_FORMAT = PixelFormat(32, 24, False, True, (255, 255, 255), (16, 8, 0))


def colour_map() -> bytes:
    """SetColourMapEntries for clients without true colour: 3 bits red, 3 green, 2 blue."""
    entries = bytearray((1, 0, 0, 0, 1, 0))
    for index in range(256):
        for value, maximum in ((index & 7, 7), (index >> 3 & 7, 7), (index >> 6, 3)):
            entries += (value * 0xFFFF // maximum).to_bytes(2, "big")
    return bytes(entries)


@dataclass(frozen=True)
class SetPixelFormat:
    """From now on pixels look like this."""

    format: PixelFormat


@dataclass(frozen=True)
class SetEncodings:
    """What the client understands, best first."""

    encodings: tuple[int, ...]


@dataclass(frozen=True)
class UpdateRequest:
    """The client is ready for one update."""

    incremental: bool


@dataclass(frozen=True)
class KeyEvent:
    """A key; `scancode` only from clients that know the key's place (QEMU's extension)."""

    keysym: int
    down: bool
    scancode: int = 0


@dataclass(frozen=True)
class PointerEvent:
    """Where the pointer is and which buttons are down (bit 0 is the left one)."""

    mask: int
    x_px: int
    y_px: int


@dataclass(frozen=True)
class CutText:
    """Text that the client copied."""

    text: str


@dataclass(frozen=True)
class ExtendedCut:
    """One message of the extended clipboard."""

    flags: int
    payload: bytes


@dataclass(frozen=True)
class ContinuousUpdates:
    """Updates without requests, on or off."""

    enable: bool


@dataclass(frozen=True)
class Fence:
    """A mark in the stream that the other side sends back."""

    flags: int
    payload: bytes


@dataclass(frozen=True)
class SetDesktopSize:
    """The client wants another size."""

    width_px: int
    height_px: int


Message = (
    SetPixelFormat
    | SetEncodings
    | UpdateRequest
    | KeyEvent
    | PointerEvent
    | CutText
    | ExtendedCut
    | ContinuousUpdates
    | Fence
    | SetDesktopSize
)
Parser = Generator[int, bytes, None]
Reading = Generator[int, bytes, tuple[Message, bytes]]


def broken(what: str) -> NoReturn:
    """Give up on a client; raises RfbBroken."""
    raise RfbBroken(f"the VNC peer sent {what}; its connection is closed")


class Feed:
    """A parser and the bytes that it has not asked for yet."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._buffer = bytearray()
        self._need = next(parser)

    def feed(self, data: bytes) -> None:
        """Run the parser as far as it gets; raises what it raises."""
        self._buffer += data
        while len(self._buffer) >= self._need:
            chunk = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
            try:
                self._need = self._parser.send(chunk)
            except StopIteration:
                broken("more than it was asked for")


def read_message(  # noqa: PLR0911 - one for each type of message
    extended_pointer: Callable[[], bool],
) -> Reading:
    """Read one client message; returns it and its bytes. Raises RfbBroken.

    `extended_pointer` says whether pointer messages may have a ninth button and so a longer form.
    """
    kind = yield 1
    match kind[0]:
        case 0:
            rest = yield 19
            return SetPixelFormat(PixelFormat.unpack(rest[3:])), kind + rest
        case 2:
            return (yield from _encodings(kind))
        case 3:
            rest = yield 9
            return UpdateRequest(bool(rest[0])), kind + rest
        case 4:
            rest = yield 7
            return KeyEvent(struct.unpack(">3xI", rest)[0], bool(rest[0])), kind + rest
        case 5:
            return (yield from _pointer(kind, extended_pointer()))
        case 6:
            return (yield from _cut_text(kind))
        case 150:
            rest = yield 9
            return ContinuousUpdates(bool(rest[0])), kind + rest
        case 248:
            return (yield from _fence(kind))
        case 251:
            return (yield from _desktop_size(kind))
        case 255:
            return (yield from _qemu(kind))
        case other:
            broken(f"a message of the unknown type {other}")


def _encodings(kind: bytes) -> Reading:
    head = yield 3
    count = int.from_bytes(head[1:], "big")
    if count > MAX_ENCODINGS:
        broken(f"{count} encodings")
    body = yield 4 * count
    return SetEncodings(struct.unpack(f">{count}i", body)), kind + head + body


def _pointer(kind: bytes, extended: bool) -> Reading:
    rest = yield 5
    mask, x_px, y_px = struct.unpack(">BHH", rest)
    if extended and mask & 0x80:
        more = yield 1
        mask = (mask & 0x7F) | (more[0] & 3) << 7
        return PointerEvent(mask, x_px, y_px), kind + rest + more
    return PointerEvent(mask, x_px, y_px), kind + rest


def _cut_text(kind: bytes) -> Reading:
    head = yield 7
    (length,) = struct.unpack(">3xi", head)
    if abs(length) > MAX_CUT_TEXT_BYTES:
        broken(f"{abs(length)} bytes of clipboard")
    body = yield abs(length)
    raw = kind + head + body
    if length >= 0:
        return CutText(body.decode("latin-1")), raw
    if len(body) < 4:
        broken("a clipboard message without its flags")
    return ExtendedCut(int.from_bytes(body[:4], "big"), body[4:]), raw


def _fence(kind: bytes) -> Reading:
    head = yield 8
    flags, length = struct.unpack(">3xIB", head)
    if length > MAX_FENCE_BYTES:
        broken(f"a fence of {length} bytes")
    payload = yield length
    return Fence(flags, payload), kind + head + payload


def _desktop_size(kind: bytes) -> Reading:
    head = yield 7
    width_px, height_px, screens = struct.unpack(">xHHBx", head)
    body = yield 16 * screens
    return SetDesktopSize(width_px, height_px), kind + head + body


def _qemu(kind: bytes) -> Reading:
    rest = yield 11
    what, down, keysym, scancode = struct.unpack(">BHII", rest)
    if what != 0:
        broken(f"QEMU's message {what}, which was not agreed on")
    return KeyEvent(keysym, bool(down), scancode), kind + rest
