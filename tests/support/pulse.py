"""A real sound server of the test's own: PulseAudio, or PipeWire in its place."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
DEADLINE_S = 15.0
Signal = npt.NDArray[np.float64]

SCRIPT = """\
.fail
{devices}
load-module module-native-protocol-unix auth-anonymous=0 auth-cookie={cookie} socket={socket}
"""


@dataclass
class SoundServer:
    """One running server; `pactl` and `play` speak to it."""

    directory: Path
    argv: list[str]
    extra_env: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @property
    def socket(self) -> Path:
        return self.directory / "pulse.sock"

    @property
    def server(self) -> str:
        """As for --pulse-server."""
        return f"unix:{self.socket}"

    @property
    def env(self) -> dict[str, str]:
        """What a client needs."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": str(self.directory),
            "PULSE_SERVER": self.server,
            "PULSE_COOKIE": str(self.directory / "cookie"),
        } | self.extra_env

    @property
    def pid(self) -> int:
        return self.processes[0].pid

    def start(self) -> None:
        """Start, and return when it answers."""
        self.socket.unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self.processes = [
                subprocess.Popen(
                    self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            ]
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if self.socket.is_socket() and self.run("info", check=False).returncode == 0:
                return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"no sound server:\n{(self.directory / 'log').read_text()[-3000:]}")

    def run(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `pactl`."""
        return subprocess.run(
            ["pactl", *arguments], env=self.env, capture_output=True, text=True,
            timeout=DEADLINE_S, check=check,
        )  # fmt: skip

    def pactl(self, *arguments: str) -> str:
        """Its output."""
        return self.run(*arguments).stdout.strip()

    def names(self, what: str) -> set[str]:
        """Of `sinks`, `sources` …"""
        lines = self.pactl("list", "short", what).splitlines()
        return {line.split("\t")[1] for line in lines if "\t" in line}

    @contextlib.contextmanager
    def playing(self, file: Path, *options: str) -> Iterator[None]:
        """Play a file meanwhile."""
        player = subprocess.Popen(["paplay", *options, str(file)], env=self.env)
        try:
            yield
        finally:
            player.kill()
            player.wait(5)

    def record(self, seconds: float, *options: str) -> Signal:
        """What a program that asks for the default microphone hears (one channel)."""
        recorder = subprocess.Popen(
            ["parec", "--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1",
             "--latency-msec=10", *options],
            env=self.env, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert recorder.stdout is not None
            pcm = recorder.stdout.read(int(seconds * RATE_HZ) * 2)
        finally:
            recorder.kill()
            recorder.wait(5)
            if recorder.stdout is not None:
                recorder.stdout.close()
        return np.frombuffer(pcm, np.int16).astype(np.float64) / 32768

    def kill(self) -> None:
        """As `kill -9`."""
        for process in self.processes:
            process.kill()
            process.wait(10)

    def stop(self) -> None:
        """End it."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(3)
        self.kill()


NULL_SINK = """\
load-module module-null-sink sink_name=sessioncast rate=48000 channels=2 norewinds=1
load-module module-suspend-on-idle timeout=2"""  # as the demo has it


@contextlib.contextmanager
def pulse_server(devices: str = NULL_SINK) -> Iterator[SoundServer]:
    """PulseAudio with these devices (lines of its script)."""
    with _directory() as directory:
        script = directory / "pulse.pa"
        server = SoundServer(directory, [
            "pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--use-pid-file=no",
            "--exit-idle-time=-1", "--log-target=stderr", "--realtime=no", "--high-priority=no",
        ], {"PULSE_RUNTIME_PATH": str(directory / "runtime")})  # fmt: skip
        script.write_text(
            SCRIPT.format(devices=devices, cookie=directory / "cookie", socket=server.socket)
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def pipewire_server() -> Iterator[SoundServer]:
    """PipeWire with its own Pulse server, a session manager, and the D-Bus that one needs."""
    with _directory() as directory:
        (directory / "pulse").mkdir()
        (directory / "pulse.sock").symlink_to(directory / "pulse" / "native")
        bus = f"unix:path={directory / 'bus'}"
        server = PipeWire(directory, [], {"DBUS_SESSION_BUS_ADDRESS": bus})
        server.start()
        try:
            yield server
        finally:
            server.stop()


class PipeWire(SoundServer):
    """Four processes, started in turn."""

    def start(self) -> None:
        """See SoundServer."""
        address = f"--address={self.extra_env['DBUS_SESSION_BUS_ADDRESS']}"
        commands = [
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", address],
            ["pipewire"], ["wireplumber"], ["pipewire-pulse"],
        ]  # fmt: skip
        ready = ["bus", "pipewire-0", None, "pulse/native"]
        with (self.directory / "log").open("ab") as log:
            for command, file in zip(commands, ready, strict=True):
                self.processes.append(
                    subprocess.Popen(
                        command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                )
                if file is not None:
                    self._wait((self.directory / file).is_socket)
        self._wait(lambda: self.run("info", check=False).returncode == 0)

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end:
                self.stop()
                raise AssertionError(
                    f"no PipeWire:\n{(self.directory / 'log').read_text()[-3000:]}"
                )
            time.sleep(0.05)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sc-pulse-"))  # short: a socket's path holds 107 bytes
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_wav(path: Path, *channels: Signal, rate_hz: int = RATE_HZ) -> Path:
    """One or two channels, -1 to 1."""
    data = (np.stack(channels, axis=1) * 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(data.tobytes())
    return path


def tone(hertz: float, seconds: float, level: float = 0.5, rate_hz: int = RATE_HZ) -> Signal:
    """A sine."""
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate_hz)) / rate_hz)


def level_of(signal: Signal, hertz: float, rate_hz: int = RATE_HZ) -> float:
    """How much of this frequency is in it: the amplitude of its sine, by FFT."""
    if len(signal) < 1024:
        return 0.0
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) * 4 / len(signal)
    place = round(hertz * len(signal) / rate_hz)
    return float(spectrum[max(0, place - 2) : place + 3].max())
