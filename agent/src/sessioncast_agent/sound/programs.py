"""PulseAudio's own recorder and player as child processes, read and written without blocking.

Why a process and not a library: it can be killed when the server hangs (libpulse's simple API
cannot be interrupted), it cannot take the agent with it, and PulseAudio itself keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import termios

from sessioncast_agent.errors import AgentError
from sessioncast_agent.sound.pcm import RATE_HZ
from sessioncast_agent.usage import UsageMeter

CLIENT = "sessioncast"
READ_BYTES = 65_536
PIPE_BYTES = 4_096  # the smallest: 43 ms of one channel
END_TIMEOUT_S = 1.0


_PASSED_ON = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "DISPLAY", "XAUTHORITY")


def child_environment() -> dict[str, str]:
    """What the children need of ours, which may hold a credential."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith("PULSE_")
    }


class SoundFailed(AgentError):
    """Recorder, player or speech failed or was ended; it is started again."""


def _start(
    argv: list[str], server: str | None, meter: UsageMeter, *, stdin: int, stdout: int
) -> subprocess.Popen[bytes]:
    env = child_environment() | ({"PULSE_SERVER": server} if server else {})
    try:
        child = subprocess.Popen(  # noqa: S603 - a fixed program, and arguments that are ours
            argv, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise SoundFailed(f"{argv[0]} cannot be run; install pulseaudio-utils") from error
    meter.own_child("sound", child.pid)
    return child


def _arguments(program: str, device: str, channels: int, latency_ms: int, name: str) -> list[str]:
    return [
        program, "--raw", "--format=s16le", f"--rate={RATE_HZ}", f"--channels={channels}",
        f"--latency-msec={latency_ms}", f"--device={device}",
        f"--client-name={CLIENT}", f"--stream-name={name}",
    ]  # fmt: skip


def _end(child: subprocess.Popen[bytes], meter: UsageMeter) -> None:
    meter.child_ended(child.pid)
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(END_TIMEOUT_S)


def _readable_bytes(fd: int) -> int:
    """Written into this pipe or socket and not yet read."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), "little")


class RecorderProcess:
    """`parec`: gives what a source plays.

    By a socket and not by a pipe: a reader can wait for so many bytes without being woken for less.
    """

    def __init__(self, source: str, channels: int, server: str | None, meter: UsageMeter) -> None:
        self._meter = meter
        argv = _arguments("parec", source, channels, 10, "desktop audio")
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._child = _start(
                    argv, server, meter, stdin=subprocess.DEVNULL, stdout=theirs.fileno()
                )
            except SoundFailed:
                self._socket.close()
                raise
        self.fd = self._socket.fileno()

    def read(self, size: int) -> bytes:
        """Wait for so many bytes; less than that only at the end."""
        return self._socket.recv(size, socket.MSG_WAITALL)

    def waiting_bytes(self) -> int:
        """Recorded and not yet read."""
        return _readable_bytes(self.fd)

    def end(self) -> None:
        """Whoever reads comes to the end."""
        _end(self._child, self._meter)

    def close(self) -> None:
        """End it; nobody reads any more."""
        self.end()
        self._socket.close()


class Recorder:
    """The same without blocking. Belongs to the running event loop."""

    def __init__(self, source: str, channels: int, server: str | None, meter: UsageMeter) -> None:
        self._process = RecorderProcess(source, channels, server, meter)
        self._fd = self._process.fd
        os.set_blocking(self._fd, False)
        self.waiting = bytearray()
        self._more: asyncio.Future[None] | None = None
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            chunk = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._ended = True
            self._loop.remove_reader(self._fd)
        self.waiting += chunk
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def more(self) -> None:
        """Until something new has come; raises SoundFailed when the recorder has ended."""
        if self._ended:
            raise SoundFailed("the recorder was ended by the sound server")
        self._more = self._loop.create_future()
        await self._more

    def close(self) -> None:
        """End it."""
        self._loop.remove_reader(self._fd)
        self._process.close()


class Player:
    """`pacat`: plays into a sink. Writes never block; what the pipe does not take is kept here."""

    def __init__(self, sink: str, channels: int, server: str | None, meter: UsageMeter) -> None:
        self._meter = meter
        argv = _arguments("pacat", sink, channels, 20, "operator microphone")
        self._child = _start(
            [*argv, "--playback"], server, meter, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._child.stdin is not None  # noqa: S101 - for the type checker
        self._fd = self._child.stdin.fileno()
        fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self._fd, False)
        self._kept = bytearray()

    def waiting_bytes(self) -> int:
        """Written here and not yet taken by the player, once it was offered to it again."""
        self.write(b"")
        return _readable_bytes(self._fd) + len(self._kept)

    def write(self, pcm: bytes) -> None:
        """Play this after what waits; raises SoundFailed when the player is gone."""
        self._kept += pcm
        try:
            while self._kept:
                del self._kept[: os.write(self._fd, self._kept)]
        except BlockingIOError:
            pass
        except OSError as error:
            raise SoundFailed("the player was ended by the sound server") from error

    def close(self) -> None:
        """End it."""
        _end(self._child, self._meter)
        with contextlib.suppress(OSError):
            if self._child.stdin is not None:
                self._child.stdin.close()
