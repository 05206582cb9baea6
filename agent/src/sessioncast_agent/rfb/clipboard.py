"""The extended clipboard (pseudo-encoding 0xC0A1E5CE): text in UTF-8, sent when asked for. Pure."""

from __future__ import annotations

import struct
import zlib

from sessioncast_agent.rfb.wire import MAX_CUT_TEXT_BYTES, broken

TEXT = 1
CAPS, REQUEST, PEEK, NOTIFY, PROVIDE = (1 << bit for bit in range(24, 29))
_FORMATS = 0xFFFF


def server_message(body: bytes, *, extended: bool) -> bytes:
    """ServerCutText around a body; a negative length marks the extension."""
    return struct.pack(">B3xi", 3, -len(body) if extended else len(body)) + body


def caps() -> bytes:
    """What this server can do; a text of any size that it takes comes unasked."""
    flags = CAPS | REQUEST | PEEK | NOTIFY | PROVIDE | TEXT
    return server_message(struct.pack(">II", flags, 0), extended=True)


def request() -> bytes:
    """Ask for the client's text."""
    return server_message(struct.pack(">I", REQUEST | TEXT), extended=True)


def notify(has_text: bool) -> bytes:
    """Say whether there is text to be had."""
    return server_message(struct.pack(">I", NOTIFY | (TEXT if has_text else 0)), extended=True)


def provide(text: str) -> bytes:
    """The text itself."""
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode() + b"\0"
    packed = zlib.compress(len(data).to_bytes(4, "big") + data)
    return server_message(struct.pack(">I", PROVIDE | TEXT) + packed, extended=True)


def plain(text: str) -> bytes:
    """For clients without the extension: Latin-1."""
    return server_message(text.encode("latin-1", "replace"), extended=False)


def provided(flags: int, payload: bytes) -> str | None:
    """The text of a client's `provide`, None when it holds none; raises RfbBroken."""
    if not flags & TEXT:
        return None
    try:
        inflated = zlib.decompressobj().decompress(payload, MAX_CUT_TEXT_BYTES + 4)
    except zlib.error:
        broken("a clipboard that is not compressed as agreed")
    if len(inflated) < 4:
        broken("a clipboard without a length")
    size = int.from_bytes(inflated[:4], "big")
    if size > len(inflated) - 4:
        broken(f"a clipboard of {size} bytes, which is too long or cut off")
    text = inflated[4 : 4 + size].decode("utf-8", "replace")
    return text.removesuffix("\0").replace("\r\n", "\n")
