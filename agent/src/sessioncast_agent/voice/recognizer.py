"""What turns speech into words: a Protocol, and where the known ones are found.

`vosk:/path/to/model`, `faster-whisper:small.en`, or `package.module:factory` for one of your own.
docs/operations.md says how to get a model; none is shipped.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol

from sessioncast_agent.errors import CannotStart

RATE_HZ = 16_000


class Recognizer(Protocol):
    """Called on a thread of its own; may block."""

    def feed(self, pcm: bytes) -> str | None:
        """16 kHz mono, 16 bit; the phrase that has just ended, if one has."""
        ...


def load_recognizer(name: str) -> Recognizer:
    """Raises CannotStart with what to install or correct."""
    kind, _, rest = name.partition(":")
    if kind == "vosk" and rest:
        from sessioncast_agent.voice.vosk import VoskRecognizer  # noqa: PLC0415

        return VoskRecognizer(rest)
    if kind == "faster-whisper" and rest:
        from sessioncast_agent.voice.whisper import WhisperRecognizer  # noqa: PLC0415

        return WhisperRecognizer(rest)
    try:
        factory: Callable[[], Recognizer] = getattr(importlib.import_module(kind), rest)
    except (ImportError, AttributeError, ValueError) as error:
        raise CannotStart(
            f"--recognizer {name[:80]!r} is unknown; give vosk:MODEL, faster-whisper:MODEL, "
            "or package.module:factory"
        ) from error
    return factory()
