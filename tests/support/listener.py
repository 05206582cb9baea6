"""A headless listener on the LiveKit SDK: keeps the newest sound of one of the agent's tracks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

from support.agent_process import call
from support.pulse import RATE_HZ, Signal
from support.seat import Seat
from support.shim_process import ShimProcess
from support.viewer import eventually


@dataclass
class Listener:
    """What has been heard, newest last; times are monotonic, sound is (samples, channels)."""

    room: rtc.Room
    identity: str
    sound: dict[str, list[tuple[float, Signal]]] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    captions: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    frames: int = 0

    def heard(self, track: str, seconds: float, ear: int = 0) -> Signal:
        """The last so many seconds of this track, by the left ear (0) or the right (1)."""
        chunks = self.sound.get(track, [])
        signal = np.concatenate([chunk[:, ear] for _, chunk in chunks]) if chunks else np.zeros(0)
        return signal[-int(seconds * RATE_HZ) :]

    def attributes(self, session: str) -> dict[str, str]:
        """What the agent says of itself."""
        agent = self.room.remote_participants.get(f"agent-{session}")
        return dict(agent.attributes) if agent else {}

    def publication(self, session: str, name: str) -> rtc.RemoteTrackPublication | None:
        """The agent's track of this name."""
        agent = self.room.remote_participants.get(f"agent-{session}")
        found = agent.track_publications.values() if agent else ()
        return next((publication for publication in found if publication.name == name), None)

    async def has(self, track: str, within_s: float = 15.0) -> None:
        """Until the track has given sound."""
        await eventually(lambda: self.sound.get(track), f"sound of {track}", within_s)


@contextlib.asynccontextmanager
async def listener(
    shim: ShimProcess, session: str, role: str = "observer", channels: int = 2
) -> AsyncIterator[Listener]:
    """Join and listen to everything that the agent publishes."""
    path = f"/sessions/{session}/webrtc/offer"
    offer = await asyncio.to_thread(call, shim, "POST", path, {"role": role})
    seat = Seat()
    notes = Listener(seat.room, offer["identity"])

    async def pump(name: str, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=channels)
        try:
            async for event in stream:
                frame = np.frombuffer(event.frame.data, np.int16).astype(np.float64) / 32768
                notes.channels[name] = event.frame.num_channels
                ears = frame.reshape(-1, event.frame.num_channels)
                notes.sound.setdefault(name, []).append((time.monotonic(), ears))
        finally:
            await stream.aclose()

    def see(_: rtc.VideoFrame) -> None:
        notes.frames += 1

    def subscribed(
        track: rtc.Track, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant
    ) -> None:
        if who.identity == f"agent-{session}" and track.kind == rtc.TrackKind.KIND_AUDIO:
            seat.start(pump(publication.name, track))

    async def read(reader: rtc.TextStreamReader) -> None:
        text = await reader.read_all()
        notes.captions.append((text, dict(reader.info.attributes or {})))

    seat.show_video(see)
    seat.room.on("track_subscribed", subscribed)
    seat.room.register_text_stream_handler("captions", lambda reader, _: seat.start(read(reader)))
    async with seat.taken(offer):
        yield notes
