"""Has the program read its keys? `_NET_WM_PING` comes back once it has got through what was before.

Used before a spare keycode gets another symbol: a program looks symbols up when it reads a key.
Windows that do not answer pings (xterm's) are given a moment instead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import Xlib.display
import Xlib.error
from Xlib import X, Xatom
from Xlib.protocol import event as protocol
from Xlib.xobject.drawable import Window

from sessioncast_agent.x11.wakeable import wait_readable

log = logging.getLogger(__name__)

SETTLE_S = 0.3
PATIENCE_S = 1.5
MUTE_S = 30.0  # a window that has not answered is not asked again for this long
MAX_DEPTH = 6


class ProgramPing:
    """For the input thread's connection; `other` gets the events that come meanwhile."""

    def __init__(self, display: Xlib.display.Display, other: Callable[[Any], None]) -> None:
        self._display, self._other = display, other
        self._root: Window = display.screen().root
        self._protocols = display.intern_atom("WM_PROTOCOLS")
        self._ping = display.intern_atom("_NET_WM_PING")
        self._count = 0
        self._mute: dict[int, float] = {}

    def wait(self, since: float) -> None:
        """Until what has the keyboard has read all that we sent; `since`: when that was."""
        window = self._window()
        if window is not None and self._mute.get(window.id, 0.0) < time.monotonic():
            if self._ask(window):
                return
            log.info("a program does not read its keys; characters may be lost")
            self._mute = {window.id: time.monotonic() + MUTE_S}
        self._display.flush()
        time.sleep(max(0.0, since + SETTLE_S - time.monotonic()))

    def learn(self) -> None:
        """Until what has the keyboard has heard of a new mapping: Chromium reads it some time after
        it was told. One that answers no pings is not waited for (xterm reads it at once)."""
        window = self._window()
        if window is not None and self._mute.get(window.id, 0.0) < time.monotonic():
            self._ask(window)

    def _ask(self, window: Window) -> bool:
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._count += 1
        data = (32, [self._ping, self._count, window.id, 0, 0])
        message = protocol.ClientMessage(window=window, client_type=self._protocols, data=data)
        window.send_event(message)
        self._display.flush()
        deadline = time.monotonic() + PATIENCE_S
        answered = False
        while not answered and (rest_s := deadline - time.monotonic()) > 0:
            if not self._display.pending_events():
                wait_readable(self._display.fileno(), rest_s)
            for _ in range(self._display.pending_events()):
                event = self._display.next_event()
                if event.type == X.ClientMessage and event.client_type == self._protocols:
                    answered |= list(event.data[1])[:2] == [self._ping, self._count]
                else:
                    self._other(event)
        self._root.change_attributes(event_mask=X.NoEventMask)
        return answered

    def _window(self) -> Window | None:
        """The window with the keyboard, or one above or below it, that answers pings."""
        focus = self._display.get_input_focus().focus
        if isinstance(focus, int):  # none, or where the pointer is
            focus = self._root.query_pointer().child
        if isinstance(focus, int):
            return None
        try:
            return self._above(focus) or self._below(focus, MAX_DEPTH)
        except Xlib.error.XError:
            return None  # it was closed meanwhile

    def _above(self, window: Window) -> Window | None:
        for _ in range(MAX_DEPTH):
            if self._answers(window):
                return window
            parent = window.query_tree().parent
            if isinstance(parent, int) or parent.id == self._root.id:
                return None
            window = parent
        return None

    def _below(self, window: Window, depth: int) -> Window | None:
        for child in window.query_tree().children if depth else ():
            found = child if self._answers(child) else self._below(child, depth - 1)
            if found is not None:
                return found
        return None

    def _answers(self, window: Window) -> bool:
        listed = window.get_full_property(self._protocols, Xatom.ATOM)
        return listed is not None and self._ping in listed.value
