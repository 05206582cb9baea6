"""The SDK's events where they come in: on its own threads, before they are queued for every room.

The SDK's queue wakes the event loop for each event and each room, which for data packets and for
the answers of sound frames costs more than they do. Whoever wants such events takes them here; the
rest goes the SDK's way. The one place that reaches into the SDK's queue.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache

from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto.ffi_pb2 import FfiEvent

Taker = Callable[[FfiEvent], bool]  # True: it is taken, and nobody else hears of it

_local = threading.local()


def _keep_thread_state() -> None:
    """A thread of the SDK gets a Python thread state for each call into Python, and memory mapped
    and unmapped for it, which stops every core for a moment: a third of what an answer costs. One
    more count on it keeps it for as long as the thread lives."""
    if not hasattr(_local, "kept"):
        _local.kept = ctypes.pythonapi.PyGILState_Ensure()


class EventTap:
    """`add` and `remove` on the event loop; takers are called on the SDK's threads, in order."""

    def __init__(self, client: FfiClient) -> None:
        self._takers: dict[str, tuple[Taker, ...]] = {}  # tuples: replaced, never changed
        queue = client.queue
        self._pass_on = queue.put
        vars(queue)["put"] = self._put

    def add(self, kind: str, taker: Taker) -> None:
        """Offer it all events of this kind, a field of `FfiEvent.message`."""
        self._takers[kind] = (*self._takers.get(kind, ()), taker)

    def remove(self, kind: str, taker: Taker) -> None:
        """No more; nothing happens if it was not there."""
        self._takers[kind] = tuple(one for one in self._takers.get(kind, ()) if one != taker)

    def _put(self, event: FfiEvent) -> None:
        _keep_thread_state()
        for taker in self._takers.get(event.WhichOneof("message") or "", ()):
            if taker(event):
                return
        self._pass_on(event)


@cache
def _tap_of(client: FfiClient) -> EventTap:
    return EventTap(client)


def event_tap() -> EventTap:
    """The one of this process."""
    return _tap_of(FfiClient.instance)
