"""The threads of sound: one with a loop, and one that carries frames."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable

from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

STOP_S = 2.0
NICE = -11  # as PulseAudio itself


def hurry() -> None:
    """A frame is due each 10 ms, whatever else the machine does; where it is not allowed, not."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class SoundLoop:
    """A thread with an event loop of its own, and an end with a deadline."""

    def __init__(self, meter: UsageMeter) -> None:
        self.loop = asyncio.new_event_loop()
        self._meter = meter
        self._thread = threading.Thread(target=self._run, name="sc-sound", daemon=True)

    def _run(self) -> None:
        self._meter.own_thread("sound")
        hurry()
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self._meter.thread_ended()

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> None:
        """End it; one that hangs is left behind."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.warning("the sound thread did not end in time")
        else:
            self.loop.close()


class Carrier:
    """A thread for one job that blocks, and what the loop that started it needs of it."""

    def __init__(self, meter: UsageMeter, work: Callable[[], None], ended: asyncio.Event) -> None:
        self._meter, self._work, self._ended = meter, work, ended
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="sc-desktop-audio", daemon=True)
        self.stopping = False

    def _run(self) -> None:
        self._meter.own_thread("sound")
        hurry()
        try:
            self._work()
        except Exception:
            log.exception("desktop audio failed")
        finally:
            self._meter.thread_ended()
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> bool:
        """Wait for its end; False when it hangs and is left behind."""
        self.stopping = True
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.warning("the thread of the desktop's sound did not end in time")
        return not self._thread.is_alive()
