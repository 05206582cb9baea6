"""x11grab as a grabber on demand: each `grab()` is one XShm copy of the screen.

Opened with a clock of 1000 fps, x11grab never waits; the pace is the caller's. A server that died
or a screen that shrank makes it report EAGAIN or EACCES for ever: every such error is raised.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error

from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import CaptureFailed
from sessioncast_agent.media import RawFrame


class Grabber:
    """One x11grab of a fixed size. Not thread safe. `grab` raises CaptureFailed."""

    def __init__(self, display: str, width_px: int, height_px: int, *, draw_pointer: bool) -> None:
        self.size_px = (width_px, height_px)
        options = {
            "framerate": "1000",
            "video_size": f"{width_px}x{height_px}",
            "probesize": "32",
            "draw_mouse": "1" if draw_pointer else "0",
        }
        try:
            self._container = av.open(display, format="x11grab", options=options)
            self._frames: Iterator[av.VideoFrame] = self._container.decode(video=0)
            next(self._frames)  # grabbed while probing: stale
        except (av.error.FFmpegError, StopIteration) as error:
            raise CaptureFailed(
                f"x11grab cannot open {display} at {width_px}x{height_px}: {error}"
            ) from error

    def grab(self) -> RawFrame:
        """The screen as it is now."""
        captured_us = monotonic_us()
        try:
            picture = next(self._frames)
        except (av.error.FFmpegError, StopIteration) as error:
            raise CaptureFailed(f"x11grab got no picture: {error}") from error
        return RawFrame(picture, *self.size_px, captured_us)

    def close(self) -> None:
        """Release the shared memory; may be called twice."""
        self._container.close()
