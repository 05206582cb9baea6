"""The real shim as a process on a free loopback port, beside a real livekit-server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.livekit import REPOSITORY, START_DEADLINE_S, LiveKitServer, free_ports

API_KEY = "sck_integration-tests-0123456789"
ENROLL_KEY = "sce_integration-tests-0123456789"


def shim_environment(sfu: LiveKitServer, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the shim starts."""
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return (
        base
        | sfu.env
        | {
            "PYTHONPATH": str(REPOSITORY / "signaling" / "src"),
            "PYTHONUNBUFFERED": "1",
            "SESSIONCAST_API_KEY": API_KEY,
            "SESSIONCAST_ENROLL_KEY": ENROLL_KEY,
            "SESSIONCAST_STATE_DIR": str(tmp_path / "state"),
        }
    )


@dataclass
class ShimProcess:
    """One running shim."""

    url: str
    port: int
    env: dict[str, str] = field(repr=False)
    log_path: Path
    host: str = "127.0.0.1"
    log_level: str = "debug"
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    def start(self) -> None:
        """Start it and return when it is ready."""
        program = [sys.executable, "-m", "sessioncast_signaling", "serve"]
        where = ["--host", self.host, "--port", str(self.port)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, *where, "--log-level", self.log_level],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._is_ready():
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the shim is not ready:\n{self.log_path.read_text()[-4000:]}")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def stop(self) -> int:
        """SIGTERM; return its exit status. Kills it after 10 s."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(timeout=10)

    def restart(self) -> None:
        """Stop it and start it again on the same port; its memory is lost."""
        self.stop()
        self.start()


@contextlib.contextmanager
def shim_process(
    sfu: LiveKitServer,
    tmp_path: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    log_level: str = "debug",
    **env: str,
) -> Iterator[ShimProcess]:
    """Run the shim for the body."""
    port = port or free_ports(1)[0]
    shim = ShimProcess(
        url=f"http://{host}:{port}",
        port=port,
        env=shim_environment(sfu, tmp_path) | env,
        log_path=tmp_path / "shim.log",
        host=host,
        log_level=log_level,
    )
    shim.start()
    try:
        yield shim
    finally:
        shim.stop()
