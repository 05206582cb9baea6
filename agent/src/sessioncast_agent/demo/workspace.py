"""The demo's private folder and secrets, and the environments its children get.

The one module of the demo that reads this process's environment. Children get an environment made
from nothing, so that what the user's shell holds does not reach a desktop that others can see.
"""

import os
import random
import secrets
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from sessioncast_agent.demo.errors import CannotDemo
from sessioncast_agent.demo.reaper import MARKER

LIVEKIT_VERSION = "1.13.5"  # where `make setup` caches the one it built
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
_PASSED_ON_TO_DESKTOP = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
_PORTS = range(20000, 32000)
_SOCKET_PATH_LIMIT = 100  # sun_path holds 108


class Workspace:
    """A folder that only this user can enter; removed by `close`."""

    def __init__(self) -> None:
        base = tempfile.gettempdir()
        if len(base) > _SOCKET_PATH_LIMIT - 50:
            base = "/tmp"  # noqa: S108 - mkdtemp makes the folder private
        self.root = Path(tempfile.mkdtemp(prefix="sessioncast-", dir=base))
        self.run = self._folder("run")
        self.home = self._folder("demo")
        self.log = self._folder("log")
        self.tmp = self._folder("tmp")
        self.marker = secrets.token_hex(8)
        self.api_key = f"demo_{secrets.token_urlsafe(24)}"
        self.livekit_key = f"API{secrets.token_hex(6)}"
        self.livekit_secret = secrets.token_urlsafe(36)
        self.xauthority = self.run / "xauthority"
        self.bus = self.run / "bus"
        self.pulse_socket = self.run / "pulse.sock"

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700)
        return folder

    def write_secret(self, name: str, data: bytes) -> Path:
        """Write a file that only this user can read, from its first moment on."""
        path = self.run / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        return path

    def close(self, keep_logs_in: Path | None = None) -> None:
        """Remove everything; a straggler that still writes gets a second and a third time."""
        if keep_logs_in is not None and self.log.is_dir():
            shutil.copytree(self.log, keep_logs_in, dirs_exist_ok=True)
        for _ in range(3):
            shutil.rmtree(self.root, ignore_errors=True)
            if not self.root.exists():
                return
            time.sleep(0.05)

    def hide_secrets(self, text: str) -> str:
        """Blank our secrets in a log's text before it is shown."""
        for secret in (self.api_key, self.livekit_secret):
            text = text.replace(secret, "***")
        return text

    def base_env(self) -> dict[str, str]:
        """Give what every child gets."""
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        env.setdefault("LANG", "C.UTF-8")
        env["PATH"] = search_path()
        env["HOME"] = str(self.home)
        env["TMPDIR"] = str(self.tmp)
        env["XDG_RUNTIME_DIR"] = str(self.run)
        env[MARKER] = self.marker
        return env

    def display_env(self, display: str) -> dict[str, str]:
        """Give what a client of the X server and of PulseAudio gets."""
        return self.sound_env() | {"DISPLAY": display, "XAUTHORITY": str(self.xauthority)}

    def sound_env(self) -> dict[str, str]:
        """Give what a client of PulseAudio gets."""
        return self.base_env() | {
            "PULSE_SERVER": f"unix:{self.pulse_socket}",
            "PULSE_COOKIE": str(self.run / "pulse.cookie"),
        }

    def desktop_env(self, display: str) -> dict[str, str]:
        """Give what a program on the desktop gets."""
        env = self.display_env(display)
        env |= {name: os.environ[name] for name in _PASSED_ON_TO_DESKTOP if name in os.environ}
        env |= {
            "PATH": f"{self.home / '.local/bin'}:{env['PATH']}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.bus}",
            "USER": "demo",
            "LOGNAME": "demo",
            "SHELL": "/bin/bash",
            "XDG_CURRENT_DESKTOP": "XFCE",
            "XDG_MENU_PREFIX": "xfce-",
            "XDG_DATA_DIRS": "/usr/local/share:/usr/share",
            "NO_AT_BRIDGE": "1",  # no accessibility bus: it is a daemon more and unused here
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        return env


def _tool_folders() -> list[Path]:
    """List where set-up puts programs, before the machine's own places."""
    here = Path(sys.prefix)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [
        Path(sys.executable).parent,
        here.parent / ".tools" / "bin",
        cache / "sessioncast" / f"livekit-server-{LIVEKIT_VERSION}",
    ]


def search_path() -> str:
    """Give the PATH that the parts are found on; set-up's own folders count only for lookup."""
    return os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")


def find_program(*names: str) -> str | None:
    """Find the first of these programs: beside us, in the tools that set-up made, on PATH."""
    path = os.pathsep.join([*map(str, _tool_folders()), search_path()])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def require_programs(*names: str) -> dict[str, str]:
    """Find all of these; one error names every one that is missing."""
    found = {name: find_program(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise CannotDemo(f"not found: {', '.join(missing)}; 'make setup' installs what is missing.")
    return {name: path for name, path in found.items() if path is not None}


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, wish: int | None = None) -> int:
    """Give a port that nobody uses just now: the wished one if it is free.

    Drawn from below the range that the kernel gives out by itself, so that it stays free until
    the part that it is for listens on it.
    """
    for port in ([wish] if wish else []) + random.sample(_PORTS, 50):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise CannotDemo("no port is free between 20000 and 32000; end some of what listens there.")
