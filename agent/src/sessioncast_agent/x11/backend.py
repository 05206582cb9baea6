"""The X11 desktop behind the `SessionBackend` interface; a thread for each device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from sessioncast_agent.backend import BackendEvents, CursorPosition
from sessioncast_agent.errors import CannotStart, CaptureFailed, DisplayLost
from sessioncast_agent.inputs import Clip, InputEvent
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.capture import X11Capture
from sessioncast_agent.x11.clipboard import X11Clipboard
from sessioncast_agent.x11.input import X11Input
from sessioncast_agent.x11.pointer import X11Pointer
from sessioncast_agent.x11.resize import X11Resizer

START_PATIENCE_S = 3.0  # a display that starts beside us may be a moment late
START_RETRY_S = 0.25


class X11Backend:
    """A desktop. With `embed_pointer` the pointer is part of the picture and never reported."""

    def __init__(
        self,
        display_name: str,
        *,
        fps: int,
        embed_pointer: bool,
        usage: UsageMeter,
        events: BackendEvents,
    ) -> None:
        self._capture = X11Capture(
            display_name, fps=fps, draw_pointer=embed_pointer, usage=usage, events=events
        )
        pointer_events = events
        if embed_pointer:
            pointer_events = replace(
                events, cursor_image=lambda _: self._capture.poke(), cursor_position=self._moved
            )
        self._pointer = X11Pointer(display_name, usage=usage, events=pointer_events)
        self._input = X11Input(display_name, usage=usage)
        self._clipboard = X11Clipboard(display_name, usage=usage, copied=events.clipboard)
        self._resizer = X11Resizer(display_name, usage=usage)

    def _moved(self, position: CursorPosition) -> None:
        del position
        self._capture.poke()

    def start(self, frames: LatestSlot[RawFrame]) -> None:
        """See SessionBackend; a display that is not there yet is waited for a moment."""
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            try:
                self._capture.open(frames)
                break
            except (DisplayLost, CaptureFailed) as error:
                if time.monotonic() >= deadline:
                    raise CannotStart(str(error)) from error
                time.sleep(START_RETRY_S)
        self._capture.start()
        self._pointer.start()
        self._input.start()
        self._clipboard.start()

    def set_watched(self, watched: bool) -> None:
        """See SessionBackend."""
        self._capture.set_watched(watched)
        self._pointer.set_watched(watched)

    def set_fps_cap(self, fps: float) -> None:
        """See SessionBackend."""
        self._capture.set_fps_cap(fps)

    def snapshot(self) -> Future[RawFrame]:
        """See SessionBackend."""
        return self._capture.snapshot()

    def inject(self, events: Sequence[InputEvent]) -> None:
        """See SessionBackend."""
        self._input.inject(events)

    def release_all(self) -> None:
        """See SessionBackend."""
        self._input.release_all()

    def set_clipboard(self, clip: Clip) -> Future[None]:
        """See SessionBackend."""
        return self._clipboard.set(clip)

    def resize(self, width_px: int, height_px: int) -> Future[tuple[int, int]]:
        """See SessionBackend."""
        return self._resizer.resize(width_px, height_px)

    def secret_focus(self) -> bool | None:
        """See SessionBackend; X11 knows nothing of what its windows hold."""
        return None

    def title(self) -> str:
        """See SessionBackend."""
        return ""

    def check(self) -> None:
        """See SessionBackend."""
        self._capture.check()

    def stop(self, timeout_s: float) -> None:
        """See SessionBackend."""
        share_s = timeout_s / 4
        self._input.stop(share_s)
        self._clipboard.stop(share_s)
        self._pointer.stop(share_s)
        self._capture.stop(share_s)
