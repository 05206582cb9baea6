"""One supervised child: start, readiness with a deadline, the end of its log, and a sure end.

Every child leads a session of its own, writes to a log file, and is sent a signal by the kernel
should the demo itself be killed.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sessioncast_agent.demo.errors import CannotDemo, PartFailed
from sessioncast_agent.demo.reaper import die_with_parent

TAIL_LINES = 20
_TAIL_BYTES = 8192
_POLL_S = 0.05

T = TypeVar("T")


@dataclass(frozen=True)
class Program:
    """What to run and how it is asked to stop."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stop_signals: Sequence[int] = (signal.SIGTERM,)  # one after the other, `grace_s` apart
    grace_s: float = 3.0
    # SIGKILL is sure; those that leave files behind when killed get SIGTERM
    parent_death_signal: int = signal.SIGKILL
    pass_fds: Sequence[int] = ()
    essential: bool = True  # False: people may close it, and the demo goes on
    cwd: Path | None = None


class Child:
    """A running program; made by `start`."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log: Path) -> None:
        self._program = program
        self._process = process
        self._log = log
        self._exited = asyncio.create_task(process.wait(), name=f"wait for {program.name}")

    @classmethod
    async def start(cls, program: Program, log_dir: Path) -> "Child":
        """Run the program with its output in `log_dir`."""
        log = log_dir / f"{program.name.replace(' ', '-')}.log"
        signum = program.parent_death_signal
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *program.argv,
                    env=dict(program.env),
                    cwd=program.cwd,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=program.pass_fds,
                    # one prctl between fork and exec; the demo has no thread that holds a lock
                    preexec_fn=lambda: die_with_parent(signum),
                )
            except OSError as error:
                reason = f"{program.name} cannot be started: {program.argv[0]}: {error.strerror}"
                raise CannotDemo(f"{reason}; 'make setup' installs what is missing.") from error
        return cls(program, process, log)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._program.name

    @property
    def pid(self) -> int:
        """The process id, also after its end."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return not self._exited.done()

    async def wait(self) -> int:
        """Wait for its end; give the exit code (negative: the signal)."""
        return await asyncio.shield(self._exited)

    def when_ended(self, callback: Callable[["Child"], None]) -> None:
        """Have the callback called once it has ended."""
        self._exited.add_done_callback(lambda _: callback(self))

    @property
    def essential(self) -> bool:
        """Tell whether the demo ends with it."""
        return self._program.essential

    @property
    def exit_code(self) -> int | None:
        """Negative: the signal; None while it runs."""
        return self._exited.result() if self._exited.done() else None

    def tail(self) -> str:
        """Give the last lines of its log."""
        with contextlib.suppress(OSError):
            data = self._log.read_bytes()[-_TAIL_BYTES:]
            return "\n".join(data.decode(errors="replace").splitlines()[-TAIL_LINES:])
        return ""

    def failure(self, what: str) -> PartFailed:
        """Make the error that names this part and shows its log."""
        return PartFailed(self.name, what, self.tail())

    def ended(self) -> PartFailed:
        """Make the error for an end that nobody asked for."""
        code = self._exited.result()
        how = (
            f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit {code}"
        )
        return self.failure(how)

    async def until(self, probe: Callable[[], Awaitable[T | None]], what: str, limit_s: float) -> T:
        """Ask `probe` until it gives something; a PartFailed when the part ends or time is up."""
        deadline = time.monotonic() + limit_s
        while True:
            if not self.running:
                raise self.ended()
            result = await probe()
            if result is not None and result is not False:
                return result
            if time.monotonic() > deadline:
                raise self.failure(f"did not {what} within {limit_s:.0f} s")
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """End it and its whole session's first group; returns once it is gone. May be repeated."""
        for signum in self._program.stop_signals:
            if not self.running:
                break
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signum)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exited), self._program.grace_s)
        self.kill()
        with contextlib.suppress(TimeoutError):  # only a process stuck in the kernel outlives this
            await asyncio.wait_for(asyncio.shield(self._exited), 2.0)

    def kill(self) -> None:
        """Kill its process group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def run_helper(
    argv: Sequence[str], env: Mapping[str, str], *, what: str, limit_s: float
) -> str:
    """Run a short command to its end; give its output, or a PartFailed in the name of `what`."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=lambda: die_with_parent(signal.SIGKILL),  # as above
    )
    try:
        async with asyncio.timeout(limit_s):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise PartFailed(what, f"was not ready within {limit_s:.0f} s", "") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise PartFailed(what, f"failed ({Path(argv[0]).name})", text)
    return text
