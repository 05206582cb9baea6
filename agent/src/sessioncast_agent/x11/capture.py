"""The capture thread: XDamage says that something changed, the connection fetches the screen.

Thread: `sc-capture`, one for the life of the session. It reconnects by itself when the X server
goes away. While nobody watches it takes no damage events at all: a damage object that has reported
once stays silent until it is subtracted.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from sessioncast_agent.backend import BackendEvents, BackendState
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import CannotStart, CaptureFailed, DisplayLost
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.connection import ScreenConnection, check_size, open_screen
from sessioncast_agent.x11.display import XErrors
from sessioncast_agent.x11.pacing import Pacer
from sessioncast_agent.x11.wakeable import Waker, end_thread

log = logging.getLogger(__name__)

RETRY_S = 0.5
GRAB_TRIES = 5  # a RandR change makes a few grabs fail; more in a row is a dead server
HANG_US = 3_000_000


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
        self._connection: ScreenConnection | None = None
        self._state = BackendState(live=False, size_px=(0, 0))
        self._blocked_since_us: int | None = None
        self._thread = threading.Thread(target=self._run, name="sc-capture", daemon=True)

    def open(self, frames: LatestSlot[RawFrame]) -> None:
        """First connection, on the caller's thread so that its error reaches the user."""
        self._frames = frames
        self._connection = open_screen(self._name, draw_pointer=self._draw_pointer)
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
                self._waker.wait(connection, None)

    def _connect(self) -> ScreenConnection:
        if self._connection is None:
            self._blocked_since_us = monotonic_us()
            self._connection = open_screen(self._name, draw_pointer=self._draw_pointer)
            self._blocked_since_us = None
            log.info("the X server is back")
            self._drawn = True
        self._report(BackendState(live=True, size_px=self._connection.size_px))
        return self._connection

    def _grab(self, connection: ScreenConnection) -> None:
        self._blocked_since_us = monotonic_us()
        self._drawn = False
        self._pacer.grabbed(monotonic_us())
        for attempt in range(GRAB_TRIES):
            try:
                frame = connection.grab()
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

    def _reopen(self, connection: ScreenConnection) -> None:
        connection.reopen()
        check_size(self._name, connection.size_px)
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
