"""What the session costs: CPU by stage from thread clocks, frames, bytes, watched time, memory.

Stages that run on a thread of their own are read from that thread's clock; a thread that does
several stages in turn (the encode thread) says when each begins and ends. Threads that nobody
registered belong to livekit's native library and count as `publish`. Nothing is a remainder, so
that the sum against the process's own clock is a check.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

STAGES = ("capture", "convert", "encode", "publish", "sound", "control", "record", "other")
_TASKS = Path("/proc/self/task")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def thread_cpu_ns(task_id: int) -> int | None:
    """CPU time of one of our threads (first field of its schedstat), None when it is gone."""
    try:
        return int((_TASKS / str(task_id) / "schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def child_cpu_ns(pid: int) -> int | None:
    """CPU time of a child that has one thread, None when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def rss_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


@dataclass
class Counters:
    """Plain totals; each is written by one thread only."""

    captured: int = 0
    encoded: int = 0
    keyframes: int = 0
    dropped: int = 0
    bytes_sent: int = 0
    input_done: int = 0  # events injected
    input_ignored: int = 0  # packets of people who may not act, or nobody's
    input_refused: int = 0  # malformed packets
    input_dropped: int = 0  # packets beyond their sender's rate


@dataclass
class UsageMeter:
    """Thread safe where it says so; one per session."""

    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.started_monotonic = time.monotonic()
        self._lock = threading.Lock()
        self._owner: dict[int, str] = {threading.get_native_id(): "other"}
        self._seen_ns: dict[int, int] = {}
        self._gone_ns = dict.fromkeys(STAGES, 0)
        self._staged_ns = dict.fromkeys(STAGES, 0)
        self._moved_ns: dict[int, int] = {}
        self._ended: set[int] = set()
        self._children: dict[int, str] = {}
        self._children_ns: dict[int, int] = {}
        self._children_gone_ns = dict.fromkeys(STAGES, 0)
        self._watched_s = 0.0
        self._watched_since: float | None = None

    def own_thread(self, stage: str) -> None:
        """Declare that the calling thread belongs to `stage`."""
        with self._lock:
            self._owner[threading.get_native_id()] = stage
            self._ended.discard(threading.get_native_id())

    def thread_ended(self) -> None:
        """The calling thread is about to end; keep what it used."""
        with self._lock:
            task_id = threading.get_native_id()
            self._seen_ns[task_id] = time.thread_time_ns()
            self._retire(task_id)
            self._ended.add(task_id)  # the kernel still lists it for a moment

    def own_child(self, stage: str, pid: int) -> None:
        """A child process works for `stage` from now on."""
        with self._lock:
            self._children[pid] = stage

    def child_ended(self, pid: int) -> None:
        """It is about to be ended; keep what it used."""
        with self._lock:
            stage = self._children.pop(pid, None)
            used_ns = child_cpu_ns(pid) or self._children_ns.get(pid, 0)
            self._children_ns.pop(pid, None)
            if stage is not None:
                self._children_gone_ns[stage] += used_ns

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Count the calling thread's time inside to `stage` and not to its own."""
        begin_ns = time.thread_time_ns()
        try:
            yield
        finally:
            spent_ns = time.thread_time_ns() - begin_ns
            task_id = threading.get_native_id()
            self._staged_ns[stage] += spent_ns
            self._moved_ns[task_id] = self._moved_ns.get(task_id, 0) + spent_ns

    def watched(self, yes: bool) -> None:
        """Somebody began, or everybody stopped, watching."""
        now = time.monotonic()
        if yes and self._watched_since is None:
            self._watched_since = now
        elif not yes and self._watched_since is not None:
            self._watched_s += now - self._watched_since
            self._watched_since = None

    @property
    def watched_seconds(self) -> float:
        """Time with at least one viewer so far."""
        running = 0.0 if self._watched_since is None else time.monotonic() - self._watched_since
        return self._watched_s + running

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds by stage, and `process`, the kernel's figure for all of it."""
        with self._lock:
            self._scan()
            total_ns = {stage: self._gone_ns[stage] + self._staged_ns[stage] for stage in STAGES}
            for task_id, used_ns in self._seen_ns.items():
                total_ns[self._stage_of(task_id)] += used_ns - self._moved_ns.get(task_id, 0)
            children_ns = self._children_cpu_ns()
        seconds = {
            stage: round((used_ns + children_ns[stage]) / 1e9, 4)
            for stage, used_ns in total_ns.items()
        }
        process_s = time.process_time() + sum(children_ns.values()) / 1e9
        return {**seconds, "process": round(process_s, 4)}

    def _children_cpu_ns(self) -> dict[str, int]:
        total_ns = dict(self._children_gone_ns)
        for pid, stage in self._children.items():
            self._children_ns[pid] = child_cpu_ns(pid) or self._children_ns.get(pid, 0)
            total_ns[stage] += self._children_ns[pid]
        return total_ns

    def _stage_of(self, task_id: int) -> str:
        return self._owner.get(task_id, "publish")

    def _scan(self) -> None:
        alive = set()
        for entry in os.listdir(_TASKS):
            task_id = int(entry)
            used_ns = thread_cpu_ns(task_id)
            if used_ns is not None:
                alive.add(task_id)
                if task_id not in self._ended:
                    self._seen_ns[task_id] = used_ns
        self._ended &= alive
        for task_id in set(self._seen_ns) - alive:
            self._retire(task_id)

    def _retire(self, task_id: int) -> None:
        used_ns = self._seen_ns.pop(task_id, 0) - self._moved_ns.pop(task_id, 0)
        self._gone_ns[self._stage_of(task_id)] += used_ns
        with suppress(KeyError):
            del self._owner[task_id]
