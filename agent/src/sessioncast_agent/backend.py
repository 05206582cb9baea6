"""What a kind of session must offer; X11 and the DevTools protocol implement it.

Everything blocking happens on the backend's own threads; the callbacks are called there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from sessioncast_agent.inputs import Clip, InputEvent
from sessioncast_agent.media import LatestSlot, RawFrame


@dataclass(frozen=True)
class BackendState:
    """`live` says whether the source answers; `size_px` is its own size, odd or not."""

    live: bool
    size_px: tuple[int, int]
    detail: str = ""


@dataclass(frozen=True)
class CursorImage:
    """A pointer shape; `digest` names it, `png` is straight-alpha RGBA."""

    digest: str
    width_px: int
    height_px: int
    hot_x_px: int
    hot_y_px: int
    png: bytes


@dataclass(frozen=True)
class CursorPosition:
    """Where the hot spot is, in pixels of the desktop."""

    x_px: int
    y_px: int
    digest: str
    visible: bool


@dataclass(frozen=True)
class BackendEvents:
    """Callbacks of a backend, called on its threads; they must not block."""

    state: Callable[[BackendState], None]
    cursor_image: Callable[[CursorImage], None]
    cursor_position: Callable[[CursorPosition], None]
    clipboard: Callable[[Clip], None]  # a program of the session copied something


class SessionBackend(Protocol):
    """One desktop or browser."""

    def start(self, frames: LatestSlot[RawFrame]) -> None:
        """Open the source and begin; raises CannotStart when there is nothing to open."""

    def set_watched(self, watched: bool) -> None:
        """Capture only while somebody watches; the first frame after a True is a new grab."""

    def set_fps_cap(self, fps: float) -> None:
        """At most this many frames a second; thread safe."""

    def snapshot(self) -> Future[RawFrame]:
        """One grab of the present picture, watched or not."""

    def inject(self, events: Sequence[InputEvent]) -> None:
        """Queue input for the backend's own input thread, in order; thread safe, never blocks."""

    def release_all(self) -> None:
        """Queue the release of every key and button that is down; thread safe, never blocks."""

    def set_clipboard(self, clip: Clip) -> Future[None]:
        """Offer this to the session's programs; done once a paste would give it."""

    def resize(self, width_px: int, height_px: int) -> Future[tuple[int, int]]:
        """Ask for another size; the size it has then. Raises ResizeRefused in the future."""

    def secret_focus(self) -> bool | None:
        """Whether a password field has the focus; None where that cannot be known. Never blocks."""

    def title(self) -> str:
        """What the session shows now (a window's or page's title), or nothing."""

    def check(self) -> None:
        """Called twice a second by the session: notice a source that hangs."""

    def stop(self, timeout_s: float) -> None:
        """End the threads; one that hangs in the source is abandoned."""
