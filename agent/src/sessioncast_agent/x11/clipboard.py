"""The X clipboard: we own it with what the operator copied, and read what programs copy.

Thread: `sc-clipboard`, with an X connection of its own. Text as UTF-8 and pictures as PNG, large
ones in pieces (INCR) both ways. Everything that another program sends has a limit and a deadline.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import Xlib.display
from Xlib import X, Xatom
from Xlib.ext import xfixes
from Xlib.protocol import event as protocol
from Xlib.xobject.drawable import Window

from sessioncast_agent.errors import DisplayLost
from sessioncast_agent.inputs import Clip
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.display import XErrors, open_display
from sessioncast_agent.x11.wakeable import Waker, end_thread

log = logging.getLogger(__name__)

TEXT, PNG = "text/plain", "image/png"
MAX_TEXT_BYTES = 262_144
MAX_IMAGE_BYTES = 1_000_000
CHUNK_BYTES = 65_536  # below every X server's largest request
TRANSFER_S = 5.0
MAX_TRANSFERS = 16
REST_S = 0.1  # a program that copies in a loop is read this often
RETRY_S = 0.5
TEXT_TARGETS = ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "TEXT")
MAX_BYTES = {TEXT: MAX_TEXT_BYTES, PNG: MAX_IMAGE_BYTES}


@dataclass
class _Incoming:
    """What another program is giving us."""

    mime: str | None  # None: its list of targets
    deadline: float
    data: bytearray
    in_pieces: bool = False


@dataclass
class _Outgoing:
    """What another program takes from us in pieces."""

    window: Window
    target: int
    data: bytes
    at: int
    deadline: float


class _Clipboard:
    """The selection over one X connection."""

    def __init__(self, display: Xlib.display.Display, copied: Callable[[Clip], None]) -> None:
        self._display, self._copied = display, copied
        atom = display.intern_atom
        self._clipboard, self._targets, self._incr = (
            atom("CLIPBOARD"), atom("TARGETS"), atom("INCR"),
        )  # fmt: skip
        self._timestamp, self._place = atom("TIMESTAMP"), atom("SESSIONCAST_CLIP")
        self._text = {atom(name): name for name in TEXT_TARGETS}
        self._png = atom(PNG)
        screen = display.screen()
        self._window: Window = screen.root.create_window(
            -1, -1, 1, 1, 0, screen.root_depth, event_mask=X.PropertyChangeMask
        )
        display.xfixes_query_version()
        mask = xfixes.XFixesSetSelectionOwnerNotifyMask
        display.xfixes_select_selection_input(self._window, self._clipboard, mask)
        self._notify = display.extension_event.SetSelectionOwnerNotify
        self._own: Clip | None = None
        self._own_since = 0
        self._offer: tuple[Clip, Future[None]] | None = None
        self._last_digest = b""
        self._incoming: _Incoming | None = None
        self._read_at: float | None = None
        self._outgoing: dict[tuple[int, int], _Outgoing] = {}

    def offer(self, clip: Clip, done: Future[None]) -> None:
        """Own the clipboard with this; a time stamp of the server is asked for first."""
        if self._offer is not None:
            _settle(self._offer[1])
        self._offer = (clip, done)
        self._window.change_property(Xatom.WM_NAME, Xatom.STRING, 8, b"")

    def next_deadline(self) -> float | None:
        """When to look again without an event."""
        times = [transfer.deadline for transfer in self._outgoing.values()]
        if self._incoming is not None:
            times.append(self._incoming.deadline)
        if self._read_at is not None:
            times.append(self._read_at)
        return min(times, default=None)

    def tick(self) -> None:
        """Give up what takes too long; read what is due."""
        now = time.monotonic()
        for key, transfer in list(self._outgoing.items()):
            if now >= transfer.deadline:
                del self._outgoing[key]
        if self._incoming is not None and now >= self._incoming.deadline:
            log.info("a program did not give its clipboard in time")
            self._incoming = None
        if self._read_at is not None and now >= self._read_at and self._incoming is None:
            self._read_at = None
            self._ask(self._targets, None)

    def handle(self, event: Any) -> None:
        """One X event."""
        if (event.type, getattr(event, "sub_code", None)) == self._notify:
            self._owner_changed(event)
        elif event.type == X.SelectionRequest:
            self._answer(event)
        elif event.type == X.SelectionNotify:
            self._given(event)
        elif event.type == X.SelectionClear:
            if event.atom == self._clipboard:
                self._own = None
        elif event.type == X.PropertyNotify:
            self._property(event)

    def fail(self) -> None:
        """The connection is gone."""
        if self._offer is not None:
            _fail(self._offer[1])

    # -- ours for others -----------------------------------------------------------------------

    def _take_ownership(self, now: int) -> None:
        if self._offer is None:
            return
        (clip, done), self._offer = self._offer, None
        self._window.set_selection_owner(self._clipboard, now)
        owner = self._display.get_selection_owner(self._clipboard)
        if getattr(owner, "id", owner) != self._window.id:
            _fail(done)
            return
        self._own, self._own_since = clip, now
        self._last_digest = _digest(clip)
        self._incoming = self._read_at = None
        _settle(done)

    def _answer(self, event: Any) -> None:
        place = event.property or event.target  # an obsolete client leaves it out
        given = event.selection == self._clipboard and self._give(event, place)
        answer = protocol.SelectionNotify(
            time=event.time,
            requestor=event.requestor,
            selection=event.selection,
            target=event.target,
            property=place if given else X.NONE,
        )
        event.requestor.send_event(answer, onerror=_ignore)

    def _give(self, event: Any, place: int) -> bool:
        clip, requestor = self._own, event.requestor
        if clip is None:
            return False
        offered = [*self._text] if clip.mime == TEXT else [self._png]
        if event.target == self._targets:
            atoms = [self._targets, self._timestamp, *offered]
            requestor.change_property(place, Xatom.ATOM, 32, atoms, onerror=_ignore)
        elif event.target == self._timestamp:
            since = [self._own_since]
            requestor.change_property(place, Xatom.INTEGER, 32, since, onerror=_ignore)
        elif event.target not in offered:
            return False
        else:
            self._put(requestor, place, event.target, self._encoded(clip, event.target))
        return True

    def _encoded(self, clip: Clip, target: int) -> bytes:
        if self._text.get(target) == "STRING":
            return clip.data.decode("utf-8", "replace").encode("latin-1", "replace")
        return clip.data

    def _put(self, requestor: Window, place: int, target: int, data: bytes) -> None:
        if len(data) <= CHUNK_BYTES:
            requestor.change_property(place, target, 8, data, onerror=_ignore)
            return
        if len(self._outgoing) >= MAX_TRANSFERS:
            del self._outgoing[next(iter(self._outgoing))]
        requestor.change_attributes(event_mask=X.PropertyChangeMask, onerror=_ignore)
        deadline = time.monotonic() + TRANSFER_S
        transfer = _Outgoing(requestor, target, data, 0, deadline)
        self._outgoing[requestor.id, place] = transfer
        requestor.change_property(place, self._incr, 32, [len(data)], onerror=_ignore)

    def _next_piece(self, key: tuple[int, int]) -> None:
        transfer = self._outgoing[key]
        piece = transfer.data[transfer.at : transfer.at + CHUNK_BYTES]
        transfer.window.change_property(key[1], transfer.target, 8, piece, onerror=_ignore)
        transfer.at += len(piece)
        transfer.deadline = time.monotonic() + TRANSFER_S
        if not piece:
            del self._outgoing[key]

    # -- theirs for us -------------------------------------------------------------------------

    def _owner_changed(self, event: Any) -> None:
        owner = getattr(event.owner, "id", event.owner)
        if owner not in {X.NONE, self._window.id}:
            self._own = None
            self._read_at = time.monotonic() + (REST_S if self._read_at is None else 0.0)

    def _ask(self, target: int, mime: str | None) -> None:
        self._incoming = _Incoming(mime, time.monotonic() + TRANSFER_S, bytearray())
        self._window.delete_property(self._place)
        self._window.convert_selection(self._clipboard, target, self._place, X.CurrentTime)

    def _given(self, event: Any) -> None:
        incoming = self._incoming
        if incoming is None or event.selection != self._clipboard:
            return
        if event.property == X.NONE:
            self._incoming = None
            return
        if incoming.mime is None:
            self._incoming = None
            listed = self._window.get_full_property(self._place, X.AnyPropertyType)
            self._window.delete_property(self._place)
            self._choose(set() if listed is None or listed.format != 32 else set(listed.value))
            return
        self._read_piece(incoming)

    def _choose(self, targets: set[int]) -> None:
        text = next((atom for atom in self._text if atom in targets), None)
        if text is not None:
            self._ask(text, TEXT)
        elif self._png in targets:
            self._ask(self._png, PNG)

    def _read_piece(self, incoming: _Incoming) -> None:
        limit = MAX_BYTES[incoming.mime or TEXT]
        words = limit // 4 + 1
        got = self._window.get_property(self._place, X.AnyPropertyType, 0, words, delete=True)
        if got is None:
            return
        if got.property_type == self._incr:
            incoming.in_pieces = True
            return
        data = bytes(got.value) if got.format == 8 else b""
        incoming.data += data
        incoming.deadline = time.monotonic() + TRANSFER_S
        if got.bytes_after or len(incoming.data) > limit:
            log.info("a program's clipboard is too large and is not sent on")
            self._incoming = None
        elif not incoming.in_pieces or not data:
            self._incoming = None
            self._finish(incoming)

    def _finish(self, incoming: _Incoming) -> None:
        clip = Clip(incoming.mime or TEXT, bytes(incoming.data))
        if clip.mime == TEXT:
            clip = Clip(TEXT, clip.data.decode("utf-8", "replace").encode())
        digest = _digest(clip)
        if clip.data and digest != self._last_digest:
            self._last_digest = digest
            self._copied(clip)

    def _property(self, event: Any) -> None:
        if event.window.id == self._window.id:
            if event.atom == Xatom.WM_NAME:
                self._take_ownership(event.time)
            elif (
                event.atom == self._place
                and event.state == X.PropertyNewValue
                and self._incoming is not None
                and self._incoming.in_pieces
            ):
                self._read_piece(self._incoming)
        elif event.state == X.PropertyDelete and (event.window.id, event.atom) in self._outgoing:
            self._next_piece((event.window.id, event.atom))


class X11Clipboard:
    """See the module; `copied` is called on the thread."""

    def __init__(
        self, display_name: str, *, usage: UsageMeter, copied: Callable[[Clip], None]
    ) -> None:
        self._name, self._usage, self._copied = display_name, usage, copied
        self._waker = Waker()
        self._lock = threading.Lock()
        self._offers: list[tuple[Clip, Future[None]]] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sc-clipboard", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; one that hangs in the X server is left behind."""
        self._stopping = True
        end_thread(self._thread, self._waker, timeout_s)

    def set(self, clip: Clip) -> Future[None]:
        """Offer this to programs; thread safe. Only the newest counts."""
        done: Future[None] = Future()
        with self._lock:
            older, self._offers = self._offers, [(clip, done)]
        for _, superseded in older:
            _settle(superseded)
        self._waker.wake()
        return done

    # -- on the clipboard thread ---------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("control")
        try:
            while not self._stopping:
                try:
                    self._serve()
                except (DisplayLost, *XErrors) as error:
                    log.debug("clipboard: %s", error)
                    self._fail_offers()
                    self._waker.wait(None, RETRY_S)
        finally:
            self._fail_offers()
            self._usage.thread_ended()

    def _serve(self) -> None:
        display = open_display(self._name)
        clipboard = None
        try:
            clipboard = _Clipboard(display, self._copied)
            while not self._stopping:
                for _ in range(display.pending_events()):
                    clipboard.handle(display.next_event())
                clipboard.tick()
                with self._lock:
                    offers, self._offers = self._offers, []
                for clip, done in offers:
                    clipboard.offer(clip, done)
                display.flush()
                deadline = clipboard.next_deadline()
                rest_s = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not display.pending_events():
                    self._waker.wait(display, rest_s)
        finally:
            if clipboard is not None:
                clipboard.fail()
            with suppress(*XErrors):
                display.close()

    def _fail_offers(self) -> None:
        with self._lock:
            offers, self._offers = self._offers, []
        for _, done in offers:
            _fail(done)


def _ignore(*_: object) -> int:
    """A requestor that went away meanwhile is no error of ours."""
    return 1


def _digest(clip: Clip) -> bytes:
    return hashlib.sha256(clip.mime.encode() + b"\0" + clip.data).digest()


def _settle(done: Future[None]) -> None:
    if done.set_running_or_notify_cancel():
        done.set_result(None)


def _fail(done: Future[None]) -> None:
    if done.set_running_or_notify_cancel():
        done.set_exception(DisplayLost("the clipboard of the display cannot be had now; try again"))
