"""Who gets this agent's media: everybody, or, while somebody is kept out, all those who are not.

A token cannot be called back: one who was removed can join again with an old one until it has died.
The SFU lets a publisher name those who may subscribe, so that there is nothing to see meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.stages import Stage

log = logging.getLogger(__name__)

CHECK_S = 1.0
MAX_REMEMBERED = 4_096


class MediaGate(Stage):
    """Keeps the list of those who may subscribe in step with who comes, goes and is kept out."""

    name = "gate"

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._banned_until_us: dict[str, int] = {}
        self._ban = asyncio.Event()
        self._welcome: dict[str, None] = {}
        self._room: rtc.Room | None = None
        self._closed = False  # whether the SFU has been given a list

    async def run(self) -> None:
        """Open again when the last ban is over."""
        while True:
            if not self._banned_until_us:
                self._ban.clear()
                await self._ban.wait()
            await asyncio.sleep(CHECK_S)
            now_us = self._now_us()
            over = [who for who, until in self._banned_until_us.items() if until <= now_us]
            for who in over:
                del self._banned_until_us[who]
            if over:
                self._apply()

    def banned(self, identity: str, until_us: int) -> None:
        """See Stage."""
        self._welcome.pop(identity, None)
        self._banned_until_us[identity] = max(until_us, self._banned_until_us.get(identity, 0))
        self._ban.set()
        self._apply()

    def pardoned(self, identity: str) -> None:
        """See Stage."""
        if self._banned_until_us.pop(identity, None) is not None:
            if self._room is not None and identity in self._room.remote_participants:
                self._welcome[identity] = None
            self._apply()

    def expected(self, person: Person) -> None:
        """See Stage: whom the shim announces must be on the list before it subscribes."""
        self._let_in(person.identity)

    def participant_joined(self, identity: str) -> None:
        """See Stage: one whose announcement was lost."""
        self._let_in(identity)

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._room, self._closed = room, False
        for identity in room.remote_participants:
            self._welcome[identity] = None
        room.on("reconnected", self._apply)
        self._apply()

    def left(self) -> None:
        """See Stage."""
        self._room = None

    def _let_in(self, identity: str) -> None:
        if identity in self._banned_until_us or identity in self._welcome:
            return
        while len(self._welcome) >= MAX_REMEMBERED:
            del self._welcome[next(iter(self._welcome))]
        self._welcome[identity] = None
        if self._closed:
            self._apply()

    def _apply(self) -> None:
        room = self._room
        if room is None or not (self._banned_until_us or self._closed):
            return
        open_to_all = not self._banned_until_us
        permissions = [
            rtc.ParticipantTrackPermission(participant_identity=identity, allow_all=True)
            for identity in ([] if open_to_all else self._welcome)
            if identity not in self._banned_until_us
        ]
        try:
            room.local_participant.set_track_subscription_permissions(
                allow_all_participants=open_to_all, participant_permissions=permissions
            )
        except Exception as error:
            log.warning("who may subscribe could not be set, tried again: %r", error)
            asyncio.get_running_loop().call_later(CHECK_S, self._apply)
            return
        self._closed = not open_to_all
        log.info("media for %s", "all" if open_to_all else f"{len(permissions)} who may have it")
