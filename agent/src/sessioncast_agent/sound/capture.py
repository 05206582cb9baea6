"""What the desktop plays: from a monitor source to a track, frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time

from sessioncast_agent.sound.drift import Act, DriftKeeper
from sessioncast_agent.sound.pcm import frame_bytes, merged, scaled
from sessioncast_agent.sound.programs import READ_BYTES, RecorderProcess, SoundFailed
from sessioncast_agent.sound.thread import Carrier
from sessioncast_agent.sound.track import BUSY_S, SoundTrack
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

CHANNELS = 2
STALL_S = 1.0
# After a stall all is sent, late: a browser's jitter buffer plays it a little faster and is done.
# A frame left out (or silence that is not sent) makes all later ones late by its RTP time stamp,
# and the buffer grows by that for many seconds. Only what nobody would catch up with is dropped.
LATEST_FRAMES = 50
DUCKED = 0.2
DUCK_STEP = 0.05  # a tenth of a second and a half from one to the other


class DesktopCapture:
    """One instance for the session; `run` for as long as one source is to be heard.

    A thread does nothing but carry frames from the recorder's pipe to the track, since an event
    loop between the two costs as much as both.
    """

    def __init__(self, track: SoundTrack, server: str | None, meter: UsageMeter) -> None:
        self._track, self._server, self._meter = track, server, meter
        self.keeper = DriftKeeper(limit=LATEST_FRAMES)
        self.ducked = False
        self.frames = 0
        self._read_bytes = 0
        self._gain = 1.0

    async def run(self, source: str) -> None:
        """Until cancelled; raises SoundFailed when the source or the server is gone."""
        recorder = RecorderProcess(source, CHANNELS, self._server, self._meter)
        ended = asyncio.Event()
        carrier = Carrier(self._meter, lambda: self._carry(recorder.fd, carrier), ended)
        try:
            carrier.start()
            # a look once a second is cheaper than a deadline on each of a hundred frames
            while True:
                seen = (self._read_bytes, self.frames)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STALL_S):
                        await ended.wait()
                if ended.is_set():
                    raise SoundFailed("the recorder was ended by the sound server")
                if self._read_bytes == seen[0]:
                    raise SoundFailed(f"no sound came for {STALL_S:.0f} s")
                if self.frames == seen[1]:
                    raise SoundFailed(f"the room took no sound for {STALL_S:.0f} s")
        finally:
            carrier.stopping = True
            recorder.end()  # the thread reads to the end
            if carrier.stop():
                recorder.close()

    def _carry(self, fd: int, carrier: Carrier) -> None:
        """On the thread, until the recorder ends."""
        size = frame_bytes(CHANNELS)
        waiting = bytearray()
        while chunk := os.read(fd, READ_BYTES):
            self._read_bytes += len(chunk)
            waiting += chunk
            while len(waiting) >= size:
                # one frame at a time, for the SDK may change their order else
                while self._track.busy:
                    if carrier.stopping:
                        return
                    time.sleep(BUSY_S)
                frame = self._next(waiting, size)
                self.frames += 1
                if frame is not None:
                    self._track.put(self._at_its_volume(frame))

    def _next(self, waiting: bytearray, size: int) -> bytes | None:
        act = self.keeper.act(len(waiting) // size)
        frame = bytes(waiting[:size])
        del waiting[:size]
        if act is Act.DROP:
            return None
        if act is Act.MERGE and len(waiting) >= size:
            frame = merged(frame, bytes(waiting[:size]), CHANNELS)
            del waiting[:size]
        return frame

    def _at_its_volume(self, frame: bytes) -> bytes:
        """Softer while somebody narrates."""
        goal = DUCKED if self.ducked else 1.0
        if self._gain == goal == 1.0:
            return frame
        begin = self._gain
        step = max(-DUCK_STEP, min(DUCK_STEP, goal - begin))
        self._gain = round(begin + step, 3)
        return scaled(frame, begin, self._gain)
