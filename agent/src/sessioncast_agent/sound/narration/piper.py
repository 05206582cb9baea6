"""Piper: neural voices on the CPU. An extra (`pip install 'sessioncast-agent[piper]'`), and a voice
file of one's own: docs/operations.md says where they are.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sessioncast_agent.sound.narration.tts import off_loop
from sessioncast_agent.sound.programs import SoundFailed


class PiperSpeech:
    """See Speech. Loaded at the first sentence; one voice a file."""

    def __init__(self, model: str) -> None:
        self._model = Path(model)
        self._voice: Any = None

    async def voices(self) -> list[str]:
        """See Speech."""
        return [self._model.stem]

    async def speak(self, text: str, voice: str | None) -> bytes:
        """See Speech."""
        del voice  # there is only the one
        pcm, rate_hz = await asyncio.to_thread(self._speak, text)
        return await off_loop(pcm, rate_hz)

    def _speak(self, text: str) -> tuple[bytes, int]:
        if self._voice is None:
            try:
                from piper import PiperVoice  # type: ignore[import-not-found]  # noqa: PLC0415
            except ImportError as error:
                raise SoundFailed(
                    "piper is not installed: pip install 'sessioncast-agent[piper]'"
                ) from error
            try:
                self._voice = PiperVoice.load(str(self._model))
            except Exception as error:  # onnxruntime has errors of its own
                raise SoundFailed(f"the piper voice {self._model.name} cannot be loaded") from error
        chunks = list(self._voice.synthesize(text))
        if not chunks:
            return b"", 48_000
        pcm = b"".join(chunk.audio_int16_bytes for chunk in chunks)
        return pcm, int(chunks[0].sample_rate)
