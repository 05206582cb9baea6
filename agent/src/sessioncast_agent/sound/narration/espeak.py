"""espeak-ng: small, everywhere, needs no model; the default."""

from __future__ import annotations

import asyncio
import contextlib
import io
import wave

from sessioncast_agent.sound.narration.tts import off_loop
from sessioncast_agent.sound.programs import SoundFailed, child_environment

PROGRAM = "espeak-ng"
WORDS_A_MINUTE = 165
TIMEOUT_S = 15.0
MAX_OUTPUT_BYTES = 20_000_000


class EspeakSpeech:
    """See Speech. A process for each sentence; the text goes in by stdin, never as an argument."""

    def __init__(self) -> None:
        self._voices: list[str] = []

    async def voices(self) -> list[str]:
        """See Speech: the language codes, like `en-us` or `de`."""
        if not self._voices:
            listed = await _run([PROGRAM, "--voices"], b"")
            rows = [line.split() for line in listed.decode(errors="replace").splitlines()[1:]]
            self._voices = sorted({row[1] for row in rows if len(row) > 3})
        return self._voices

    async def speak(self, text: str, voice: str | None) -> bytes:
        """See Speech."""
        argv = [PROGRAM, "--stdin", "--stdout", "-b", "1", "-s", str(WORDS_A_MINUTE)]
        made = await _run([*argv, "-v", voice or "en-us"], text.encode())
        try:
            # its header promises a length that it did not know when it wrote it
            with wave.open(io.BytesIO(made)) as file:
                rate_hz = file.getframerate()
                pcm = file.readframes(len(made))
        except (wave.Error, EOFError) as error:
            raise SoundFailed("espeak-ng gave no sound") from error
        return await off_loop(pcm, rate_hz)


async def _run(argv: list[str], text: bytes) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, env=child_environment(), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise SoundFailed("espeak-ng is not installed beside the agent") from error
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, _ = await process.communicate(text)
    except TimeoutError as error:
        raise SoundFailed("espeak-ng did not answer") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0 or len(output) > MAX_OUTPUT_BYTES:
        raise SoundFailed("espeak-ng failed")
    return output
