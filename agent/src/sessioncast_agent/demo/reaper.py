"""Nothing outlives the demo: finds and ends every process that descends from it.

Desktop programs daemonise, change sessions and are started by D-Bus, so process groups alone do
not hold them. Two nets do: orphans are re-parented to us (`PR_SET_CHILD_SUBREAPER`), and every
child carries a marker in its environment.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict
from pathlib import Path

MARKER = "SESSIONCAST_DEMO"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Let orphaned descendants become children of this process."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(signum: int) -> None:
    """Have the kernel send this process the signal when the one that started it is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)


def _stat(pid: int) -> tuple[str, int] | None:
    """Give the state letter and the parent of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _is_marked(pid: int, needle: bytes) -> bool:
    try:
        return needle in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def survivors(marker: str) -> set[int]:
    """List the living descendants of this process, and whoever carries the marker."""
    children: dict[int, list[int]] = defaultdict(list)
    alive: set[int] = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(int(entry))) is not None:
            children[stat[1]].append(int(entry))
            if stat[0] not in "ZX":
                alive.add(int(entry))
    found: set[int] = set()
    todo = [os.getpid()]
    while todo:
        for child in children[todo.pop()]:
            found.add(child)
            todo.append(child)
    needle = f"{MARKER}={marker}".encode()
    found |= {pid for pid in alive - found if _is_marked(pid, needle)}
    return (found & alive) - {os.getpid()}


def reap_orphans(keep: set[int]) -> None:
    """Collect dead children that were re-parented to us; those in `keep` have a watcher."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in keep:
            continue
        stat = _stat(int(entry))
        if stat == ("Z", os.getpid()):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(entry), os.WNOHANG)


async def sweep(marker: str, keep: set[int], *, gentle_s: float = 1.0, limit_s: float = 4.0) -> int:
    """End what is left, gently and then by force; give the number that would not go."""
    start = time.monotonic()
    signalled: set[tuple[int, int]] = set()
    while left := survivors(marker):
        elapsed_s = time.monotonic() - start
        if elapsed_s > limit_s:
            return len(left)
        signum = signal.SIGTERM if elapsed_s < gentle_s else signal.SIGKILL
        for pid in left:
            if (pid, signum) not in signalled:
                signalled.add((pid, signum))
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signum)
        reap_orphans(keep)
        await asyncio.sleep(_POLL_S)
    reap_orphans(keep)
    return 0
