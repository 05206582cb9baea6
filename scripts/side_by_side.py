"""Run the tests on real parts: those about time alone, the others two at a time.

Most of them wait, for timeouts and for programs that start, so two cores bear two suites: 18
minutes instead of 22. Two processes and not xdist, which spreads each file's shared SFU and display
and waits for ever when the SDK ends a worker. How long something takes is what those in `ALONE` are
about: sharp within half a second, back within ten, the way over a narrow network.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTEGRATION = Path("tests/integration")
ALONE = [
    *sorted(str(path) for name in ("agent_*", "control", "door", "narration", "sound*", "voice")
            for path in INTEGRATION.glob(f"test_{name}.py")),
    "tests/browser/network",
]  # fmt: skip
SHOWN = sorted({str(path) for path in INTEGRATION.glob("test_*.py")} - set(ALONE))
BESIDE = ["tests/browser/control", "tests/browser/web"]
PASSED = {0, 5}  # 5: nothing was selected, by `-k` for example


def main(options: list[str]) -> int:
    """The first status that is not 0. `options` go to all."""
    pytest = [sys.executable, "-m", "pytest", "-m", "not long", *options]
    began = time.monotonic()
    statuses = [subprocess.run([*pytest, *ALONE], check=False).returncode]
    with tempfile.TemporaryFile() as notes:
        print(f"{' and '.join(BESIDE)} run beside the next, and are printed later", flush=True)
        beside = subprocess.Popen([*pytest, *BESIDE], stdout=notes, stderr=notes)
        try:
            statuses.append(subprocess.run([*pytest, *SHOWN], check=False).returncode)
        finally:  # an interruption was told to both by the terminal
            statuses.append(beside.wait())
            notes.seek(0)
            sys.stdout.buffer.write(notes.read())
    print(f"all took {(time.monotonic() - began) / 60:.1f} minutes")
    return next((status for status in statuses if status not in PASSED), 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
