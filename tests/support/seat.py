"""A place in a LiveKit room for a test: joins, runs what reads tracks, leaves nothing behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

from livekit import rtc

from sessioncast_agent.joining import join

JOIN_WITHIN_S = 15.0
LEAVE_WITHIN_S = 5.0


class Seat:
    """Handlers are added to `room` first; then it is taken, once."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self._work: set[asyncio.Task[None]] = set()
        self._left = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the test, until it ends or the seat is left."""
        if self._left:  # a track that came while we were going
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def show_video(self, seen: Callable[[rtc.VideoFrame], None]) -> None:
        """Decode every video track; no other kind: the SDK leaks the stream of a wrong one."""

        def subscribed(track: rtc.Track, *_: object) -> None:
            if track.kind == rtc.TrackKind.KIND_VIDEO:
                self.start(self._decode(track, seen))

        self.room.on("track_subscribed", subscribed)

    async def _decode(self, track: rtc.Track, seen: Callable[[rtc.VideoFrame], None]) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                seen(event.frame)
        finally:
            await stream.aclose()

    @contextlib.asynccontextmanager
    async def taken(
        self,
        offer: Mapping[str, Any],
        *,
        auto_subscribe: bool = True,
        within_s: float = JOIN_WITHIN_S,
    ) -> AsyncIterator[None]:
        """Join with an offer's token; leave at the end. Raises rtc.ConnectError, TimeoutError."""
        options = rtc.RoomOptions(auto_subscribe=auto_subscribe)
        async with asyncio.timeout(within_s):
            await join(self.room, offer["server_url"], offer["participant_token"], options)
        try:
            yield
        finally:
            self._left = True
            work = list(self._work)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            with contextlib.suppress(TimeoutError, RuntimeError):
                await asyncio.wait_for(self.room.disconnect(), LEAVE_WITHIN_S)
