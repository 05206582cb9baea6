"""What the desktop plays: from a monitor source to a track, packet by packet.

WebRTC's packet of Opus is 20 ms (two frames of 10), so that much is read and handed on at a time:
a half that came earlier would only wait for the other, and cost each thread a wake-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from sessioncast_agent.sound.drift import Act, DriftKeeper
from sessioncast_agent.sound.pcm import FRAME_MS, frame_bytes, merged, scaled
from sessioncast_agent.sound.programs import RecorderProcess, SoundFailed
from sessioncast_agent.sound.quiet import QuietWatch
from sessioncast_agent.sound.thread import Carrier
from sessioncast_agent.sound.track import BUSY_S, SoundTrack
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

CHANNELS = 2
STALL_S = 1.0
# After a stall all is sent, late: a browser's jitter buffer plays it a little faster and is done.
# A frame left out (or silence that is not sent) makes all later ones late by its RTP time stamp,
# and the buffer grows by that for many seconds. Only what nobody would catch up with is dropped.
LATEST_PACKETS = 25
LOOK_PACKETS = 50
DUCKED = 0.2
DUCK_STEP = 0.1  # 0.16 s from one to the other
REST_AFTER_S = 10
PACKET_MS = 2 * FRAME_MS
PACKET_BYTES = 2 * frame_bytes(CHANNELS)


class DesktopCapture:
    """One instance for the session; `run` for as long as one source is to be heard.

    A thread does nothing but carry frames from the recorder's pipe to the track, since an event
    loop between the two costs as much as both.
    """

    def __init__(self, track: SoundTrack, server: str | None, meter: UsageMeter) -> None:
        self._track, self._server, self._meter = track, server, meter
        self.keeper = DriftKeeper(needed=1, limit=LATEST_PACKETS, window=LOOK_PACKETS)
        self._quiet = QuietWatch(REST_AFTER_S * 1000 // PACKET_MS)
        self.ducked = False
        self.packets = 0
        self._read_bytes = 0
        self._gain = 1.0

    async def run(self, source: str) -> None:
        """Until cancelled; raises SoundFailed when the source or the server is gone."""
        self._quiet.reset()
        recorder = RecorderProcess(source, CHANNELS, self._server, self._meter)
        ended = asyncio.Event()
        carrier = Carrier(self._meter, lambda: self._carry(recorder, carrier), ended)
        try:
            carrier.start()
            # a look once a second is cheaper than a deadline on each of a hundred frames
            while True:
                seen = (self._read_bytes, self.packets)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STALL_S):
                        await ended.wait()
                if ended.is_set():
                    raise SoundFailed("the recorder was ended by the sound server")
                if self._read_bytes == seen[0]:
                    raise SoundFailed(f"no sound came for {STALL_S:.0f} s")
                if self.packets == seen[1]:
                    raise SoundFailed(f"the room took no sound for {STALL_S:.0f} s")
        finally:
            carrier.stopping = True
            recorder.end()  # the thread reads to the end
            if carrier.stop():
                recorder.close()

    def _carry(self, recorder: RecorderProcess, carrier: Carrier) -> None:
        """On the thread, until the recorder ends."""
        while packet := self._next(recorder):
            # one packet at a time, for the SDK may change their order else
            while self._track.busy:
                if carrier.stopping:
                    return
                time.sleep(BUSY_S)
            self.packets += 1
            if not (self._quiet.quiet(packet) and self._track.rest()):
                self._track.wake()
                self._track.put(self._at_its_volume(packet))

    def _next(self, recorder: RecorderProcess) -> bytes | None:
        """None at the end."""
        while packet := self._read(recorder):
            act = self.keeper.act(1 + recorder.waiting_bytes() // PACKET_BYTES)
            if act is Act.KEEP:
                return packet
            if act is Act.MERGE:
                more = self._read(recorder)
                return merged(packet, more, CHANNELS) if more else None
        return None

    def _read(self, recorder: RecorderProcess) -> bytes | None:
        """One packet, or None at the end."""
        chunk = recorder.read(PACKET_BYTES)
        self._read_bytes += len(chunk)
        return chunk if len(chunk) == PACKET_BYTES else None

    def _at_its_volume(self, packet: bytes) -> bytes:
        """Softer while somebody narrates."""
        goal = DUCKED if self.ducked else 1.0
        if self._gain == goal == 1.0:
            return packet
        begin = self._gain
        step = max(-DUCK_STEP, min(DUCK_STEP, goal - begin))
        self._gain = round(begin + step, 3)
        return scaled(packet, begin, self._gain)
