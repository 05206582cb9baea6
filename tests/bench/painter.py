"""The X client that paints scenes with a barcode of the clock; a process of its own.

Reads one JSON command a line on stdin and answers each with one line on stdout:
`{"scene": NAME}` shows the scene's first picture and starts it, `{"stop": true}` ends its motion
and leaves the last picture standing; the answer holds every stamp painted since the start. It runs
against DISPLAY and ends with its stdin.
"""

import json
import os
import random
import select
import sys
import time
from collections.abc import Callable

from bench import barcode, pictures
from bench.canvas import Canvas

SCENES = ("idle", "still", "typing", "scroll", "busy", "busy30", "video")
HOP_FRAMES_S = 1.0  # clocked scenes shift their phase this often, by up to one period
SCROLL_STEP_PX = 8
BUSY_RECTANGLES = 30
VIDEO_PICTURES = 24
LETTERS = "etaoin shrdlu(){}[]0123456789_=+.,:;"

Step = Callable[[], None]
Wait = Callable[[], float]


def clock(hz: float) -> Wait:
    """Return the waits of a clock of `hz` whose phase hops once a second.

    Every 60 Hz clock on a machine is otherwise locked to the viewer's for the whole run, which
    shifts all its samples by up to half a period.
    """
    period_s = 1 / hz
    count = 0

    def wait() -> float:
        nonlocal count
        count += 1
        hop = count % max(1, round(hz * HOP_FRAMES_S)) == 0
        return period_s + (random.uniform(0, period_s) if hop else 0.0)

    return wait


class Painter:
    """Holds the canvas and draws one step of the present scene at a time."""

    def __init__(self, display_name: str) -> None:
        self.canvas = Canvas(display_name)
        self._area = (self.canvas.width_px, self.canvas.height_px - barcode.BAND_PX)
        self.stamps: list[int] = []
        self.late = 0
        self._step: Step = self._nothing
        self._wait: Wait | None = None
        self._due = 0.0
        canvas, (width, height) = self.canvas, self._area
        self._page = canvas.pixmap(pictures.text_page(width, height))
        self._tall = canvas.pixmap(pictures.text_page(width, 3 * height, seed=2))
        self._letters = [canvas.pixmap(pixels) for pixels in pictures.glyphs(LETTERS)]
        self._video = [
            canvas.pixmap(pixels) for pixels in pictures.video(width, height, VIDEO_PICTURES)
        ]
        self._count = 0
        self._show_page()

    def _show_page(self) -> None:
        self.canvas.clear_band()
        self.canvas.copy(self._page, 0, 0, barcode.BAND_PX, *self._area)
        self.stamps.append(self.canvas.stamp())
        self.canvas.flush()

    def start(self, scene: str) -> None:
        """Show a scene's first picture and begin its motion at a random phase."""
        self._count = 0
        self.stamps, self.late = [], 0
        steps: dict[str, tuple[Step, Wait | None]] = {
            "idle": (self._nothing, None),
            "still": (self._nothing, lambda: random.uniform(0.3, 0.7)),
            "typing": (self._type, lambda: random.uniform(0.06, 0.14)),
            "scroll": (self._scroll, clock(60)),
            "busy": (self._rectangles, clock(60)),
            "busy30": (self._rectangles, clock(30)),
            "video": (self._show_video, clock(30)),
        }
        self._step, self._wait = steps[scene]
        self._show_page()
        self._due = time.monotonic() + random.uniform(0.2, 0.3)

    def stop(self) -> dict[str, object]:
        """End the motion; the last picture stays."""
        self._wait = None
        stamps, self.stamps = self.stamps, []
        return {"stamps": stamps, "late": self.late, "now_us": barcode.clock_us()}

    def timeout_s(self) -> float:
        """Return the time until the next step is due."""
        if self._wait is None:
            return 60.0
        return max(0.0, self._due - time.monotonic())

    def tick(self) -> None:
        """Draw the step that is due."""
        if self._wait is None or time.monotonic() < self._due:
            return
        self._step()
        self.stamps.append(self.canvas.stamp())
        self.canvas.flush()
        self._count += 1
        self._due += self._wait()
        if self._due < time.monotonic():
            self.late += 1
            self._due = time.monotonic() + random.uniform(0, 0.005)

    def _nothing(self) -> None:
        pass

    def _type(self) -> None:
        width, height = self._area
        columns, rows = (width - 96) // pictures.GLYPH_PX, height // pictures.LINE_PX - 2
        row, column = divmod(self._count, columns)
        self.canvas.window.copy_area(
            self.canvas.gc,
            random.choice(self._letters),
            0,
            0,
            pictures.GLYPH_PX,
            pictures.LINE_PX,
            48 + column * pictures.GLYPH_PX,
            barcode.BAND_PX + (row * 2 + rows // 2) % rows * pictures.LINE_PX,
        )

    def _scroll(self) -> None:
        _, height = self._area
        top = self._count * SCROLL_STEP_PX % (2 * height)
        self.canvas.copy(self._tall, top, 0, barcode.BAND_PX, *self._area)

    def _rectangles(self) -> None:
        width, height = self._area
        for gc in random.sample(self.canvas.colours, BUSY_RECTANGLES):
            self.canvas.window.poly_fill_rectangle(
                gc,
                [
                    (
                        random.randrange(width - 200),
                        barcode.BAND_PX + random.randrange(height - 150),
                        random.randrange(20, 200),
                        random.randrange(20, 150),
                    )
                ],
            )

    def _show_video(self) -> None:
        last = VIDEO_PICTURES - 1
        index = self._count % (2 * last)
        self.canvas.copy(
            self._video[min(index, 2 * last - index)], 0, 0, barcode.BAND_PX, *self._area
        )


def main() -> None:
    """Serve commands until stdin ends."""
    painter = Painter(os.environ["DISPLAY"])
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    pending = b""
    while True:
        readable, _, _ = select.select([0], [], [], painter.timeout_s())
        if readable:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                command = json.loads(line)
                answer: dict[str, object] = {"ok": True, "now_us": barcode.clock_us()}
                if "scene" in command:
                    painter.start(command["scene"])
                else:
                    answer = painter.stop()
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
        painter.tick()
    painter.canvas.close()


if __name__ == "__main__":
    main()
