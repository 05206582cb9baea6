"""Children of the benchmark: started in their own group, measured from /proc, always ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_S = 5.0
# A child shall not outlive a benchmark that was killed.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class SystemFailedError(RuntimeError):
    """A system under test could not be started or stopped working; the run goes on without it."""


class Child:
    """One process group with a log."""

    def __init__(
        self, name: str, command: list[str], directory: Path, env: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=directory,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def check(self) -> None:
        """Raise SystemFailedError if it has ended."""
        status = self._process.poll()
        if status is not None:
            raise SystemFailedError(f"{self.name} exited with {status}; log: {self.tail()}")

    def tail(self, lines: int = 8) -> str:
        """Return the end of its log."""
        return " | ".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> int:
        """End the group: SIGTERM, then SIGKILL; returns the exit status. Safe to repeat."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        self._signal(signal.SIGKILL)
        return self._process.wait(STOP_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _parents() -> dict[int, int]:
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_text()
                found[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    return found


def tree(roots: Iterable[int]) -> set[int]:
    """Return the roots that live and all that descend from them."""
    parents = _parents()
    members = {pid for pid in roots if pid in parents}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return members


def cpu_ns(pid: int) -> int | None:
    """Return the CPU time of a process, all threads, dead ones too; None if it is gone."""
    try:  # CPUCLOCK_SCHED of another process; /proc/PID/stat counts only in ticks of 10 ms
        return time.clock_gettime_ns((~pid) << 3 | 2)
    except OSError:
        return None


def memory_bytes(pid: int) -> tuple[int, int]:
    """Return (VmRSS, Pss) of a process, zeros if it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return int(fields["Rss"].split()[0]) * 1024, int(fields["Pss"].split()[0]) * 1024


def find(argument: str) -> list[int]:
    """Return the processes that carry `argument` somewhere in their command line."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if argument.encode() in Path(entry.path, "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def _host_jiffies() -> tuple[int, int]:
    numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(numbers), numbers[3] + numbers[4]


@dataclass
class CpuWindow:
    """The CPU of groups of process trees between `start()` and `stop()`, in cores."""

    groups: Mapping[str, list[int]]
    _began_ns: int = field(init=False, default=0)
    _before: dict[int, int] = field(init=False, default_factory=dict)
    _host: tuple[int, int] = field(init=False, default=(0, 0))

    def start(self) -> None:
        """Take the first reading."""
        self._host = _host_jiffies()
        for pid in tree(pid for roots in self.groups.values() for pid in roots):
            self._before[pid] = cpu_ns(pid) or 0
        self._began_ns = time.monotonic_ns()

    def stop(self) -> dict[str, float]:
        """Return cores by group, and `host`: all that the machine's cores did."""
        elapsed_ns = time.monotonic_ns() - self._began_ns
        cores = {}
        for name, roots in self.groups.items():
            spent = 0
            for pid in tree(roots):
                now = cpu_ns(pid)
                if now is not None:
                    spent += now - self._before.get(pid, 0)
            cores[name] = round(spent / elapsed_ns, 5)
        total, idle = _host_jiffies()
        busy = (total - self._host[0]) - (idle - self._host[1])
        ticks = os.sysconf("SC_CLK_TCK") * elapsed_ns / 1e9
        cores["host"] = round(busy / ticks, 3)
        return cores


def rss(groups: Mapping[str, list[int]]) -> dict[str, dict[str, float]]:
    """Return the memory by group in MiB: `rss` counts shared pages in each process, `pss` once."""
    answer = {}
    for name, roots in groups.items():
        readings = [memory_bytes(pid) for pid in tree(roots)]
        answer[name] = {
            "rss_mib": round(sum(reading[0] for reading in readings) / 2**20, 1),
            "pss_mib": round(sum(reading[1] for reading in readings) / 2**20, 1),
        }
    return answer
