"""The input thread: XTest events in the order in which they came.

Thread: `sc-input`, with an X connection of its own. The queue is bounded; a release of everything
is a flag beside it and always gets through. XTest's own devices make XInput 2 events too, which GTK
and Firefox read.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import Xlib.display
from Xlib import X
from Xlib.ext import xtest

from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import DisplayLost
from sessioncast_agent.inputs import (
    Button,
    InputEvent,
    Key,
    Locks,
    Move,
    MoveBy,
    Press,
    Text,
    Touch,
    Wheel,
)
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.display import XErrors, open_display
from sessioncast_agent.x11.keyboard import Keyboard
from sessioncast_agent.x11.touch import TouchPointer
from sessioncast_agent.x11.wakeable import Waker, end_thread
from sessioncast_agent.x11.wheel import WheelClicks

log = logging.getLogger(__name__)

WAITING = 20_000
RETRY_S = 0.5
BUTTONS = {Button.LEFT: 1, Button.MIDDLE: 2, Button.RIGHT: 3, Button.BACK: 8, Button.FORWARD: 9}
POINTER_MASKS = {1: X.Button1Mask, 2: X.Button2Mask, 3: X.Button3Mask}
_RELEASE = object()


class _Hand:
    """What is injected over one X connection."""

    def __init__(self, display: Xlib.display.Display) -> None:
        self._display = display
        self.keyboard = Keyboard(display)
        self._buttons: set[int] = set()
        self._wheel = WheelClicks()
        self._touch = TouchPointer()
        self._lift_leftovers()

    def _lift_leftovers(self) -> None:
        """An agent that was killed has left its keys and buttons down, for every program to see."""
        for index, byte in enumerate(self._display.query_keymap()):
            for bit in range(8):
                if byte >> bit & 1:
                    xtest.fake_input(self._display, X.KeyRelease, index * 8 + bit)
        mask = self._display.screen().root.query_pointer().mask
        for number, bit in POINTER_MASKS.items():
            if mask & bit:
                self._button(number, down=False)

    def do(self, event: InputEvent) -> None:
        match event:
            case Move(x, y):
                self._move(x, y)
            case MoveBy(dx, dy):
                xtest.fake_input(self._display, X.MotionNotify, detail=True, x=dx, y=dy)
            case Press(button, down, place):
                self._place(place)
                self._press(BUTTONS[button], down=down)
            case Wheel(dx, dy, place):
                self._place(place)
                for number in self._wheel.turn(dx, dy):
                    self._button(number, down=True)
                    self._button(number, down=False)
            case Key(keysym, down, code):
                self.keyboard.key(keysym, code, down=down)
            case Text(text):
                self.keyboard.type(text)
            case Locks(caps, num):
                self.keyboard.set_locks(caps, num)
            case Touch():
                for part in self._touch.feed(event, monotonic_us()):
                    self.do(part)

    def release_all(self) -> None:
        self.keyboard.release_all()
        for number in self._buttons:
            self._button(number, down=False)
        self._buttons.clear()
        self._touch.reset()

    def _place(self, place: tuple[int, int] | None) -> None:
        if place is not None:
            self._move(*place)

    def _move(self, x_px: int, y_px: int) -> None:
        xtest.fake_input(self._display, X.MotionNotify, x=x_px, y=y_px)

    def _press(self, number: int, *, down: bool) -> None:
        if down == (number in self._buttons):
            return
        if down:
            self._buttons.add(number)
        else:
            self._buttons.discard(number)
        self._button(number, down=down)

    def _button(self, number: int, *, down: bool) -> None:
        xtest.fake_input(self._display, X.ButtonPress if down else X.ButtonRelease, number)


class X11Input:
    """See the module; `inject` and `release_all` are thread safe and never block."""

    def __init__(self, display_name: str, *, usage: UsageMeter) -> None:
        self._name, self._usage = display_name, usage
        self._waker = Waker()
        self._queue: deque[object] = deque()
        self._stopping = False
        self.dropped = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sc-input", daemon=True)

    def start(self) -> None:
        """Begin, with what a killed agent may have left down; returns at once."""
        self._queue.append(_RELEASE)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Release everything and end the thread; one that hangs in the X server is left behind."""
        self._stopping = True
        if not end_thread(self._thread, self._waker, timeout_s):
            log.warning("the input thread hangs in the X server and is abandoned")

    def inject(self, events: Sequence[InputEvent]) -> None:
        """Queue these."""
        with self._lock:
            room = WAITING - len(self._queue)
            self._queue.extend(events[:room])
            self.dropped += max(0, len(events) - room)
        self._waker.wake()

    def release_all(self) -> None:
        """Queue the release of what is down; takes the place of an event when there is no room."""
        with self._lock:
            if len(self._queue) >= WAITING:
                self._queue.pop()
                self.dropped += 1
            self._queue.append(_RELEASE)
        self._waker.wake()

    # -- on the input thread -----------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("control")
        try:
            while not self._stopping:
                if not self._queue:
                    self._waker.wait(None, None)
                    continue
                try:
                    self._serve()
                except (DisplayLost, *XErrors) as error:
                    log.warning("input has no display, what waits is dropped: %s", error)
                    self._drop()
                    self._waker.wait(None, RETRY_S)
        finally:
            self._usage.thread_ended()

    def _serve(self) -> None:
        display = open_display(self._name)
        try:
            hand = _Hand(display)
            try:
                while not self._stopping:
                    hand.keyboard.read_events()
                    while (event := self._next()) is not None and not self._stopping:
                        self._do(hand, event)
                    display.flush()
                    if not display.pending_events() and not self._queue:
                        self._waker.wait(display, None)
            finally:
                with suppress(*XErrors):
                    hand.release_all()
                    hand.keyboard.close()
                    display.sync()
        finally:
            with suppress(*XErrors):
                display.close()

    def _do(self, hand: _Hand, event: object) -> None:
        if event is _RELEASE:
            hand.release_all()
        else:
            hand.do(event)  # type: ignore[arg-type]  # the queue holds nothing else

    def _next(self) -> object | None:
        with self._lock:
            return self._queue.popleft() if self._queue else None

    def _drop(self) -> None:
        with self._lock:
            self.dropped += len(self._queue)
            self._queue.clear()
