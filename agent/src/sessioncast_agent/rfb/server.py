"""One client's side of the conversation: handshake, what it can do, what it may be sent. Pure.

Bytes go in by `receive`, events for the caller come out; bytes for the client gather in
`take_output`. Security is None: the WebSocket around it was let in by a ticket.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sessioncast_agent.rfb import clipboard
from sessioncast_agent.rfb.wire import (
    FENCE_REQUEST,
    NATIVE_FORMAT,
    ContinuousUpdates,
    CutText,
    Encoding,
    ExtendedCut,
    Feed,
    Fence,
    KeyEvent,
    Message,
    Parser,
    PixelFormat,
    PointerEvent,
    Reading,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    UpdateRequest,
    broken,
    colour_map,
    read_message,
)

VERSIONS = {b"RFB 003.003\n": 3, b"RFB 003.007\n": 7, b"RFB 003.008\n": 8}
NEWEST = 8
NO_SECURITY = 1
FENCE_FLAGS = 0b11  # BlockBefore and BlockAfter: everything here is done in order anyway
RESIZED_BY_SERVER, RESIZED_BY_CLIENT = 0, 1
_SCREEN = struct.Struct(">IHHHHI")


@dataclass(frozen=True)
class Rect:
    """One rectangle of an update, or a pseudo one."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    encoding: int
    payload: bytes = b""

    def pack(self) -> bytes:
        """As it goes over the wire."""
        head = (self.x_px, self.y_px, self.width_px, self.height_px, self.encoding)
        return struct.pack(">HHHHi", *head) + self.payload


@dataclass(frozen=True)
class Ready:
    """The handshake is over."""


@dataclass(frozen=True)
class FenceReturned:
    """The client has come as far as this mark of ours."""

    number: int


Event = Ready | FenceReturned | KeyEvent | PointerEvent | CutText | SetDesktopSize


class ClipboardSource(Protocol):
    """What a client may know of the session's clipboard."""

    def readable(self) -> str | None:
        """The session's text, None where there is none or this client may not have it."""


def server_init(size_px: tuple[int, int], name: str, form: PixelFormat = NATIVE_FORMAT) -> bytes:
    """The last message of the handshake."""
    title = name.encode()[:256]
    return struct.pack(">HH", *size_px) + form.pack() + struct.pack(">I", len(title)) + title


def handshake(answer: bytearray) -> Reading:
    """The server's part up to ClientInit; returns the shared flag as a message of no meaning."""
    answer += b"RFB 003.008\n"
    version = yield 12
    if not version.startswith(b"RFB ") or not version.endswith(b"\n"):
        broken("something that is no RFB version")
    minor = VERSIONS.get(version, 3 if version < b"RFB 003.007\n" else NEWEST)
    if minor == 3:
        answer += struct.pack(">I", NO_SECURITY)
    else:
        answer += bytes((1, NO_SECURITY))
        chosen = yield 1
        if chosen[0] != NO_SECURITY:
            broken(f"the security type {chosen[0]}, which was not offered")
        if minor == NEWEST:
            answer += struct.pack(">I", 0)
    shared = yield 1
    return UpdateRequest(bool(shared[0])), version + shared


class RfbServer:
    """Not thread safe. `receive` raises RfbBroken."""

    def __init__(self, name: str, size_px: tuple[int, int], clip: ClipboardSource) -> None:
        self._name, self._clip = name, clip
        self.size_px = size_px
        self.ready = False
        self.pixel_format = NATIVE_FORMAT
        self.encodings: frozenset[int] = frozenset()
        self.preferred: tuple[int, ...] = ()
        self.refresh = True  # the client needs the whole picture
        self.continuous = False
        self.fences = False  # the client has sent one of ours back
        self._requested = False
        self._announced: set[int] = set()
        self._extras: list[Rect] = []
        self._output = bytearray()
        self._offered_clip: str | None = None
        self._feed = Feed(self._converse())
        self._events: list[Event] = []

    def receive(self, data: bytes) -> list[Event]:
        """What the client said, as far as the caller must act on it."""
        self._events = []
        self._feed.feed(data)
        return self._events

    def take_output(self) -> bytes:
        """What is to be sent; forgotten here afterwards."""
        data = bytes(self._output)
        self._output.clear()
        return data

    @property
    def pending_bytes(self) -> int:
        """How much waits in `take_output`."""
        return len(self._output)

    # -- what the client can do --------------------------------------------------------------

    def knows(self, encoding: int) -> bool:
        """Whether it named this (pseudo-)encoding."""
        return encoding in self.encodings

    @property
    def can_resize(self) -> bool:
        """Whether its picture may change its size."""
        return self.knows(Encoding.EXTENDED_DESKTOP_SIZE) or self.knows(Encoding.DESKTOP_SIZE)

    @property
    def quality(self) -> int | None:
        """JPEG quality 0 to 9; None: no JPEG, please."""
        return self._level(Encoding.QUALITY_0, Encoding.QUALITY_9)

    @property
    def compression(self) -> int:
        """Zlib's level 0 to 9."""
        level = self._level(Encoding.COMPRESS_0, Encoding.COMPRESS_9)
        return 2 if level is None else level

    def _level(self, lowest: int, highest: int) -> int | None:
        named = [number - lowest for number in self.preferred if lowest <= number <= highest]
        return named[-1] if named else None

    # -- what it may be sent -----------------------------------------------------------------

    @property
    def may_update(self) -> bool:
        """Whether it waits for an update (or takes them as they come)."""
        return self.ready and (self._requested or self.continuous)

    @property
    def has_extras(self) -> bool:
        """Whether announcements wait for the next update."""
        return bool(self._extras)

    def update(self, rects: Sequence[Rect]) -> None:
        """One FramebufferUpdate, announcements first; the request is used up."""
        every = [*self._extras, *rects]
        self._extras = []
        self._requested = False
        self._output += struct.pack(">BxH", 0, len(every))
        for rect in every:
            self._output += rect.pack()

    def announce(self, rect: Rect) -> None:
        """Put a pseudo rectangle into the next update; the newest of its kind counts."""
        self._extras = [old for old in self._extras if old.encoding != rect.encoding]
        self._extras.append(rect)

    def resize(self, size_px: tuple[int, int], reason: int = RESIZED_BY_SERVER) -> None:
        """One update that says nothing but the new size; the whole picture is due after it."""
        self.size_px = size_px
        self.refresh = True
        if self.knows(Encoding.EXTENDED_DESKTOP_SIZE):
            self.update([self._layout(reason, 0)])
        else:
            self.update([Rect(0, 0, *size_px, Encoding.DESKTOP_SIZE)])

    def resize_answer(self, status: int) -> None:
        """The client asked for a size: 0 it is done, 1 forbidden, 2 not possible now."""
        if self.knows(Encoding.EXTENDED_DESKTOP_SIZE):
            self.announce(self._layout(RESIZED_BY_CLIENT, status))

    def _layout(self, reason: int, status: int) -> Rect:
        screen = _SCREEN.pack(0, 0, 0, *self.size_px, 0)
        payload = bytes((1, 0, 0, 0)) + screen
        return Rect(reason, status, *self.size_px, Encoding.EXTENDED_DESKTOP_SIZE, payload)

    def fence(self, number: int) -> None:
        """Put a mark behind what was sent so far."""
        flags = FENCE_REQUEST | FENCE_FLAGS
        self._output += struct.pack(">B3xIBI", 248, flags, 4, number)

    def clip_changed(self) -> None:
        """The session's clipboard has something new that this client may have."""
        text = self._clip.readable()
        if text is None or not self.ready or text == self._offered_clip:
            return
        self._offered_clip = text
        if self.knows(Encoding.EXTENDED_CLIPBOARD):
            self._output += clipboard.notify(True)
        else:
            self._output += clipboard.plain(text)

    # -- the conversation --------------------------------------------------------------------

    def _converse(self) -> Parser:
        yield from handshake(self._output)
        self._output += server_init(self.size_px, self._name)
        self.ready = True
        self._events.append(Ready())
        while True:
            message, _ = yield from read_message(
                lambda: self._told(Encoding.EXTENDED_MOUSE_BUTTONS)
            )
            self._heard(message)

    def _told(self, encoding: int) -> bool:
        return encoding in self._announced

    def _heard(self, message: Message) -> None:
        match message:
            case SetPixelFormat():
                self.pixel_format = message.format
                self.refresh = True
                if not message.format.true_colour:
                    self._output += colour_map()
            case SetEncodings():
                self._set_encodings(message.encodings)
            case UpdateRequest():
                self._requested = True
                self.refresh |= not message.incremental
            case ContinuousUpdates():
                self._set_continuous(message.enable)
            case Fence():
                self._fence(message)
            case ExtendedCut():
                self._extended_cut(message)
            case _:
                self._events.append(message)

    def _set_encodings(self, encodings: tuple[int, ...]) -> None:
        self.preferred, self.encodings = encodings, frozenset(encodings)
        self.refresh = True
        for encoding in (Encoding.QEMU_KEYS, Encoding.EXTENDED_MOUSE_BUTTONS):
            if self._first(encoding):
                self.announce(Rect(0, 0, 0, 0, encoding))
        if self._first(Encoding.EXTENDED_DESKTOP_SIZE):
            self.announce(self._layout(RESIZED_BY_SERVER, 0))
        if self._first(Encoding.EXTENDED_CLIPBOARD):
            self._output += clipboard.caps()
        if self._first(Encoding.CONTINUOUS_UPDATES):
            self._output += bytes((150,))
        if self._first(Encoding.FENCE):
            self.fence(0)

    def _first(self, encoding: int) -> bool:
        if not self.knows(encoding) or encoding in self._announced:
            return False
        self._announced.add(encoding)
        return True

    def _set_continuous(self, enable: bool) -> None:
        if self.continuous and not enable:
            self._output += bytes((150,))
        self.continuous = enable

    def _fence(self, fence: Fence) -> None:
        if fence.flags & FENCE_REQUEST:
            flags = fence.flags & FENCE_FLAGS
            self._output += struct.pack(">B3xIB", 248, flags, len(fence.payload)) + fence.payload
        elif len(fence.payload) == 4:
            self.fences = True
            self._events.append(FenceReturned(int.from_bytes(fence.payload, "big")))

    def _extended_cut(self, cut: ExtendedCut) -> None:
        readable = self._clip.readable()
        if cut.flags & clipboard.CAPS:
            return  # sizes of what it would take unasked; nothing is sent unasked here
        if cut.flags & clipboard.PEEK:
            self._output += clipboard.notify(readable is not None)
        elif cut.flags & clipboard.NOTIFY:
            if cut.flags & clipboard.TEXT:
                self._output += clipboard.request()
        elif cut.flags & clipboard.REQUEST:
            if readable is not None and cut.flags & clipboard.TEXT:
                self._output += clipboard.provide(readable)
        elif cut.flags & clipboard.PROVIDE:
            text = clipboard.provided(cut.flags, cut.payload)
            if text is not None:
                self._events.append(CutText(text))
