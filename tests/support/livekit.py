"""A real livekit-server for tests, on free loopback ports, with a config that only this user reads.

    with livekit_server(tmp_path) as sfu:
        ...  # sfu.url, sfu.http_url, sfu.api_key, sfu.api_secret, sfu.log_path
        sfu.kill()  # as `kill -9`
        sfu.restart()  # the same ports, keys and config

The server is the real one: a missing binary fails the test, it is never skipped. Rooms are not
created by joining (`auto_create: false`): a test asks the shim, or calls `create_room`.
"""

import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livekit import api

REPOSITORY = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 20.0 * float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))
# Below Linux's range for outgoing connections (32768-60999): a client that retries against a dead
# port of that range can connect to itself and then occupies the port that the restart needs.
PORTS = range(20_000, 32_000)


class LiveKitMissingError(RuntimeError):
    """No livekit-server binary was found; the message says how to get one."""


def find_livekit_server() -> Path:
    """Return the livekit-server to test with.

    LIVEKIT_SERVER, then PATH, then `.tools/bin` of the repository, then the cache that
    `make setup` fills. Raises LiveKitMissingError.
    """
    named = os.environ.get("LIVEKIT_SERVER")
    if named:
        path = Path(named)
        if not path.is_file():
            raise LiveKitMissingError(f"LIVEKIT_SERVER={named} is not a file")
        return path
    on_path = shutil.which("livekit-server")
    if on_path:
        return Path(on_path)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sessioncast"
    candidates = [REPOSITORY / ".tools" / "bin" / "livekit-server"]
    for directory in sorted(cache.glob("livekit-server-*"), reverse=True):
        candidates += [directory, directory / "livekit-server", directory / "bin/livekit-server"]
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise LiveKitMissingError(
        "no livekit-server found: run `make setup`, or set LIVEKIT_SERVER to a binary >= 1.13.5"
    )


def free_ports(count: int) -> list[int]:
    """Return different ports that neither TCP nor UDP uses on the loopback right now."""
    found: list[int] = []
    for port in random.sample(PORTS, 400):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"fewer than {count} free ports in {PORTS}")


@dataclass
class LiveKitServer:
    """One livekit-server process and what is needed to talk to it; see the module's docstring."""

    binary: Path
    config_path: Path
    log_path: Path
    port: int
    tcp_port: int
    udp_port: int
    api_key: str
    api_secret: str = field(repr=False)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def url(self) -> str:
        """The signalling address that SDKs take."""
        return f"ws://{self.host}:{self.port}"

    @property
    def http_url(self) -> str:
        """The address of the room service."""
        return f"http://{self.host}:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """LIVEKIT_URL and keys, for a child process."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    def start(self) -> None:
        """Start the server and return when it answers; raises RuntimeError with the log's tail."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binary), "--config", str(self.config_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.config_path.parent,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        status = self.process.poll()
        self.kill()
        what = "did not answer in time" if status is None else f"exited with {status}"
        raise RuntimeError(f"livekit-server {what}:\n{self.log_tail()}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.http_url + "/", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def kill(self) -> None:
        """As `kill -9`: no goodbye to anyone. Safe to repeat."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)

    def restart(self) -> None:
        """Kill it if it runs, and start it again on the same ports with the same keys."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it: one SIGTERM would wait for every participant to leave, the second forces it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a test may have left it stopped
            for _ in range(2):
                self.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=0.3)
                    return
        self.kill()

    def log_tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def create_room(self, name: str) -> None:
        """Make a room, as the shim does, for tests that run without a shim."""
        grants = api.VideoGrants(room_create=True)
        token = api.AccessToken(self.api_key, self.api_secret).with_grants(grants).to_jwt()
        request = urllib.request.Request(
            self.http_url + "/twirp/livekit.RoomService/CreateRoom",
            data=json.dumps({"name": name, "empty_timeout": 300}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()


def _config(
    ports: tuple[int, int, int], host: str, keys: dict[str, str], log_level: str
) -> dict[str, Any]:
    port, tcp_port, udp_port = ports
    return {
        "port": port,
        "bind_addresses": [host],
        "rtc": {
            "tcp_port": tcp_port,
            "udp_port": udp_port,
            "use_external_ip": False,
            "node_ip": host,
            "interfaces": {"includes": ["lo"]},
            "ips": {"includes": [f"{host}/32"]},
            "enable_loopback_candidate": True,
        },
        "room": {
            "auto_create": False,
            "playout_delay": {"enabled": True, "min": 0, "max": 0},
        },
        "keys": keys,
        "logging": {"level": log_level, "json": False},
    }


def laid_over(config: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over a configuration, section by section."""
    merged = dict(config)
    for name, value in changes.items():
        old = merged.get(name)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        merged[name] = laid_over(old, value) if both else value  # type: ignore[arg-type]  # both says so
    return merged


def _write_config(path: Path, config: dict[str, Any]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file, indent=1)  # JSON is YAML


@contextlib.contextmanager
def livekit_server(
    tmp_path: Path,
    *,
    log_level: str = "info",
    host: str = "127.0.0.1",
    port: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> Iterator[LiveKitServer]:
    """Run a real livekit-server for the body; files are made in `tmp_path`.

    `host` and `port` are where it listens; `config` is laid over what the tests usually have.
    """
    binary = find_livekit_server()
    directory = tmp_path / f"livekit-{secrets.token_hex(3)}"
    directory.mkdir(mode=0o700)
    api_key, api_secret = "APItest", secrets.token_urlsafe(36)
    server: LiveKitServer | None = None
    try:
        for attempt in range(3):
            own, tcp_port, udp_port = free_ports(3)
            own = port or own
            path = directory / "livekit.yaml"
            written = _config((own, tcp_port, udp_port), host, {api_key: api_secret}, log_level)
            _write_config(path, laid_over(written, config or {}))
            log_path = directory / "livekit.log"
            server = LiveKitServer(
                binary, path, log_path, own, tcp_port, udp_port, api_key, api_secret, host
            )
            try:
                server.start()
                break
            except RuntimeError:
                # somebody else may have taken a port since it was tried
                if attempt == 2 or "address already in use" not in server.log_tail():
                    raise
        assert server is not None
        yield server
    finally:
        if server is not None and hasattr(server, "process"):
            server.stop()
