"""Files that pages give away: kept in a private folder until an operator fetches them.

Only where browser and agent share the machine; elsewhere the file could not be read, and the
download is refused with a word. On the CDP loop.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sessioncast_agent.cdp.connection import Connection, Params
from sessioncast_agent.cdp.news import Download, DownloadChanged, News, Notice
from sessioncast_agent.errors import BrowserRefused

log = logging.getLogger(__name__)

MAX_KEPT = 20
MAX_BYTES = 100_000_000
_PREFIX, _LOCK = "sessioncast-downloads-", "in-use"
_TELL_STEP_BYTES = 2_000_000  # progress is told in such steps


def _make_folder() -> tuple[Path, int]:
    """A private folder, and the lock that says whose it is for as long as we live."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def remove_stale() -> None:
    """Remove our folders whose agent was killed: the kernel has let their locks go.

    A lock and no process number: containers may share a folder and not their processes.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # just being made, or none of ours
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            log.info("downloads of an agent that was killed are removed")
        except OSError:  # in use
            continue
        finally:
            os.close(lock)


class Downloads:
    """See the module. `close` removes the files."""

    def __init__(self, tell: Callable[[News], None], *, local: bool) -> None:
        self._tell, self._local = tell, local
        self._folder: Path | None = None
        self._lock = -1
        self._known: dict[str, Download] = {}

    def connected(self, connection: Connection) -> None:
        """A new connection."""
        self._connection = connection
        self.claim()

    def claim(self) -> None:
        """Say to the browser where files go: another client (an automation) may have said else."""
        params: Params = {"behavior": "deny", "eventsEnabled": True}
        if self._local:
            if self._folder is None:
                remove_stale()
                self._folder, self._lock = _make_folder()
            params |= {"behavior": "allowAndName", "downloadPath": str(self._folder)}
        self._connection.post("Browser.setDownloadBehavior", params)

    @property
    def list(self) -> tuple[Download, ...]:
        """The newest, oldest first."""
        return tuple(self._known.values())

    def file(self, number: str) -> tuple[Download, Path]:
        """A finished one. Raises BrowserRefused."""
        download = self._known.get(number)
        if download is None or self._folder is None or download.state != "done":
            raise BrowserRefused("there is no such finished download")
        path = self._folder / number
        if not path.is_file():
            raise BrowserRefused("somebody else at this browser has taken the file")
        return download, path

    def event(self, method: str, params: Params) -> None:
        """`Browser.downloadWillBegin` and `downloadProgress`."""
        number = str(params.get("guid", ""))
        if not number or "/" in number or number.startswith("."):
            return
        if method == "Browser.downloadWillBegin":
            name = Path(str(params.get("suggestedFilename") or "download")).name[:200]
            if self._local:
                self._keep(Download(number, name, "running", 0, 0))
            else:
                self._tell(
                    Notice(f"The download of {name} was refused: the browser runs elsewhere.")
                )
        elif number in self._known:
            self._progress(self._known[number], params)

    def _progress(self, before: Download, params: Params) -> None:
        received, total = int(params.get("receivedBytes", 0)), int(params.get("totalBytes", 0))
        state = {"completed": "done", "canceled": "canceled"}.get(params["state"], "running")
        now = replace(before, state=state, received_bytes=received, total_bytes=total)
        if state == "running" and max(received, total) > MAX_BYTES:
            self._connection.post("Browser.cancelDownload", {"guid": before.id})
            now = replace(now, state="refused")
            self._tell(
                Notice(f"{before.name} is larger than {MAX_BYTES // 1_000_000} MB: refused.")
            )
        elif before.state == "refused":
            now = replace(now, state="refused")
        step = now.received_bytes // _TELL_STEP_BYTES != before.received_bytes // _TELL_STEP_BYTES
        self._known[before.id] = now
        if now.state != before.state or step:
            self._tell(DownloadChanged(now))

    def _keep(self, download: Download) -> None:
        self._known[download.id] = download
        while len(self._known) > MAX_KEPT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            if self._folder is not None:
                (self._folder / oldest).unlink(missing_ok=True)
        self._tell(DownloadChanged(download))

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._folder = None
