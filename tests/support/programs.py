"""Real programs that receive input: what they got can be asked of each.

with xterm(x, tmp_path) as program: …  # program.received() is the text it got
"""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.xserver import XServer

START_DEADLINE_S = 60.0
PAGE = """<!doctype html><meta charset=utf-8><title>typing</title>
<style>body,textarea{margin:0;border:0;width:100vw;height:100vh;font:16px sans-serif}
textarea{height:60vh}button{width:50vw;height:30vh}</style>
<textarea id=t autofocus></textarea><button id=b>click</button>
<script>
const t = document.getElementById("t"), events = [];
let busy = false, again = false;
async function report() {
  if (busy) { again = true; return; }
  busy = true;
  do { again = false; await send().catch(() => 0); } while (again);
  busy = false;
}
function send() {
  const body = JSON.stringify({text: t.value, events: events.slice(-200), focus: document.hasFocus()
    && document.activeElement === t, size: [innerWidth, innerHeight], at: [screenX, screenY],
    button: document.getElementById("b").getBoundingClientRect(), ratio: devicePixelRatio});
  return fetch("/report", {method: "POST", body});
}
t.addEventListener("input", report);
for (const name of ["keydown", "keyup"]) addEventListener(name, event => {
  events.push([name, event.key, event.code, event.ctrlKey, event.shiftKey]); report(); });
for (const name of ["mousedown", "mouseup", "click", "contextmenu", "dblclick"])
  addEventListener(name, event => {
    events.push([name, event.target.id, event.button, event.screenX, event.screenY]);
    report(); });
addEventListener("wheel", event => {
  events.push(["wheel", event.deltaX, event.deltaY]); report(); });
t.addEventListener("paste", event => {
  events.push(["paste", event.clipboardData.getData("text/plain"),
    [...event.clipboardData.items].map(item => item.type)]); report(); });
addEventListener("focus", report); setInterval(report, 500); report();
</script>"""


@dataclass
class Program:
    """A running program with a place to type; `received` is its text so far."""

    process: subprocess.Popen[bytes]
    received: Callable[[], str]
    page: dict[str, Any] = field(default_factory=dict)

    def events(self, name: str) -> list[list[Any]]:
        """What a page saw, of one kind."""
        return [event for event in self.page.get("events", []) if event[0] == name]

    def clear(self) -> None:
        """Forget the page's events up to now (only the test's copy)."""
        self.page["events"] = []


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = 20.0) -> None:
    """Until it is true, or the test fails with `what`."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not in {deadline_s} s: {what}")


def _environment(x: XServer, home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "LC_ALL": "C.UTF-8",
        "GTK_IM_MODULE": "gtk-im-context-simple",
        "XMODIFIERS": "@im=none",
        "NO_AT_BRIDGE": "1",
        "GTK_A11Y": "none",
        "MOZ_DISABLE_CONTENT_SANDBOX": "1",
    } | x.env


@contextlib.contextmanager
def _running(
    command: list[str], env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own group: we started it as one
        process.wait(10)


@contextlib.contextmanager
def xterm(x: XServer, tmp_path: Path) -> Iterator[Program]:
    """xterm that writes every byte it gets into a file; speaks X's core protocol."""
    output = tmp_path / "xterm.out"
    ready = tmp_path / "xterm.ready"
    command = ["xterm", "-u8", "-geometry", "80x20+0+0", "-e"]
    command += [f"stty raw -echo; touch {ready}; exec cat > {output}"]
    with _running(command, _environment(x, tmp_path / "xterm"), tmp_path / "xterm.log") as process:
        wait_for(output.exists, "xterm has started", START_DEADLINE_S)
        yield Program(process, lambda: output.read_bytes().decode(errors="replace"))


@contextlib.contextmanager
def gtk_editor(x: XServer, tmp_path: Path) -> Iterator[Program]:
    """Mousepad, a GTK 3 editor (XInput 2); its text is what Ctrl+S saved."""
    document = tmp_path / "note.txt"
    document.write_text("")
    env = _environment(x, tmp_path / "mousepad") | {"GSETTINGS_BACKEND": "memory"}
    command = ["dbus-run-session", "--", "mousepad", "--disable-server", str(document)]
    with _running(command, env, tmp_path / "mousepad.log") as process:
        wait_for(lambda: "note.txt" in window_names(x), "Mousepad shows it", START_DEADLINE_S)
        yield Program(process, document.read_text)


def window_names(x: XServer) -> str:
    """The names of all windows on the display."""
    tree = subprocess.run(
        ["xwininfo", "-root", "-tree"], env=os.environ | x.env, capture_output=True, timeout=10,
        check=False,
    )  # fmt: skip
    return tree.stdout.decode(errors="replace")


@contextlib.contextmanager
def _page_server(page: dict[str, Any]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = PAGE.encode() if self.path == "/" else b""
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            page.clear()
            page.update(body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def _browser(command: list[str], x: XServer, home: Path, env: dict[str, str]) -> Iterator[Program]:
    page: dict[str, Any] = {}
    with (
        _page_server(page) as url,
        _running([*command, url], _environment(x, home) | env, home / "log") as process,
    ):
        wait_for(lambda: page.get("focus"), f"{command[0]} shows the page", START_DEADLINE_S)
        yield Program(process, lambda: str(page.get("text", "")), page)


@contextlib.contextmanager
def chromium(x: XServer, tmp_path: Path) -> Iterator[Program]:
    """Chromium, full screen with a text area."""
    home = tmp_path / "chromium"
    home.mkdir()
    command = [
        "chromium", f"--user-data-dir={home / 'profile'}", "--no-first-run", "--kiosk",
        "--no-default-browser-check", "--password-store=basic", "--disable-gpu",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-features=Translate", "--window-size=1280,720", "--window-position=0,0",
    ]  # fmt: skip
    if os.geteuid() == 0:
        command += ["--no-sandbox", "--test-type"]
    with _browser(command, x, home, {}) as program:
        yield program


@contextlib.contextmanager
def firefox(x: XServer, tmp_path: Path) -> Iterator[Program]:
    """Firefox ESR, full screen with a text area; reads XInput 2."""
    home = tmp_path / "firefox"
    profile = home / "profile"
    profile.mkdir(parents=True)
    preferences = {
        "browser.shell.checkDefaultBrowser": False,
        "browser.aboutwelcome.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "toolkit.telemetry.reportingpolicy.firstRun": False,
        "browser.startup.homepage_override.mstone": "ignore",
        "app.update.enabled": False,
        "browser.sessionstore.resume_from_crash": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }
    lines = (f'user_pref("{name}", {json.dumps(value)});' for name, value in preferences.items())
    (profile / "user.js").write_text("\n".join(lines))
    command = ["firefox-esr", "--no-remote", "--profile", str(profile), "--kiosk"]
    command += ["--width", "1280", "--height", "720"]  # there is no window manager
    env = {"MOZ_USE_XINPUT2": "1", "MOZ_ENABLE_WAYLAND": "0", "MOZ_CRASHREPORTER_DISABLE": "1"}
    with _browser(command, x, home, env) as program:
        yield program
