"""The last proof: a first frame, decoded, with LiveKit's own SDK."""

from __future__ import annotations

import asyncio
import contextlib
import time

from livekit import rtc

from sessioncast_agent.errors import LinkLost
from sessioncast_agent.joining import join

DEADLINE_S = 12.0
LEAVE_DEADLINE_S = 3.0


async def first_frame(url: str, token: str) -> tuple[float, int, int]:
    """Join, and return seconds until the first picture and its size; raises LinkLost."""
    room = rtc.Room()
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[tuple[int, int]] = loop.create_future()
    tasks: set[asyncio.Task[None]] = set()

    async def watch(track: rtc.Track) -> None:
        stream = rtc.VideoStream(track)
        try:
            async for event in stream:
                if not seen.done():
                    seen.set_result((event.frame.width, event.frame.height))
                return
        finally:
            await stream.aclose()

    def subscribed(track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            tasks.add(loop.create_task(watch(track)))

    room.on("track_subscribed", subscribed)
    began = time.monotonic()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await join(room, url, token, rtc.RoomOptions())
            width, height = await seen
            return time.monotonic() - began, width, height
    except TimeoutError:
        raise LinkLost(f"no picture in {DEADLINE_S:.0f} s") from None
    except rtc.ConnectError as error:
        raise LinkLost(str(error).partition("\n")[0][:120]) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(room.disconnect(), LEAVE_DEADLINE_S)
