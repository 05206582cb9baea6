"""The SDK's threads sleep longer while nobody needs them on time.

Its synthetic audio device wakes a hundred times a second whether a track exists or not, and its
worker behind it nearly as often: two thirds of what an unwatched session costs, and a third of a
still picture that is watched. The kernel merges such wake-ups where a thread has a timer slack
(prctl(2)), which only a process with CAP_SYS_NICE may give to its other threads; without it all
stays as it is. What arrives on a socket, or from another thread, wakes them at once as ever; the
worker's timers matter to frames of many packets, so it is made exact before one is sent. See
docs/performance.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from livekit import rtc

from sessioncast_agent.errors import StageUnavailable
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.stages import Stage

log = logging.getLogger(__name__)

# names as in /proc/…/comm, cut at 15 characters by the kernel
AUDIO_DEVICE = "SyntheticAudioD"
WORKER = "worker_thread"
NETWORK = "network_thread"
LAZY_NS = 100_000_000
EXACT_NS = 0  # the kernel's default
# an agent that has just joined feeds its new track (video/stage.py), and the pacer must be on time
REST_AFTER_S = 6.0
STILL_AFTER_S = 3.0
HEARTBEAT_BYTES = 1_000  # a repeat of a picture that is sharp is far below, and one packet


@dataclass(frozen=True)
class Need:
    """What the session does that some thread has to be on time for."""

    watched: bool
    hearing: bool = False  # a voice
    sounding: bool = False  # the desktop may
    still: bool = False


def slack_ns(thread: str, need: Need) -> int | None:
    """How late this thread's timers may be; None for a thread that is not the SDK's.

    Pure. The audio device pulls what is heard of others, and has no other use here.
    """
    if thread.startswith(AUDIO_DEVICE):
        return EXACT_NS if need.hearing else LAZY_NS
    if thread.startswith(NETWORK):
        return EXACT_NS if need.watched or need.hearing else LAZY_NS
    if thread.startswith(WORKER):
        moving = need.watched and not (need.still and not need.sounding)
        return EXACT_NS if moving or need.hearing else LAZY_NS
    return None


class LazyThreads(Stage):
    """Watches who watches and whether a voice is heard, and sets the slack of the SDK's threads."""

    name = "threads"

    def __init__(self) -> None:
        self._watched = self._sounding = False
        self._voices: set[str] = set()
        self._rest: asyncio.TimerHandle | None = None
        self._policies: dict[int, tuple[int, os.sched_param]] = {}
        self._refused = False
        self._lock = threading.Lock()  # of what follows; `sent` comes from the encode thread
        self._still = self._silent = False
        self._sent_s = 0.0
        self._workers: list[int] = []

    async def run(self) -> None:
        """See Stage; ends where the kernel does not allow it."""
        while not self._refused:
            await asyncio.sleep(STILL_AFTER_S)
            self._look_for_stillness()
        raise StageUnavailable(
            "timers of the SDK stay exact; with the capability SYS_NICE an unwatched session costs "
            "a third less"
        )

    def sent(self, unit: AccessUnit) -> None:
        """On the encode thread, before this goes out."""
        if not (unit.fresh or unit.keyframe or len(unit.data) > HEARTBEAT_BYTES):
            return
        self._sent_s = time.monotonic()
        with self._lock:
            self._stir()

    def silent(self, silent: bool) -> None:
        """The desktop's sound rests, or is about to be heard; on the thread that brings it."""
        with self._lock:
            self._silent = silent
            if not silent:
                self._stir()

    @property
    def _audible(self) -> bool:
        """With the lock held: whether sound of the desktop is on its way."""
        return self._sounding and not self._silent

    def _stir(self) -> None:
        """With the lock held: the worker is on time again."""
        if self._still:
            self._still = False
            self._set_all(self._workers, EXACT_NS)

    def _look_for_stillness(self) -> None:
        with self._lock:
            quiet = time.monotonic() - self._sent_s > STILL_AFTER_S
            if quiet and not self._still and self._rest is None and not self._audible:
                self._still = True
                self._apply()

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

    def published(self, attributes: dict[str, str]) -> None:
        """See Stage."""
        sounding = attributes.get("sound") == "on"
        if sounding != self._sounding:
            self._sounding = sounding
            self._settle()

    def _settle(self) -> None:
        """On time at once, late after a while."""
        if self._refused:
            return
        if self._rest is not None:
            self._rest.cancel()
        with self._lock:
            self._still = False
            self._apply(watched=True)
        self._rest = asyncio.get_running_loop().call_later(REST_AFTER_S, self._relax)

    def _relax(self) -> None:
        self._rest = None
        with self._lock:
            self._apply()

    def _apply(self, *, watched: bool = False) -> None:
        """With the lock held."""
        need = Need(watched or self._watched, bool(self._voices), self._audible, self._still)
        self._workers = []
        for task in Path("/proc/self/task").iterdir():
            with suppress(FileNotFoundError):  # ended
                name = (task / "comm").read_text().strip()
                wanted_ns = slack_ns(name, need)
                if wanted_ns is None:
                    continue
                if name.startswith(WORKER):
                    self._workers.append(int(task.name))
                self._set_all([int(task.name)], wanted_ns)

    def _set_all(self, threads: list[int], wanted_ns: int) -> None:
        try:
            for thread_id in threads:
                with suppress(FileNotFoundError, ProcessLookupError):  # ended; or not this kernel
                    self._set(thread_id, wanted_ns)
        except PermissionError:
            self._refused = True

    def _set(self, thread_id: int, wanted_ns: int) -> None:
        Path(f"/proc/{thread_id}/timerslack_ns").write_text(str(wanted_ns))
        if wanted_ns == EXACT_NS:
            if (was := self._policies.pop(thread_id, None)) is not None:
                os.sched_setscheduler(thread_id, *was)
        elif (policy := os.sched_getscheduler(thread_id)) != os.SCHED_OTHER:
            # a real-time thread, which the SDK makes where it may, has no slack
            self._policies[thread_id] = (policy, os.sched_getparam(thread_id))
            os.sched_setscheduler(thread_id, os.SCHED_OTHER, os.sched_param(0))
