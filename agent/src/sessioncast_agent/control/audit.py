"""The audit: one JSON object a line, each chained to the one before by SHA-256.

    {"n": 2, "prev": "<hash of line 1>", "t": "2026-11-23T10:00:00.123456Z", …, "hash": "…"}

`hash` is SHA-256 over the line as it stands without its last member. A changed, moved, missing or
added line breaks the chain there; a file that was closed ends with an `end` record, so that lines
cut off at its end are found as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.stages import Stage
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

FIRST = "0" * 64
WAITING = 20_000
FLUSH_S = 0.5
FLUSH_BYTES = 65_536
MAX_PENDING_BYTES = 4_000_000
CLOSE_S = 2.0
_TAIL = ',"hash":"'


def stamp(unix_us: int) -> str:
    """RFC 3339 with microseconds."""
    whole, part = divmod(unix_us, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:06d}Z"


class Chain:
    """Makes lines; pure."""

    def __init__(self, number: int = 0, last: str = FIRST) -> None:
        self.number, self.last = number, last

    def line(self, record: dict[str, Any]) -> bytes:
        """The next line."""
        self.number += 1
        members = {"n": self.number, "prev": self.last} | record
        body = json.dumps(members, separators=(",", ":"))[:-1]
        self.last = hashlib.sha256(body.encode()).hexdigest()
        return f'{body}{_TAIL}{self.last}"}}\n'.encode()


@dataclass(frozen=True)
class Verdict:
    """What a file is worth; `line` is the first bad one, 0 where there is none."""

    intact: bool
    closed: bool
    records: int
    line: int = 0
    reason: str = ""


def verify_lines(lines: Iterable[bytes]) -> Verdict:
    """Follow the chain."""
    number, last, kind = 0, FIRST, ""
    for raw in lines:
        at = number + 1
        reason, record = _check(raw, at, last)
        if reason:
            return Verdict(False, False, number, at, reason)
        number, last, kind = at, record["hash"], record.get("kind", "")
    if number == 0:
        return Verdict(False, False, 0, 1, "the file holds no record")
    return Verdict(True, kind == "end", number)


def _check(raw: bytes, number: int, last: str) -> tuple[str, dict[str, Any]]:
    if not raw.endswith(b"\n"):
        return "the line is torn", {}
    body, found, rest = raw[:-1].rpartition(_TAIL.encode())
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        record = None
    if not found or not isinstance(record, dict):
        return "the line is no record", {}
    if hashlib.sha256(body).hexdigest().encode() + b'"}' != rest:
        return "the line was changed", {}
    if record.get("prev") != last or record.get("n") != number:
        return "a line is missing, added or moved before this one", {}
    return "", record


def continue_chain(path: Path) -> tuple[Chain, int]:
    """The chain of a file that may exist; bytes of a torn last line, which are cut off."""
    try:
        with path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            torn = len(content) - whole
            if torn:
                file.truncate(whole)
            lines = content[:whole].splitlines(keepends=True)
    except FileNotFoundError:
        return Chain(), 0
    if not lines:
        return Chain(), torn
    try:
        record = json.loads(lines[-1])
        return Chain(int(record["n"]), str(record["hash"])), torn
    except (ValueError, KeyError, TypeError) as error:
        raise CannotStart(
            f"--audit {path} ends with something that is no audit record; name another file"
        ) from error


class AuditLog(Stage):
    """A `RecordSink` in a file of our own. Thread: `sc-audit`, the only one that writes.

    Raises CannotStart when the file cannot be had.
    """

    name = "audit"

    def __init__(
        self, path: Path, *, session: str, unix_us: Callable[[], int], usage: UsageMeter
    ) -> None:
        self._path, self._unix_us, self._usage = path, unix_us, usage
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._lost = 0
        self._pending = bytearray()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="sc-audit", daemon=True)
        try:
            self._chain, torn = continue_chain(path)
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotStart(f"--audit {path} cannot be written: {error.strerror}") from error
        self._first = {"kind": "start", "session": session} | ({"torn_bytes": torn} if torn else {})

    async def run(self) -> None:
        """Write until the session ends; then the end record."""
        self.write({"t_us": self._unix_us()} | self._first)
        self._thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(self.close, CLOSE_S)

    def write(self, record: dict[str, Any]) -> None:
        """See RecordSink; what finds no room is counted in the next line that does."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._lost += 1

    def close(self, timeout_s: float) -> None:
        """Write the end and close the file."""
        self.write({"t_us": self._unix_us(), "kind": "end"})
        with suppress(queue.Full):
            self._queue.put(None, timeout=timeout_s)
        self._thread.join(timeout_s)

    # -- on the audit thread -------------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("control")
        try:
            while True:
                try:
                    record = self._queue.get(timeout=FLUSH_S if self._pending else None)
                except queue.Empty:
                    self._flush()
                    continue
                if record is None:
                    break
                self._add(record)
            self._flush()
            with suppress(OSError):
                os.fsync(self._fd)
        finally:
            os.close(self._fd)
            self._usage.thread_ended()

    def _add(self, record: dict[str, Any]) -> None:
        if len(self._pending) > MAX_PENDING_BYTES:  # the disk is full
            self._lost += 1
            return
        lost, self._lost = self._lost, 0
        if lost:
            self._pending += self._chain.line({"kind": "lost", "records": lost})
        rest = {key: value for key, value in record.items() if key != "t_us"}
        self._pending += self._chain.line({"t": stamp(int(record.get("t_us", 0)))} | rest)
        if len(self._pending) > FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Write what waits; what a full disk does not take waits on."""
        try:
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending)]
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("the audit %s cannot be written now: %s", self._path, error.strerror)
            self._failing = True
