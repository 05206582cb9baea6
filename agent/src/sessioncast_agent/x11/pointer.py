"""The pointer thread: its shape from XFixes, its place from XInput 2 raw motion.

XDamage says nothing of the pointer. Thread: `sc-pointer`, with an X connection of its own, asleep
while nobody watches (the events are deselected, so that the server queues nothing for us).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import suppress

import av
import numpy as np
import Xlib.display
from Xlib.ext import xinput

from sessioncast_agent.backend import BackendEvents, CursorImage, CursorPosition
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import DisplayLost
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.display import XErrors, open_display
from sessioncast_agent.x11.pacing import Pacer
from sessioncast_agent.x11.wakeable import Waker, end_thread

log = logging.getLogger(__name__)

POSITIONS_PER_S = 60
WARP_POLL_S = 0.5  # XWarpPointer makes no raw motion; a look twice a second finds it
RETRY_S = 0.5
_CURSOR_NOTIFY_MASK = 1  # XFixesDisplayCursorNotifyMask


def encode_png(rgba: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> bytes:
    """A PNG of an (height, width, 4) array of straight-alpha RGBA bytes."""
    codec = av.CodecContext.create("png", "w")
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "rgba"
    codec.time_base = 1  # type: ignore[assignment]  # a still picture has no time
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def image_from_argb(
    width_px: int, height_px: int, hot_x_px: int, hot_y_px: int, argb: list[int]
) -> CursorImage:
    """XFixes' premultiplied 0xAARRGGBB words into a named PNG."""
    words = np.asarray(argb, dtype=np.uint32).reshape(height_px, width_px)
    alpha = (words >> 24).astype(np.uint32)
    channels = [(words >> shift) & 0xFF for shift in (16, 8, 0)]
    straight = [np.where(alpha > 0, c * 255 // np.maximum(alpha, 1), 0) for c in channels]
    rgba = np.stack([*straight, alpha], axis=-1).clip(0, 255).astype(np.uint8)
    digest = hashlib.sha256(rgba.tobytes() + bytes((hot_x_px & 0xFF, hot_y_px & 0xFF)))
    return CursorImage(
        digest.hexdigest()[:16], width_px, height_px, hot_x_px, hot_y_px, encode_png(rgba)
    )


class X11Pointer:
    """Reports shape and place while watched; `moved` is called for each move (embedded pointer)."""

    def __init__(self, display_name: str, *, usage: UsageMeter, events: BackendEvents) -> None:
        self._name, self._usage, self._events = display_name, usage, events
        self._waker = Waker()
        self._watched = self._stopping = False
        self._pacer = Pacer(1e6 / POSITIONS_PER_S)
        self._image: CursorImage | None = None
        self._position: CursorPosition | None = None
        self._thread = threading.Thread(target=self._run, name="sc-pointer", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; one that hangs in the X server is left behind."""
        self._stopping = True
        end_thread(self._thread, self._waker, timeout_s)

    def set_watched(self, watched: bool) -> None:
        """Thread safe."""
        self._watched = watched
        self._waker.wake()

    # -- on the pointer thread ---------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("capture")
        try:
            while not self._stopping:
                if not self._watched:
                    self._waker.wait(None, None)
                    continue
                try:
                    self._serve()
                except (DisplayLost, *XErrors) as error:
                    log.debug("pointer: %s", error)
                    self._waker.wait(None, RETRY_S)
        finally:
            self._usage.thread_ended()

    def _serve(self) -> None:
        display = open_display(self._name)
        try:
            root = display.screen().root
            display.xfixes_query_version()
            display.xinput_query_version()
            display.xfixes_select_cursor_input(root, _CURSOR_NOTIFY_MASK)
            root.xinput_select_events([(xinput.AllMasterDevices, xinput.RawMotionMask)])
            self._image = self._position = None
            self._read_shape(display)
            while self._watched and not self._stopping:
                self._report_position(display)
                self._pacer.grabbed(monotonic_us())
                self._waker.wait(display, WARP_POLL_S)
                rest_us = self._pacer.ready_at_us() - monotonic_us()
                if rest_us > 0:
                    self._waker.wait(None, rest_us / 1e6)
                self._read_events(display)
        finally:
            with suppress(*XErrors):
                display.close()

    def _read_events(self, display: Xlib.display.Display) -> None:
        shape_changed = False
        cursor_event = display.extension_event.DisplayCursorNotify
        for _ in range(display.pending_events()):
            event = display.next_event()
            shape_changed |= (event.type, getattr(event, "sub_code", None)) == cursor_event
        if shape_changed:
            self._read_shape(display)

    def _read_shape(self, display: Xlib.display.Display) -> None:
        reply = display.xfixes_get_cursor_image(display.screen().root)
        image = image_from_argb(
            reply.width,
            reply.height,
            reply.xhot,
            reply.yhot,
            list(reply.cursor_image)[: reply.width * reply.height],
        )
        if self._image is None or image.digest != self._image.digest:
            self._image = image
            self._events.cursor_image(image)

    def _report_position(self, display: Xlib.display.Display) -> None:
        pointer = display.screen().root.query_pointer()
        digest = "" if self._image is None else self._image.digest
        position = CursorPosition(pointer.root_x, pointer.root_y, digest, True)
        if position != self._position:
            self._position = position
            self._events.cursor_position(position)
