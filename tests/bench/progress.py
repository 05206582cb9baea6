"""A progress bar with the time left, on stderr; plain lines where it is no terminal."""

import sys
import time

WIDTH = 28


class Progress:
    """Counts planned seconds, and corrects the rest by how long the done ones really took."""

    def __init__(self, planned_s: float) -> None:
        self._planned_s = max(planned_s, 1.0)
        self._done_s = 0.0
        self._began = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show what is going on."""
        share = min(1.0, self._done_s / self._planned_s)
        bar = "#" * round(WIDTH * share)
        line = f"[{bar:-<{WIDTH}}] {100 * share:3.0f}% {self._left()} {text}"
        sys.stderr.write(f"\r\x1b[K{line[:150]}" if self._terminal else line + "\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        sys.stderr.write(f"\r\x1b[K{text}\n" if self._terminal else text + "\n")
        sys.stderr.flush()

    def done(self, planned_s: float) -> None:
        """Count a finished part."""
        self._done_s += planned_s

    def _left(self) -> str:
        if not self._done_s:
            left_s = self._planned_s
        else:
            pace = (time.monotonic() - self._began) / self._done_s
            left_s = max(0.0, (self._planned_s - self._done_s) * pace)
        return f"{int(left_s // 60):2d}:{int(left_s % 60):02d} left"
