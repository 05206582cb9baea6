"""The real `sessioncast agent` as a process, with its health port."""

import contextlib
import json
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
from typing import Any

from support.livekit import REPOSITORY, free_ports
from support.shim_process import API_KEY, ShimProcess
from support.xserver import XServer

READY_DEADLINE_S = 20.0
PROGRAM = [sys.executable, "-m", "sessioncast_agent"]


def call(
    shim: ShimProcess, method: str, path: str, body: object = None, bearer: str = API_KEY
) -> Any:
    """One request to the shim; the decoded JSON, or None for an empty answer."""
    request = urllib.request.Request(
        f"{shim.url}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        content = answer.read()
    return json.loads(content) if content else None


@dataclass
class AgentProcess:
    """One running agent."""

    command: list[str]
    env: dict[str, str] = field(repr=False)
    log_path: Path
    http_port: int
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    def start(self) -> None:
        """Start it; does not wait."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def get(self, path: str) -> tuple[int, bytes]:
        """One request to its health port."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.http_port}{path}", timeout=2
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> float:
        """Until /readyz says 200; how long it took."""
        began = time.monotonic()
        while time.monotonic() - began < deadline_s:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"the agent is not ready:\n{self.log()[-4000:]}")

    def metrics(self) -> dict[str, float]:
        """Each sample by `name` or `name/stage-or-kind`."""
        samples = {}
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith("#"):
                continue
            name, value = line.rsplit(" ", 1)
            base, _, labels = name.partition("{")
            pairs = dict(pair.split("=") for pair in labels.rstrip("}").split(",") if pair)
            kind = pairs.get("stage") or pairs.get("kind")
            samples[f"{base}/{kind[1:-1]}" if kind else base] = float(value)
        return samples

    def log(self) -> str:
        """All it has said."""
        return self.log_path.read_text(errors="replace")

    def terminate(self, within_s: float = 10.0) -> int:
        """SIGTERM; its exit status. Fails when it takes longer than promised."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise AssertionError(f"still alive {within_s} s after SIGTERM") from error

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


def agent_environment(x: XServer | None, **extra: str) -> dict[str, str]:
    """Nothing of the machine but PATH and HOME."""
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    python = {"PYTHONPATH": str(REPOSITORY / "agent" / "src"), "PYTHONUNBUFFERED": "1"}
    return base | python | ({} if x is None else x.env) | extra


@contextlib.contextmanager
def agent_process(
    shim: ShimProcess,
    x: XServer | None,
    tmp_path: Path,
    session: str,
    *options: str,
    env: dict[str, str] | None = None,
) -> Iterator[AgentProcess]:
    """Create the session at the shim and run its agent for the body."""
    created = call(shim, "POST", "/sessions", {"session": session})
    credential = tmp_path / f"{session}.credential"
    credential.touch(mode=0o600)
    credential.write_text(created["agent"]["credential"])
    port = free_ports(1)[0]
    agent = AgentProcess(
        [*PROGRAM, "agent", "--session", session, "--signaling-url", shim.url,
         "--credential-file", str(credential), "--http-port", str(port), *options],
        agent_environment(x, **(env or {})),
        tmp_path / f"{session}.agent.log",
        port,
    )  # fmt: skip
    agent.start()
    try:
        yield agent
    finally:
        agent.kill()
