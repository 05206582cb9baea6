"""The SDK's threads sleep longer while nobody needs them on time.

Its synthetic audio device wakes a hundred times a second whether a track exists or not, and its
worker behind it nearly as often: two thirds of what an unwatched session costs. The kernel merges
such wake-ups where a thread has a timer slack (prctl(2)), which only a process with CAP_SYS_NICE
may give to its other threads; without it all stays as it is. What arrives on a socket wakes them at
once as ever. See docs/performance.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

from livekit import rtc

from sessioncast_agent.errors import StageUnavailable
from sessioncast_agent.stages import Stage

log = logging.getLogger(__name__)

# names as in /proc/…/comm, cut at 15 characters by the kernel
AUDIO_DEVICE = "SyntheticAudioD"
OTHERS = ("worker_thread", "network_thread")
LAZY_NS = 100_000_000
EXACT_NS = 0  # the kernel's default
# an agent that has just joined feeds its new track (video/stage.py), and the pacer must be on time
REST_AFTER_S = 6.0


def slack_ns(thread: str, *, watched: bool, hearing: bool) -> int | None:
    """How late this thread's timers may be; None for a thread that is not the SDK's.

    Pure. The audio device pulls what is heard of others, and has no other use here.
    """
    if thread.startswith(AUDIO_DEVICE):
        return EXACT_NS if hearing else LAZY_NS
    if thread.startswith(OTHERS):
        return EXACT_NS if watched or hearing else LAZY_NS
    return None


class LazyThreads(Stage):
    """Watches who watches and whether a voice is heard, and sets the slack of the SDK's threads."""

    name = "threads"

    def __init__(self) -> None:
        self._watched = False
        self._voices: set[str] = set()
        self._rest: asyncio.TimerHandle | None = None
        self._policies: dict[int, tuple[int, os.sched_param]] = {}
        self._refused = asyncio.Event()

    async def run(self) -> None:
        """See Stage; ends where the kernel does not allow it."""
        await self._refused.wait()
        raise StageUnavailable(
            "timers of the SDK stay exact; with the capability SYS_NICE an unwatched session costs "
            "a third less"
        )

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._voices.clear()

        def subscribed(track: rtc.Track, *_: object) -> None:
            self._voices.add(track.sid)
            self._settle()

        def unsubscribed(track: rtc.Track, *_: object) -> None:
            self._voices.discard(track.sid)
            self._settle()

        room.on("track_subscribed", subscribed)
        room.on("track_unsubscribed", unsubscribed)
        self._settle()

    def left(self) -> None:
        """See Stage."""
        self._voices.clear()

    def watched(self, watched: bool) -> None:
        """See Stage."""
        self._watched = watched
        self._settle()

    def _settle(self) -> None:
        """On time at once, late after a while."""
        if self._refused.is_set():
            return
        if self._rest is not None:
            self._rest.cancel()
        self._apply(watched=True)
        self._rest = asyncio.get_running_loop().call_later(REST_AFTER_S, self._apply)

    def _apply(self, *, watched: bool = False) -> None:
        for task in Path("/proc/self/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # ended; or not this kernel
                name = (task / "comm").read_text().strip()
                wanted_ns = slack_ns(
                    name, watched=watched or self._watched, hearing=bool(self._voices)
                )
                if wanted_ns is None:
                    continue
                try:
                    self._set(int(task.name), wanted_ns)
                except PermissionError:
                    self._refused.set()
                    return

    def _set(self, thread_id: int, wanted_ns: int) -> None:
        Path(f"/proc/{thread_id}/timerslack_ns").write_text(str(wanted_ns))
        if wanted_ns == EXACT_NS:
            if (was := self._policies.pop(thread_id, None)) is not None:
                os.sched_setscheduler(thread_id, *was)
        elif (policy := os.sched_getscheduler(thread_id)) != os.SCHED_OTHER:
            # a real-time thread, which the SDK makes where it may, has no slack
            self._policies[thread_id] = (policy, os.sched_getparam(thread_id))
            os.sched_setscheduler(thread_id, os.SCHED_OTHER, os.sched_param(0))
