"""What the numbers were taken on: the machine, its noise, and the version of every part."""

import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from bench.procs import CpuWindow, SystemFailedError
from bench.systems.selkies import selkies_program
from support.livekit import LiveKitMissingError, find_livekit_server

PACKAGES = ("livekit", "livekit-api", "av", "numpy", "python-xlib", "playwright")
DEBIAN = ("chromium", "xvfb", "x11vnc", "novnc", "websockify")


def _run(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return (done.stdout or done.stderr).strip()
    return ""


def versions() -> dict[str, str]:
    """Return the version of each part, as far as it can be told."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    found["python"] = platform.python_version()
    if shutil.which("dpkg-query"):
        for name in DEBIAN:
            found[f"debian:{name}"] = _run("dpkg-query", "-W", "-f", "${Version}", name)
    with contextlib.suppress(LiveKitMissingError):
        found["livekit-server"] = _run(str(find_livekit_server()), "--version").split()[-1]
    with contextlib.suppress(SystemFailedError):
        python = selkies_program().parent / "python"
        for name in ("selkies", "pixelflux"):
            found[name] = _run(
                str(python), "-c", f"import importlib.metadata as m; print(m.version('{name}'))"
            )
    commit = _run("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")
    changed = _run("git", "-C", str(Path(__file__).parent), "status", "--porcelain", ":/agent")
    found["sessioncast"] = commit + ("+changes" if changed else "")
    return found


def facts() -> dict[str, object]:
    """Return the machine."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "load_average": os.getloadavg(),
    }


def noise(seconds: float = 3.0) -> dict[str, object]:
    """Return what the machine does while nothing is asked of it, and how steady a fixed loop is."""
    window = CpuWindow({})
    window.start()
    time.sleep(seconds)
    background = window.stop()["host"]
    loops_ms = []
    for _ in range(30):
        began = time.perf_counter()
        sum(range(200_000))
        loops_ms.append((time.perf_counter() - began) * 1000)
    return {
        "background_cores": background,
        "fixed_loop_ms": {
            "min": round(min(loops_ms), 2),
            "median": round(statistics.median(loops_ms), 2),
            "max": round(max(loops_ms), 2),
        },
    }
