"""A headless viewer on the LiveKit SDK: takes an offer from the shim, decodes, keeps notes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

from support.agent_process import call
from support.seat import Seat
from support.shim_process import ShimProcess
from support.xserver import Luma

DEADLINE_S = 15.0


async def eventually(
    condition: Callable[[], object], what: str, within_s: float = DEADLINE_S
) -> float:
    """Wait for a condition; how long it took. The failure names `what`."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s} s: {what}")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def psnr(a: Luma, b: Luma) -> float:
    """Of two luma planes, in dB."""
    error = float(((a - b) ** 2).mean())
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


@dataclass
class Viewer:
    """What one viewer has seen so far. Times are monotonic seconds."""

    room: rtc.Room
    asked_at: float
    connected_at: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    data: list[tuple[str, bytes]] = field(default_factory=list)
    last: Luma | None = None
    watch: Callable[[Luma], None] | None = None

    @property
    def first_after_s(self) -> float | None:
        """From asking for the offer to the first picture."""
        return self.arrivals[0] - self.asked_at if self.arrivals else None

    def seen(self, frame: rtc.VideoFrame) -> None:
        """Note one decoded frame."""
        self.arrivals.append(time.monotonic())
        if not self.sizes or self.sizes[-1] != (frame.width, frame.height):
            self.sizes.append((frame.width, frame.height))
        plane = np.frombuffer(bytes(frame.get_plane(0) or b""), np.uint8)
        self.last = plane.reshape(frame.height, frame.width).astype(np.int32)
        if self.watch is not None:
            self.watch(self.last)

    async def first_picture(self, within_s: float = DEADLINE_S) -> Luma:
        """Wait for it."""
        await eventually(lambda: self.last is not None, "a first picture", within_s)
        assert self.last is not None
        return self.last

    def attributes(self, session: str) -> dict[str, str]:
        """What the agent says of itself."""
        agent = self.room.remote_participants.get(f"agent-{session}")
        return dict(agent.attributes) if agent else {}


@contextlib.asynccontextmanager
async def viewer(shim: ShimProcess, session: str, role: str = "observer") -> AsyncIterator[Viewer]:
    """Ask for an offer, join, decode; leave at the end."""
    asked_at = time.monotonic()
    path = f"/sessions/{session}/webrtc/offer"
    offer = await asyncio.to_thread(call, shim, "POST", path, {"role": role})
    seat = Seat()
    notes = Viewer(seat.room, asked_at)
    seat.show_video(notes.seen)
    seat.room.on("data_received", lambda packet: notes.data.append((packet.topic, packet.data)))
    async with seat.taken(offer):
        notes.connected_at = time.monotonic()
        yield notes
