"""faster-whisper: better words, more CPU. `pip install faster-whisper`; a size (`small.en`), which
it fetches by itself, or the folder of a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.voice.phrases import PhraseCutter


class WhisperRecognizer:
    """See Recognizer; phrases are cut here, since Whisper wants whole ones."""

    def __init__(self, model: str) -> None:
        try:
            # an extra of the user's
            from faster_whisper import (  # type: ignore[import-not-found]  # noqa: PLC0415
                WhisperModel,
            )
        except ImportError as error:
            raise CannotStart(
                "faster-whisper is not installed: pip install faster-whisper"
            ) from error
        try:
            self._model: Any = WhisperModel(model, device="cpu", compute_type="int8")
        except Exception as error:  # CTranslate2 and the hub raise errors of their own
            raise CannotStart(f"faster-whisper cannot load the model {model}") from error
        self._cutter = PhraseCutter()

    def feed(self, pcm: bytes) -> str | None:
        """See Recognizer."""
        phrase = self._cutter.feed(pcm)
        if phrase is None:
            return None
        samples = np.frombuffer(phrase, np.int16).astype(np.float32) / 32768
        segments, _ = self._model.transcribe(samples, beam_size=1, vad_filter=False)
        return " ".join(segment.text.strip() for segment in segments) or None
