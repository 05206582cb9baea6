"""Vosk: small, streaming, on the CPU. `pip install vosk`, and a model from alphacephei.com."""

from __future__ import annotations

import json
from typing import Any

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.voice.recognizer import RATE_HZ


class VoskRecognizer:
    """See Recognizer; Vosk finds the ends of phrases by itself."""

    def __init__(self, model: str) -> None:
        try:
            import vosk  # type: ignore[import-not-found]  # noqa: PLC0415  # an extra of the user's
        except ImportError as error:
            raise CannotStart("vosk is not installed: pip install vosk") from error
        try:
            self._recognizer: Any = vosk.KaldiRecognizer(vosk.Model(model), RATE_HZ)
        except Exception as error:  # Kaldi raises bare Exception
            raise CannotStart(f"vosk cannot load the model {model}") from error

    def feed(self, pcm: bytes) -> str | None:
        """See Recognizer."""
        if not self._recognizer.AcceptWaveform(pcm):
            return None
        text = json.loads(self._recognizer.Result()).get("text", "")
        return str(text) or None
