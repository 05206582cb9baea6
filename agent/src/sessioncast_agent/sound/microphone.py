"""The operator's voice: from a LiveKit track into the session's virtual microphone."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from livekit import rtc

from sessioncast_agent.sound.drift import Act, DriftKeeper
from sessioncast_agent.sound.pcm import FRAME_MS, RATE_HZ, frame_bytes, merged
from sessioncast_agent.sound.programs import Player, SoundFailed
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

CHANNELS = 1
RESTART_PAUSE_S = 0.3


class MicrophoneFeed:
    """One instance for the session, on the sound loop; `run` for as long as one is to be heard."""

    def __init__(self, server: str | None, meter: UsageMeter) -> None:
        self._server, self._meter = server, meter
        self.keeper = DriftKeeper(needed=3, limit=12, window=25)
        self.frames = 0

    async def run(self, track: rtc.RemoteTrack, sink: str) -> None:
        """Until cancelled or the track ends; a player that ends is started again."""
        stream = rtc.AudioStream(
            track, asyncio.get_running_loop(), capacity=50, sample_rate=RATE_HZ,
            num_channels=CHANNELS, frame_size_ms=FRAME_MS,
        )  # fmt: skip
        try:
            while True:
                try:
                    await self._play(stream, sink)
                    return
                except SoundFailed as error:
                    log.warning("the operator's microphone pauses: %s", error)
                    await asyncio.sleep(RESTART_PAUSE_S)
        finally:
            with contextlib.suppress(RuntimeError):
                await stream.aclose()

    async def _play(self, stream: rtc.AudioStream, sink: str) -> None:
        player = Player(sink, CHANNELS, self._server, self._meter)
        held: bytes | None = None  # waits for the one that it is to be merged with
        size = frame_bytes(CHANNELS)
        try:
            async for event in stream:
                pcm = bytes(event.frame.data)
                self.frames += 1
                if held is not None:
                    player.write(merged(held, pcm, CHANNELS))
                    held = None
                    continue
                act = self.keeper.act(player.waiting_bytes() // size + 1)
                if act is Act.MERGE:
                    held = pcm
                elif act is Act.KEEP:
                    player.write(pcm)
        finally:
            player.close()
