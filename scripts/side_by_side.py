"""Run the integration tests and most browser tests at the same time, then the rest.

Both mostly wait, for timeouts and for programs that start, so two cores are enough: 17 minutes
instead of 22. Two processes and not xdist, which spreads each file's shared SFU and display and
waits for ever when the SDK ends a worker. The tests of networks come last and alone: how long
something takes is what they are about. What runs beside is printed when it has ended.
"""

import subprocess
import sys
import tempfile
import time

SHOWN = ["tests/integration"]
BESIDE = ["tests/browser/control", "tests/browser/web"]
ALONE = ["tests/browser/network"]
PASSED = {0, 5}  # 5: nothing was selected, by `-k` for example


def main(options: list[str]) -> int:
    """The first status that is not 0. `options` go to all."""
    pytest = [sys.executable, "-m", "pytest", "-m", "not long", *options]
    with tempfile.TemporaryFile() as notes:
        print(f"{' '.join(BESIDE)} run beside, and are printed later", flush=True)
        began = time.monotonic()
        beside = subprocess.Popen([*pytest, *BESIDE], stdout=notes, stderr=notes)
        try:
            statuses = [subprocess.run([*pytest, *SHOWN], check=False).returncode]
            statuses.append(beside.wait())
            notes.seek(0)
            sys.stdout.buffer.write(notes.read())
            sys.stdout.flush()
            statuses.append(subprocess.run([*pytest, *ALONE], check=False).returncode)
        except KeyboardInterrupt:  # all were told by the terminal
            beside.wait()
            return 130
    print(f"all took {(time.monotonic() - began) / 60:.1f} minutes")
    return next((status for status in statuses if status not in PASSED), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
