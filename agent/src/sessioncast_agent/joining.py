"""Joining a room in a way that bears being cancelled, by a deadline for example.

`Room.connect` must never be cancelled: the library would finish joining, wait 15 s to be told that
somebody listens to it, and then end the whole process. So what is given up goes on by itself, and
leaves the room if it still gets there.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from livekit import rtc

log = logging.getLogger(__name__)

LEAVE_WITHIN_S = 5.0

_given_up: set[asyncio.Task[None]] = set()


async def join(room: rtc.Room, url: str, token: str, options: rtc.RoomOptions) -> None:
    """Connect; a room that was given up is not to be used again. Raises rtc.ConnectError."""
    connecting = asyncio.create_task(room.connect(url, token, options), name="connect")
    try:
        await asyncio.shield(connecting)
    except BaseException:
        if not connecting.done():
            leaving = asyncio.create_task(_leave(room, connecting), name="leave-late-room")
            _given_up.add(leaving)
            leaving.add_done_callback(_given_up.discard)
        raise


async def settled() -> None:
    """Wait for the joins that were given up; an event loop must not end before."""
    if _given_up:
        await asyncio.wait(_given_up)


async def _leave(room: rtc.Room, connecting: asyncio.Task[None]) -> None:
    with suppress(rtc.ConnectError, TimeoutError, RuntimeError):
        await connecting
        log.debug("a room that was given up was joined after all; leaving it")
        async with asyncio.timeout(LEAVE_WITHIN_S):
            await room.disconnect()
