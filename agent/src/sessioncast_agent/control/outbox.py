"""What control tells the room: notices (reliable), presence (the newest place of each person)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from sessioncast_agent.audience import Person

log = logging.getLogger(__name__)

NOTICE, PRESENCE, CLIPBOARD = "notice", "presence", "clipboard"
MAX_NOTICES = 256
MAX_POINTERS = 64
POINTERS_PER_S = 20.0
SEND_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class _Letter:
    topic: str
    payload: bytes
    to: tuple[str, ...]  # empty: everybody
    reliable: bool


class Outbox:
    """Filled on the event loop without waiting; `run` sends."""

    def __init__(self) -> None:
        self.room: rtc.Room | None = None
        self.dropped = 0
        self.copies: list[Callable[[str, bytes, tuple[str, ...]], None]] = []  # for the fallback
        self._letters: deque[_Letter] = deque()
        self._pointers: dict[str, _Letter] = {}
        self._next_pointers_at = 0.0
        self._wake = asyncio.Event()

    def tell(self, topic: str, message: list[object], to: list[str]) -> None:
        """Reliable, to these; nothing when there are none."""
        if not to:
            return
        if len(self._letters) >= MAX_NOTICES:
            self._letters.popleft()
            self.dropped += 1
        self._letters.append(_Letter(topic, _encoded(message), tuple(to), True))
        self._wake.set()

    def pointer(self, person: Person, x_px: int, y_px: int) -> None:
        """Somebody without control points at something."""
        if person.identity not in self._pointers and len(self._pointers) >= MAX_POINTERS:
            return
        message = ["ptr", person.identity, person.name, person.actor, x_px, y_px]
        self._pointers[person.identity] = _Letter(PRESENCE, _encoded(message), (), False)
        self._wake.set()

    def gone(self, identity: str) -> None:
        """Its pointer is to be seen no more."""
        self._pointers[identity] = _Letter(PRESENCE, _encoded(["gone", identity]), (), False)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._letters:
                await self._send(self._letters.popleft())
            if self._pointers:
                pause_s = self._next_pointers_at - loop.time()
                if pause_s > 0:
                    loop.call_later(pause_s, self._wake.set)
                    continue
                self._next_pointers_at = loop.time() + 1 / POINTERS_PER_S
                pointers, self._pointers = self._pointers, {}
                for letter in pointers.values():
                    await self._send(letter)

    async def _send(self, letter: _Letter) -> None:
        for copy in self.copies:
            copy(letter.topic, letter.payload, letter.to)
        room = self.room
        if room is None or not room.isconnected():
            self.dropped += 1
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await room.local_participant.publish_data(
                    letter.payload,
                    reliable=letter.reliable,
                    destination_identities=list(letter.to),
                    topic=letter.topic,
                )
        except (TimeoutError, PublishDataError) as error:
            self.dropped += 1
            log.debug("%s not sent: %s", letter.topic, error)


def _encoded(message: list[object]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
