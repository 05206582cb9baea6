"""A fresh Xvfb with a cookie of its own, and the painter on it."""

import contextlib
import json
import os
import secrets
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.procs import DIES_WITH_US, SystemFailedError

FAMILY_LOCAL = 256
FAMILY_WILD = 65535
COOKIE = b"MIT-MAGIC-COOKIE-1"
START_S = 15.0
ANSWER_S = 60.0


class Display:
    """A running X server: its name and how to reach it."""

    def __init__(self, name: str, xauthority: Path, pid: int) -> None:
        self.name, self.xauthority, self.pid = name, xauthority, pid

    def env(self) -> dict[str, str]:
        """Return the environment of its clients."""
        return {"DISPLAY": self.name, "XAUTHORITY": str(self.xauthority)}


def _entry(family: int, address: bytes, number: bytes, cookie: bytes) -> bytes:
    fields = (address, number, COOKIE, cookie)
    body = b"".join(struct.pack(">H", len(item)) + item for item in fields)
    return struct.pack(">H", family) + body


def _write_private(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


@contextlib.contextmanager
def open_display(directory: Path, width_px: int, height_px: int) -> Iterator[Display]:
    """Run an Xvfb of that size for the body."""
    cookie = secrets.token_bytes(16)
    xauthority = directory / "Xauthority"
    _write_private(xauthority, _entry(FAMILY_WILD, b"", b"", cookie))
    reader, writer = os.pipe()
    with (directory / "xvfb.log").open("ab") as log:
        command = [
            *DIES_WITH_US,
            "Xvfb",
            "-displayfd",
            str(writer),
            "-auth",
            str(xauthority),
            "-noreset",
        ]
        command += ["-screen", "0", f"{width_px}x{height_px}x24", "-nolisten", "tcp"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writer],
            start_new_session=True,
        )
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], START_S)
        number = os.read(reader, 32).strip() if ready else b""
        if not number:
            raise SystemFailedError(f"Xvfb did not start: {directory / 'xvfb.log'}")
        # python-xlib knows no wildcard entries
        local = _entry(FAMILY_LOCAL, socket.gethostname().encode(), number, cookie)
        _write_private(xauthority, local + _entry(FAMILY_WILD, b"", b"", cookie))
        yield Display(f":{number.decode()}", xauthority, process.pid)
    finally:
        os.close(reader)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


class PainterClient:
    """The harness's end of the painter's pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise SystemFailedError("the painter does not answer")
        answer: dict[str, object] = json.loads(line)
        return answer

    def _ask(self, command: dict[str, object]) -> dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def start(self, scene: str) -> None:
        """Begin a scene."""
        self._ask({"scene": scene})

    def stop(self) -> tuple[list[int], int, int]:
        """End the scene; return its stamps, the steps it was late for, and the time of the end."""
        answer = self._ask({"stop": True})
        stamps, late, now_us = answer["stamps"], answer["late"], answer["now_us"]
        assert isinstance(stamps, list)
        assert isinstance(late, int)
        assert isinstance(now_us, int)
        return stamps, late, now_us


@contextlib.contextmanager
def open_painter(display: Display, directory: Path) -> Iterator[PainterClient]:
    """Run a painter on the display for the body."""
    tests = Path(__file__).resolve().parents[1]
    with (directory / "painter.log").open("ab") as log:
        process = subprocess.Popen(
            [*DIES_WITH_US, sys.executable, "-m", "bench.painter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **display.env(), "PYTHONPATH": str(tests)},
            start_new_session=True,
        )
    try:
        yield PainterClient(process)
    finally:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        deadline = time.monotonic() + 3
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.wait(5)
