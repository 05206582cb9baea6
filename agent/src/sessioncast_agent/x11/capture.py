"""The capture thread: XDamage says that something changed, x11grab fetches the screen.

Thread: `sc-capture`, one for the life of the session. It reconnects by itself when the X server
goes away. While nobody watches it takes no damage events at all: a damage object that has reported
once stays silent until it is subtracted.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from contextlib import suppress

from Xlib import X
from Xlib.ext import damage

from sessioncast_agent.backend import BackendEvents, BackendState
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import CannotStart, CaptureFailed, DisplayLost
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.display import XErrors, open_display
from sessioncast_agent.x11.grabber import Grabber
from sessioncast_agent.x11.pacing import Pacer
from sessioncast_agent.x11.wakeable import Waker, end_thread

log = logging.getLogger(__name__)

RETRY_S = 0.5
GRAB_TRIES = 5  # a RandR change makes a few grabs fail; more in a row is a dead server
HANG_US = 3_000_000
MIN_SIDE_PX = 16  # one macroblock; smaller screens are refused by name


class _Connection:
    """One X connection with its damage object and grabber."""

    def __init__(self, name: str, *, draw_pointer: bool) -> None:
        self._name, self._draw_pointer = name, draw_pointer
        self.display = open_display(name)
        try:
            if not self.display.has_extension("DAMAGE"):
                raise CannotStart(f"the X server {name} has no DAMAGE extension; enable it")
            self.display.damage_query_version()
            self._root = self.display.screen().root
            self._root.change_attributes(event_mask=X.StructureNotifyMask)
            self._damage = self._root.damage_create(damage.DamageReportNonEmpty)
            self._damage_event = self.display.extension_event.DamageNotify
            self.size_px = self.query_size()
            self.grabber = self._open_grabber()
        except XErrors as error:
            self.display.close()
            raise DisplayLost(f"the X server {name} went away: {error}") from error
        except (CaptureFailed, CannotStart):
            self.display.close()
            raise

    def query_size(self) -> tuple[int, int]:
        """The root window's size, asked of the server; refuses what cannot be encoded."""
        geometry = self._root.get_geometry()
        size = (int(geometry.width), int(geometry.height))
        if min(size) < MIN_SIDE_PX:
            raise CannotStart(
                f"the screen of {self._name} is {size[0]}x{size[1]}; "
                f"it must be at least {MIN_SIDE_PX}x{MIN_SIDE_PX}"
            )
        return size

    def _open_grabber(self) -> Grabber:
        return Grabber(self._name, *self.size_px, draw_pointer=self._draw_pointer)

    def reopen_grabber(self) -> None:
        """After a change of size or a failed grab."""
        self.grabber.close()
        self.size_px = self.query_size()
        self.grabber = self._open_grabber()

    def read_events(self) -> tuple[bool, bool]:
        """(something was drawn, the size changed), from the events that have come in."""
        drawn = resized = False
        for _ in range(self.display.pending_events()):
            event = self.display.next_event()
            if event.type == self._damage_event:
                drawn = True
            elif event.type == X.ConfigureNotify:
                resized |= (event.width, event.height) != self.size_px
        return drawn, resized

    def rearm(self) -> None:
        """Ask for the next damage event. The round trip makes sure that the server has taken it
        before the grab that follows: whatever is drawn later is reported again."""
        self.display.damage_subtract(self._damage)
        self.display.sync()

    def close(self) -> None:
        """Both connections; errors of a dead server do not matter."""
        self.grabber.close()
        with suppress(*XErrors):
            self.display.close()


class X11Capture:
    """See the module. `poke` asks for a grab although nothing was drawn (embedded pointer)."""

    def __init__(
        self,
        display_name: str,
        *,
        fps: int,
        draw_pointer: bool,
        usage: UsageMeter,
        events: BackendEvents,
    ) -> None:
        self._name, self._draw_pointer = display_name, draw_pointer
        self._usage, self._events = usage, events
        self._pacer = Pacer(1e6 / fps)
        self._waker = Waker()
        self._watched = self._drawn = self._stopping = False
        self._snapshots: list[Future[RawFrame]] = []
        self._lock = threading.Lock()
        self._frames: LatestSlot[RawFrame] | None = None
        self._connection: _Connection | None = None
        self._state = BackendState(live=False, size_px=(0, 0))
        self._blocked_since_us: int | None = None
        self._thread = threading.Thread(target=self._run, name="sc-capture", daemon=True)

    def open(self, frames: LatestSlot[RawFrame]) -> None:
        """First connection, on the caller's thread so that its error reaches the user."""
        self._frames = frames
        self._connection = _Connection(self._name, draw_pointer=self._draw_pointer)
        self._report(BackendState(live=True, size_px=self._connection.size_px))

    def start(self) -> None:
        """After `open`."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; one that hangs in the X server is left behind (it is a daemon)."""
        self._stopping = True
        if not end_thread(self._thread, self._waker, timeout_s):
            log.warning("the capture thread hangs in the X server and is abandoned")

    def set_watched(self, watched: bool) -> None:
        """Thread safe."""
        if watched and not self._watched:
            self._drawn = True
        self._watched = watched
        self._waker.wake()

    def set_fps_cap(self, fps: float) -> None:
        """Thread safe."""
        self._pacer.interval_us = 1e6 / fps

    def poke(self) -> None:
        """Thread safe."""
        self._drawn = True
        self._waker.wake()

    def snapshot(self) -> Future[RawFrame]:
        """Thread safe."""
        future: Future[RawFrame] = Future()
        with self._lock:
            self._snapshots.append(future)
        self._waker.wake()
        return future

    def check(self) -> None:
        """Report a server that has not answered for a while; it may still come back by itself."""
        since_us = self._blocked_since_us
        if since_us is not None and monotonic_us() - since_us > HANG_US and self._state.live:
            size_px = self._state.size_px
            self._report(BackendState(False, size_px, f"the X server {self._name} hangs"))

    # -- on the capture thread ---------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("capture")
        try:
            while not self._stopping:
                try:
                    self._serve()
                except (DisplayLost, CaptureFailed, CannotStart, *XErrors) as error:
                    self._lost(error)
                    self._waker.wait(None, RETRY_S)
        finally:
            self._fail_snapshots("the session stops")
            if self._connection is not None:
                self._connection.close()
            self._usage.thread_ended()

    def _serve(self) -> None:
        connection = self._connect()
        while not self._stopping:
            drawn, resized = connection.read_events()
            self._drawn |= drawn
            if resized:
                log.info("the screen changed its size")
                self._reopen(connection)
                self._drawn = True
            if (self._watched and self._drawn) or self._snapshots:
                wait_us = self._pacer.ready_at_us() - monotonic_us()
                if wait_us <= 0:
                    self._grab(connection)
                else:
                    self._waker.wait(None, wait_us / 1e6)
            else:
                self._waker.wait(connection.display, None)

    def _connect(self) -> _Connection:
        if self._connection is None:
            self._blocked_since_us = monotonic_us()
            self._connection = _Connection(self._name, draw_pointer=self._draw_pointer)
            self._blocked_since_us = None
            log.info("the X server is back")
            self._drawn = True
        self._report(BackendState(live=True, size_px=self._connection.size_px))
        return self._connection

    def _grab(self, connection: _Connection) -> None:
        self._blocked_since_us = monotonic_us()
        self._drawn = False
        connection.rearm()
        self._pacer.grabbed(monotonic_us())
        for attempt in range(GRAB_TRIES):
            try:
                frame = connection.grabber.grab()
                break
            except CaptureFailed:
                if attempt == GRAB_TRIES - 1:
                    raise
                self._reopen(connection)
        self._blocked_since_us = None
        self._usage.counters.captured += 1
        if not self._state.live:
            self._report(BackendState(live=True, size_px=connection.size_px))
        if self._frames is not None:
            self._frames.put(frame)
        self._answer_snapshots(frame)

    def _reopen(self, connection: _Connection) -> None:
        connection.reopen_grabber()
        self._report(BackendState(live=True, size_px=connection.size_px))

    def _lost(self, error: Exception) -> None:
        self._blocked_since_us = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._state.live:
            log.warning("display lost, tried again twice a second: %s", error)
            self._report(BackendState(False, self._state.size_px, str(error)))
        self._fail_snapshots("the display is away")

    def _report(self, state: BackendState) -> None:
        if state != self._state:
            self._state = state
            self._events.state(state)

    def _answer_snapshots(self, frame: RawFrame) -> None:
        with self._lock:
            waiting, self._snapshots = self._snapshots, []
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(frame)

    def _fail_snapshots(self, why: str) -> None:
        with self._lock:
            waiting, self._snapshots = self._snapshots, []
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(CaptureFailed(why))
