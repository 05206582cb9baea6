"""An operator on the LiveKit SDK: speaks a tone into the room, takes control and keeps it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
from livekit import rtc

from support.listener import Listener, listener
from support.pulse import RATE_HZ, tone
from support.shim_process import ShimProcess

FRAME = RATE_HZ // 100
BEAT_S = 0.2


@dataclass
class Speaker:
    """One operator; `beating` keeps what control it has."""

    ear: Listener
    agent: str
    beating: bool = True
    level: float = 0.5

    async def send(self, *message: object) -> None:
        """One `input` packet to the agent."""
        await self.ear.room.local_participant.publish_data(
            json.dumps([1, *message]).encode(),
            reliable=True,
            topic="input",
            destination_identities=[self.agent],
        )

    async def take_control(self) -> None:
        """Control is free and implicit: the first act takes it."""
        await self.send("button", 1, 0, True, 5, 5, 0)
        await self.send("button", 2, 0, False, 5, 5, 0)


@contextlib.asynccontextmanager
async def speaker(
    shim: ShimProcess, session: str, hertz: float, role: str = "operator"
) -> AsyncIterator[Speaker]:
    """Join, publish a microphone that holds a tone, and beat."""
    async with listener(shim, session, role) as ear:
        one = Speaker(ear, f"agent-{session}")
        source = rtc.AudioSource(RATE_HZ, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await ear.room.local_participant.publish_track(track, options)

        async def talk() -> None:
            sound = (tone(hertz, 1, 1.0) * 32767).astype(np.int16)
            while True:
                for begin in range(0, len(sound), FRAME):
                    pcm = (sound[begin : begin + FRAME] * one.level).astype(np.int16).tobytes()
                    await source.capture_frame(rtc.AudioFrame(pcm, RATE_HZ, 1, FRAME))

        async def beat() -> None:
            while True:
                await asyncio.sleep(BEAT_S)
                if one.beating:
                    await one.send("beat", [], [], False, False)

        tasks = [asyncio.create_task(talk()), asyncio.create_task(beat())]
        try:
            yield one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await source.aclose()
