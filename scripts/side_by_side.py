"""Run the integration and the browser tests at the same time.

Both mostly wait, for timeouts and for programs that start, so two cores are enough: 14 minutes
instead of 21. Two processes and not xdist, which spreads each file's shared SFU and display and
waits for ever when the SDK ends a worker. The browser tests are printed when they have ended.
"""

import subprocess
import sys
import tempfile
import time

SUITES = ("tests/integration", "tests/browser")
PASSED = {0, 5}  # 5: nothing was selected, by `-k` for example


def main(options: list[str]) -> int:
    """The first status that is not 0. `options` go to both."""
    pytest = [sys.executable, "-m", "pytest", "-m", "not long"]
    shown, noted = SUITES
    with tempfile.TemporaryFile() as notes:
        print(f"{noted} runs beside {shown}, and is printed after it", flush=True)
        began = time.monotonic()
        beside = subprocess.Popen([*pytest, noted, *options], stdout=notes, stderr=notes)
        try:
            statuses = [subprocess.run([*pytest, shown, *options], check=False).returncode]
            statuses.append(beside.wait())
        except KeyboardInterrupt:  # both were told by the terminal
            beside.wait()
            return 130
        notes.seek(0)
        sys.stdout.buffer.write(notes.read())
        sys.stdout.flush()
    print(f"both took {(time.monotonic() - began) / 60:.1f} minutes")
    return next((status for status in statuses if status not in PASSED), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
