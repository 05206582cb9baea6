"""Waiting for an X connection or for another thread, whichever comes first."""

from __future__ import annotations

import os
import select
import threading
from typing import Protocol


class HasFileno(Protocol):
    """A connection that can be waited on."""

    def fileno(self) -> int:
        """Its descriptor."""


class Waker:
    """An eventfd that any thread may set and one thread waits on."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def wake(self) -> None:
        """Make the present or the next `wait` return."""
        os.eventfd_write(self._fd, 1)

    def wait(self, display: HasFileno | None, timeout_s: float | None) -> None:
        """Until `display` has something to read, `wake` was called, or the time is over."""
        watched: list[int] = [self._fd]
        if display is not None:
            watched.append(display.fileno())
        poller = select.poll()
        for fd in watched:
            poller.register(fd, select.POLLIN)
        ready = poller.poll(None if timeout_s is None else max(0.0, timeout_s * 1000))
        if any(fd == self._fd for fd, _ in ready):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Only after the waiting thread has ended."""
        os.close(self._fd)


def wait_readable(fd: int, timeout_s: float) -> None:
    """Until this one descriptor has something to read, or the time is over."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    poller.poll(max(0.0, timeout_s * 1000))


def end_thread(thread: threading.Thread, waker: Waker, timeout_s: float) -> bool:
    """Wake and join a thread that has been told to stop; False when it hangs and is left behind.

    A thread that never started has ended.
    """
    waker.wake()
    if thread.ident is not None:
        thread.join(timeout_s)
    if thread.is_alive():
        return False
    waker.close()
    return True
