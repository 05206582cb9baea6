"""What the desktop plays: from a monitor source to a track, frame by frame."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sessioncast_agent.sound.drift import Act, DriftKeeper
from sessioncast_agent.sound.pcm import frame_bytes, is_silent, merged, scaled
from sessioncast_agent.sound.programs import Recorder
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

CHANNELS = 2
STALL_S = 1.0
SILENCE_FRAMES = 100  # this much silence is still sent, so that an echo dies away on its own
DUCKED = 0.2
DUCK_STEP = 0.05  # a tenth of a second and a half from one to the other


class DesktopCapture:
    """One instance for the session; `run` for as long as one source is to be heard."""

    def __init__(
        self, push: Callable[[bytes], Awaitable[None]], server: str | None, meter: UsageMeter
    ) -> None:
        self._push, self._server, self._meter = push, server, meter
        self.keeper = DriftKeeper()
        self.ducked = False
        self.frames = 0
        self._gain = 1.0

    async def run(self, source: str) -> None:
        """Until cancelled; raises SoundFailed when the source or the server is gone."""
        size = frame_bytes(CHANNELS)
        recorder = Recorder(source, CHANNELS, self._server, self._meter)
        silent = SILENCE_FRAMES
        try:
            while True:
                await recorder.more(STALL_S)
                waiting = recorder.waiting
                while len(waiting) >= size:
                    frame = self._next(waiting, size)
                    if frame is None:
                        continue
                    self.frames += 1
                    silent = silent + 1 if is_silent(frame) else 0
                    if silent < SILENCE_FRAMES:
                        await self._push(self._at_its_volume(frame))
        finally:
            recorder.close()

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
