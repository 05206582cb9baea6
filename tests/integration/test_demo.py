"""`sessioncast demo` from the outside: what it prints, how it ends, and that nothing is left."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FACTOR = float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))
UP_LIMIT_S = 90 * FACTOR
END_LIMIT_S = 30 * FACTOR
DEMO = [sys.executable, "-m", "sessioncast_agent.demo"]


def eventually(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s * FACTOR
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


@dataclass
class Run:
    """A demo whose files and processes can be told from everybody else's by its TMPDIR."""

    tmp: Path
    process: subprocess.Popen[str]
    displays: set[str] = field(default_factory=set)

    def result(self) -> dict[str, Any]:
        """Wait for the line of JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.stderr()
        return dict(json.loads(line))

    def stderr(self) -> str:
        return (self.tmp / "stderr").read_text()

    def end(self, signum: int | None = signal.SIGTERM) -> int:
        if signum is not None:
            self.process.send_signal(signum)
        return self.process.wait(END_LIMIT_S)

    def processes(self) -> list[int]:
        """List living processes whose environment or command line names our TMPDIR."""
        needle = str(self.tmp).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if needle in text and state not in "ZX":
                found.append(int(entry.name))
        return found

    def files(self) -> list[Path]:
        return [path for path in self.tmp.iterdir() if path.name != "stderr"]

    def assert_nothing_left(self) -> None:
        assert self.processes() == []
        assert self.files() == []
        assert x_files() - self.displays == set()


def x_files() -> set[str]:
    """List sockets and locks of X servers that nobody serves."""
    found = set()
    for lock in Path("/tmp").glob(".X*-lock"):
        try:
            pid = int(lock.read_text())
        except (OSError, ValueError):
            continue
        if not Path(f"/proc/{pid}").exists():
            found.add(lock.name)
    return found


StartDemo = Callable[..., Run]


@pytest.fixture
def start_demo() -> Iterator[StartDemo]:
    runs: list[Run] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> Run:
        tmp = Path(tempfile.mkdtemp(prefix="scdemo-"))
        environment = {**os.environ, "TMPDIR": str(tmp), **(env or {})}
        before = x_files()
        with (tmp / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                [*DEMO, "--json", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        run = Run(tmp, process, before)
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            try:
                run.process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait(5)
        if run.process.stdout is not None:
            run.process.stdout.close()
        shutil.rmtree(run.tmp, ignore_errors=True)


def call(method: str, url: str, api_key: str) -> Any:
    request = urllib.request.Request(url, method=method)
    request.add_header("Authorization", f"Bearer {api_key}")
    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read()
    return json.loads(body) if body else None


def test_up_it_shows_a_live_session_and_down_it_leaves_nothing(start_demo: StartDemo) -> None:
    run = start_demo("--size", "1024x768", "--session", "first", "--fps", "30")
    result = run.result()
    assert set(result) == {
        "viewer_url", "api_url", "api_key", "livekit_url", "session", "display", "xauthority",
        "pulse_server", "cdp_url", "recordings", "pids",
    }  # fmt: skip
    assert set(result["pids"]) == {
        "livekit", "signaling", "agent", "display", "pulse", "browser",
    }  # fmt: skip
    assert result["session"] == "first"
    assert result["cdp_url"] is None
    assert result["recordings"] is None
    for pid in result["pids"].values():
        os.kill(pid, 0)

    ends = time.monotonic() + 5
    while True:  # live is known a moment before the size is
        session = call("GET", f"{result['api_url']}/api/v1/sessions/first", result["api_key"])
        assert session["state"] == "live"
        if session["size_px"] or time.monotonic() > ends:
            break
        time.sleep(0.05)
    assert session["size_px"] == [1024, 768]
    with urllib.request.urlopen(result["viewer_url"], timeout=10) as page:
        assert page.status == 200

    # private: the folder, every secret file, and no secret in any command line
    (root,) = run.files()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    for name in ("xauthority", "livekit.yaml", "agent-credential", "pulse.cookie"):
        assert stat.S_IMODE((root / "run" / name).stat().st_mode) == 0o600
    keys = json.loads((root / "run" / "livekit.yaml").read_text())["keys"]
    credential = (root / "run" / "agent-credential").read_text()
    secrets = [result["api_key"], credential, *keys.values()]
    for pid in run.processes():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        assert not any(secret in arguments for secret in secrets)

    # nobody without the cookie gets in
    denied = {**os.environ, "DISPLAY": result["display"], "XAUTHORITY": "/dev/null"}
    assert subprocess.run(["xset", "q"], env=denied, capture_output=True, check=False).returncode

    # a program that somebody closes does not end the demo
    os.kill(result["pids"]["browser"], signal.SIGTERM)
    time.sleep(1)
    assert run.process.poll() is None

    everything = [*run.processes(), *result["pids"].values()]
    assert run.end() == 0
    run.assert_nothing_left()
    assert not any(Path(f"/proc/{pid}").exists() for pid in everything)
    number = result["display"].removeprefix(":")
    assert not Path(f"/tmp/.X{number}-lock").exists() or x_server_is_other(number, everything)


def x_server_is_other(number: str, ours: list[int]) -> bool:
    """Tell whether somebody else has taken the display number meanwhile."""
    return int(Path(f"/tmp/.X{number}-lock").read_text()) not in ours


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["starting", "display", "signaling", "desktop"])
def test_a_signal_at_any_moment_of_the_start_leaves_nothing(
    start_demo: StartDemo, after: str, signum: int
) -> None:
    run = start_demo()
    eventually(lambda: after in run.stderr(), UP_LIMIT_S, f"{after} is up")
    assert run.end(signum) == 0
    run.assert_nothing_left()
    assert run.process.stdout is not None
    assert run.process.stdout.read() == ""


@pytest.mark.parametrize("part", ["agent", "livekit", "display"])
def test_a_part_that_dies_is_named_with_its_log_and_ends_the_demo(
    start_demo: StartDemo, part: str
) -> None:
    run = start_demo()
    result = run.result()
    os.kill(result["pids"][part], signal.SIGKILL)
    assert run.end(None) == 1
    name = {"livekit": "sfu"}.get(part, part)
    assert f"{name} was killed by SIGKILL" in run.stderr()
    assert result["api_key"] not in run.stderr()
    run.assert_nothing_left()


def test_killed_itself_it_takes_its_children_along(start_demo: StartDemo) -> None:
    run = start_demo()
    run.result()
    run.process.kill()
    run.process.wait(5)
    eventually(lambda: run.processes() == [], 10, "all children are gone")
    eventually(lambda: x_files() - run.displays == set(), 5, "the X server's lock is gone")


def test_ending_the_session_ends_the_demo(start_demo: StartDemo) -> None:
    run = start_demo()
    result = run.result()
    call("DELETE", f"{result['api_url']}/api/v1/sessions/demo", result["api_key"])
    assert run.end(None) == 0
    assert "the session was ended" in run.stderr()
    run.assert_nothing_left()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--size", "10x10"], "--size 10x10 is out of range"),
        (["--session", "Not_An_Id"], "outside the rule"),
        (["--fps", "0"], "--fps 0 is out of range"),
        (["--max-bitrate", "much"], "is no bitrate"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_3(
    start_demo: StartDemo, arguments: list[str], sentence: str
) -> None:
    run = start_demo(*arguments)
    assert run.end(None) == 3
    assert sentence in run.stderr()
    assert "Traceback" not in run.stderr()
    run.assert_nothing_left()


def test_missing_programs_are_all_named_with_the_remedy(
    start_demo: StartDemo, tmp_path: Path
) -> None:
    run = start_demo(env={"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    assert run.end(None) == 3
    assert "make setup" in run.stderr()
    run.assert_nothing_left()


def test_a_port_that_is_taken_is_named(start_demo: StartDemo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start_demo("--port", str(port))
        assert run.end(None) == 3
    assert f"port {port} is taken" in run.stderr()
    run.assert_nothing_left()


def test_a_browser_demo_shows_a_chromium_that_only_loopback_reaches(start_demo: StartDemo) -> None:
    demo = start_demo("--browser", "--size", "1024x640")
    result = demo.result()
    assert result["display"] is None
    assert result["xauthority"] is None
    assert set(result["pids"]) == {"livekit", "signaling", "agent", "pulse", "browser"}
    session = call("GET", f"{result['api_url']}/api/v1/sessions/demo", result["api_key"])
    assert (session["kind"], session["state"]) == ("browser", "live")
    cdp_url = result["cdp_url"]
    assert cdp_url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{cdp_url}/json/list", timeout=10) as answer:
        pages = [target for target in json.load(answer) if target["type"] == "page"]
    assert [page["title"] for page in pages] == ["Welcome to this browser"]
    evil = urllib.request.Request(f"{cdp_url}/json/version", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(evil, timeout=10)
    port = int(cdp_url.rpartition(":")[2])
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    places = [line.split()[3] for line in listening.splitlines()]
    assert [place for place in places if place.endswith(f":{port}")] == [f"127.0.0.1:{port}"]
    assert demo.end(signal.SIGINT) == 0
    demo.assert_nothing_left()
