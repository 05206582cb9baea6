"""The queue of what is to be said; each can be cancelled. On the sound loop."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sessioncast_agent.sound.narration.text import (
    MALFORMED,
    MAX_VOICE_CHARS,
    NO_SUCH,
    TOO_MANY,
    UNAVAILABLE,
    NarrationRefused,
    check_text,
    sentences,
)
from sessioncast_agent.sound.narration.tts import Speech
from sessioncast_agent.sound.pcm import FRAME_MS, frame_bytes
from sessioncast_agent.sound.programs import SoundFailed

log = logging.getLogger(__name__)

MAX_WAITING = 16
REMEMBERED = 64
PAUSE_FRAMES = 15  # between two sentences
LATEST_S = 0.2  # further behind than this, the clock starts anew: nothing is sent in a burst


class State(StrEnum):
    """What becomes of a narration."""

    QUEUED = "queued"
    SPEAKING = "speaking"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass
class Narration:
    """One text."""

    id: str
    text: str = field(repr=False)
    voice: str | None
    state: State = State.QUEUED


@dataclass(frozen=True)
class Caption:
    """One sentence as it begins; an empty text takes the caption away."""

    id: str
    text: str = field(repr=False)
    duration_ms: int


class Narrator:
    """`run` until cancelled."""

    def __init__(
        self,
        speech: Speech,
        push: Callable[[bytes], Awaitable[None]],
        caption: Callable[[Caption], None],
        speaking: Callable[[bool], None],
    ) -> None:
        self._speech, self._push = speech, push
        self._caption, self._speaking = caption, speaking
        self._waiting: deque[Narration] = deque()
        self._known: OrderedDict[str, Narration] = OrderedDict()
        self._current: Narration | None = None
        self._saying: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    # -- what may be asked -------------------------------------------------------------------

    async def say(self, text: object, voice: object, interrupt: object) -> Narration:
        """Queue a text; raises NarrationRefused."""
        checked = check_text(text)
        if voice is not None:
            await self._check_voice(voice)
        if interrupt is True:
            for narration in [*self._waiting, *([self._current] if self._current else [])]:
                self.cancel(narration.id)
        if len(self._waiting) >= MAX_WAITING:
            raise NarrationRefused(
                TOO_MANY, f"{MAX_WAITING} narrations wait already; try again when one is done"
            )
        narration = Narration(
            f"n{secrets.token_hex(6)}", checked, voice if isinstance(voice, str) else None
        )
        self._waiting.append(narration)
        self._known[narration.id] = narration
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        self._wake.set()
        return narration

    async def _check_voice(self, voice: object) -> None:
        if not isinstance(voice, str) or not 0 < len(voice) <= MAX_VOICE_CHARS:
            raise NarrationRefused(MALFORMED, "the voice must be a name")
        try:
            voices = await self._speech.voices()
        except SoundFailed as error:
            raise NarrationRefused(UNAVAILABLE, str(error)) from error
        if voice not in voices:
            raise NarrationRefused(
                NO_SUCH, f"there is no voice {voice!r}; there are: {', '.join(voices)}"
            )

    def cancel(self, narration_id: object) -> Narration:
        """Stop it, or take it out of the queue; raises NarrationRefused where it is unknown."""
        narration = self._known.get(narration_id) if isinstance(narration_id, str) else None
        if narration is None:
            raise NarrationRefused(NO_SUCH, "there is no narration of this id")
        if narration in self._waiting:
            self._waiting.remove(narration)
            narration.state = State.CANCELLED
        elif narration is self._current and self._saying is not None:
            narration.state = State.CANCELLED
            self._saying.cancel()
        return narration

    # -- the queue ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Speak what comes."""
        try:
            while True:
                while not self._waiting:
                    self._speaking(False)
                    self._wake.clear()
                    await self._wake.wait()
                self._current = self._waiting.popleft()
                await self._one(self._current)
                self._current = None
        finally:
            self._speaking(False)

    async def _one(self, narration: Narration) -> None:
        narration.state = State.SPEAKING
        self._saying = asyncio.create_task(self._speak(narration), name="narration")
        try:
            await asyncio.wait([self._saying])
        finally:
            saying, self._saying = self._saying, None
            if not saying.done():  # the end of everything
                saying.cancel()
        if saying.cancelled():
            narration.state = State.CANCELLED
            self._caption(Caption(narration.id, "", 0))
        elif (error := saying.exception()) is not None:
            narration.state = State.FAILED
            log.warning("narration id=%s failed: %s", narration.id, error)
        else:
            narration.state = State.DONE

    async def _speak(self, narration: Narration) -> None:
        size = frame_bytes(1)
        for sentence in sentences(narration.text):
            pcm = await self._speech.speak(sentence, narration.voice)
            pcm += bytes(-len(pcm) % size + PAUSE_FRAMES * size)
            self._speaking(True)
            self._caption(Caption(narration.id, sentence, len(pcm) // size * FRAME_MS))
            await self._play(pcm, size)

    async def _play(self, pcm: bytes, size: int) -> None:
        """At the pace of speech: a frame every 10 ms."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for begin in range(0, len(pcm), size):
            await self._push(pcm[begin : begin + size])
            due_s += FRAME_MS / 1000
            wait_s = due_s - loop.time()
            if wait_s < -LATEST_S:
                due_s = loop.time()
            elif wait_s > 0:
                await asyncio.sleep(wait_s)


def as_answer(narration: Narration) -> dict[str, Any]:
    """`{id, state}`."""
    return {"id": narration.id, "state": narration.state.value}
