"""Tracks of sound: published on the main loop, fed from the sound thread's own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from sessioncast_agent.sound.pcm import RATE_HZ
from sessioncast_agent.sound.port import FramePort

log = logging.getLogger(__name__)

DESKTOP_TRACK = "desktop-audio"
NARRATION_TRACK = "narration"
DESKTOP_BITRATE_BPS = 128_000
NARRATION_BITRATE_BPS = 48_000
PUBLISH_TIMEOUT_S = 5.0
PUBLISH_PAUSE_S = 1.0
# the SFU knows a track by its packets, and subscribes nobody to one that has sent none
FRESH_S = 5.0
BUSY_S = 0.001  # until the SDK is asked again whether it has taken the frame before


def desktop_options() -> rtc.TrackPublishOptions:
    """No DTX and no RED: it is music as well as speech, and latency counts."""
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO, dtx=False, red=False
    )
    options.audio_encoding.max_bitrate = DESKTOP_BITRATE_BPS
    return options


def narration_options() -> rtc.TrackPublishOptions:
    """Speech: repeated packets are worth more than bits."""
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=True)
    options.audio_encoding.max_bitrate = NARRATION_BITRATE_BPS
    return options


class SoundTrack:
    """A place to push 10 ms frames to, whatever room there is just now.

    `queue_size_ms=0` hands each frame to WebRTC at once: no buffer that a faster clock could fill.
    """

    def __init__(self, name: str, options: rtc.TrackPublishOptions, channels: int) -> None:
        self.name, self.channels = name, channels
        self._options = options
        self._port: FramePort | None = None
        self._track: rtc.LocalAudioTrack | None = None
        self._published_s = 0.0
        self._resting: FramePort | None = None
        self.publication: rtc.LocalTrackPublication | None = None
        self.on_rest: Callable[[bool], None] = lambda resting: None

    @property
    def attached(self) -> bool:
        """Whether there is a room that frames go to."""
        return self._port is not None

    async def publish(self, room: rtc.Room, sound_loop: asyncio.AbstractEventLoop) -> None:
        """Publish into this room, again and again until the SFU takes it. On the main loop."""
        while room.isconnected():
            source = rtc.AudioSource(RATE_HZ, self.channels, queue_size_ms=0, loop=sound_loop)
            track = rtc.LocalAudioTrack.create_audio_track(self.name, source)
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    self.publication = await room.local_participant.publish_track(
                        track, self._options
                    )
            except (PublishTrackError, TimeoutError) as error:
                log.warning("the SFU does not take the track %s: %s", self.name, error)
                await asyncio.sleep(PUBLISH_PAUSE_S)
            else:
                self._close_port()
                self._track, self._published_s = track, time.monotonic()
                self._port = FramePort(source, self.channels)
                return

    def detach(self) -> None:
        """The room is gone. On the main loop."""
        self._close_port()
        self.publication = None

    def _close_port(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()
        if self._resting is not None:
            self._resting = None
            self.on_rest(False)

    def rest(self) -> bool:
        """Nothing is to be heard: whether nothing need be sent. Where frames come from.

        A track that is merely not fed is late for ever after, by its time stamps; for one that was
        muted meanwhile the SFU moves them on.
        """
        port, track = self._port, self._track
        if port is None or track is None or time.monotonic() - self._published_s < FRESH_S:
            return False
        if self._resting is not port:
            self._resting = port
            track.mute()
            self.on_rest(True)
        return True

    def wake(self) -> None:
        """Before a frame that is to be heard. Where frames come from."""
        resting, self._resting = self._resting, None
        if resting is None:
            return
        self.on_rest(False)
        if self._track is not None and resting is self._port:
            self._track.unmute()

    @property
    def busy(self) -> bool:
        """Whether the room has not taken the frame before yet."""
        return self._port is not None and self._port.busy

    def put(self, pcm: bytes) -> None:
        """One frame; on the sound loop, when not busy."""
        if self._port is not None:
            self._port.send(pcm)

    async def push(self, pcm: bytes) -> None:
        """One frame as soon as the room takes it; on the sound loop."""
        while self.busy:  # noqa: ASYNC110 - rare, and an event would cost each frame a wake-up
            await asyncio.sleep(BUSY_S)
        self.put(pcm)
