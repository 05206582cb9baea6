"""A real headless Chromium with its DevTools port, and small pages for it to show."""

import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.livekit import free_ports

START_DEADLINE_S = 30.0
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium_program() -> str:
    """Debian's, Ubuntu's, Google's, or what CHROMIUM names."""
    for name in (os.environ.get("CHROMIUM", ""), *_PROGRAMS):
        if name and (found := shutil.which(name)):
            return found
    raise AssertionError("no Chromium: `make setup` installs it")


@dataclass
class Chromium:
    """One headless browser; `restart` gives it the same port again."""

    profile: Path
    port: int
    url: str = "about:blank"
    options: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def cdp_url(self) -> str:
        """Where its DevTools are."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and return when DevTools answer."""
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [
                chromium_program(),
                "--headless",
                f"--remote-debugging-port={self.port}",
                f"--user-data-dir={self.profile}",
                "--no-first-run",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--window-size=1280,860",
                *sandbox,
                *self.options,
                self.url,
            ],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.json("version")
                return
            time.sleep(0.05)
        raise AssertionError("Chromium did not start")

    def json(self, what: str) -> Any:
        """One of DevTools' own answers."""
        with urllib.request.urlopen(f"{self.cdp_url}/json/{what}", timeout=5) as answer:
            return json.load(answer)

    def pages(self) -> list[dict[str, Any]]:
        """Its tabs."""
        return [target for target in self.json("list") if target["type"] == "page"]

    def activate(self, target: str) -> None:
        """Bring a tab to the front, as another DevTools client would."""
        urllib.request.urlopen(f"{self.cdp_url}/json/activate/{target}", timeout=5).close()

    def kill(self) -> None:
        """As `kill -9` of all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        for name in ("SingletonLock", "SingletonSocket", "SingletonCookie"):
            (self.profile / name).unlink(missing_ok=True)

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.kill()


@contextlib.contextmanager
def chromium(
    folder: Path, url: str = "about:blank", *options: str, env: dict[str, str] | None = None
) -> Iterator[Chromium]:
    """Run one for the body."""
    port = free_ports(1)[0]
    browser = Chromium(folder / f"profile-{port}", port, url, options, env or {})
    browser.start()
    try:
        yield browser
    finally:
        browser.stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    pages: dict[str, str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/secret") and self.headers.get("Authorization") != (
            "Basic YW5hOm9wZW4="  # ana:open
        ):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="vault"')
            self.end_headers()
            return
        if path == "/file.bin":
            self.send_response(200)
            self.send_header("Content-Disposition", 'attachment; filename="report.bin"')
            self.end_headers()
            self.wfile.write(bytes(range(256)) * 64)
            return
        text = self.pages.get(path)
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((text or "nothing here").encode())

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@dataclass
class Site:
    """A web server of the test's own on loopback; `pages` may be changed while it runs."""

    url: str
    pages: dict[str, str]


@contextlib.contextmanager
def site(pages: dict[str, str]) -> Iterator[Site]:
    """Serve these pages for the body; `/secret` wants ana:open, `/file.bin` is a download."""
    handler = type("Handler", (_Handler,), {"pages": pages})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", pages)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
