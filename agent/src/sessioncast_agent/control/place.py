"""What control sees of its session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessioncast_agent.backend import SessionBackend
from sessioncast_agent.usage import UsageMeter


@dataclass(frozen=True)
class Place:
    """What the desk sees of its session."""

    backend: SessionBackend
    size_px: Callable[[], tuple[int, int]]
    frame_id: Callable[[], int]  # the last frame sent
    frame_size_px: Callable[[int], tuple[int, int] | None]  # of a frame sent not long ago
    attributes_changed: Callable[[], None]
    usage: UsageMeter
