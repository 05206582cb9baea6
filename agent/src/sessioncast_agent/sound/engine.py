"""Everything of sound that runs on the sound thread's own loop, so that neither a busy main loop
nor a hung sound server can make the other wait.

The stage tells it what is wanted (somebody watches, a room stands, who speaks); the sound server
tells it what there is. From both follows what runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from livekit import rtc

from sessioncast_agent.errors import StageUnavailable
from sessioncast_agent.sound.capture import DesktopCapture
from sessioncast_agent.sound.microphone import MicrophoneFeed
from sessioncast_agent.sound.narration.narrator import Caption, Narrator
from sessioncast_agent.sound.narration.tts import Speech
from sessioncast_agent.sound.programs import SoundFailed
from sessioncast_agent.sound.pulse import Devices, PulseWatch
from sessioncast_agent.sound.track import SoundTrack
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

RESTART_PAUSE_S = 0.3


class Job:
    """At most one task, for one value; another value ends it and starts the next."""

    def __init__(self, name: str, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        self._name, self._work = name, work
        self._wanted: Any = None
        self._task: asyncio.Task[None] | None = None

    def want(self, value: object) -> None:
        """Work for this value from now on; None is no work."""
        if value == self._wanted:
            return
        self._wanted = value
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if value is not None:
            self._task = asyncio.create_task(self._again_and_again(value), name=self._name)

    async def _again_and_again(self, value: object) -> None:
        while True:
            try:
                await self._work(value)
                return
            except SoundFailed as error:
                log.warning("%s starts again: %s", self._name, error)
            except Exception:
                log.exception("%s failed", self._name)
            await asyncio.sleep(RESTART_PAUSE_S)

    async def end(self) -> None:
        """Cancel and wait."""
        task, self._task, self._wanted = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class SoundEngine:
    """Made on the sound loop; `run` until cancelled. All methods on that loop."""

    def __init__(
        self,
        server: str | None,
        *,
        must_have: bool,
        microphone: bool,
        track: SoundTrack,
        narration: SoundTrack,
        speech: Speech,
        meter: UsageMeter,
        changed: Callable[[Devices | None], None],
        caption: Callable[[Caption], None],
    ) -> None:
        self._changed = changed
        self._devices: Devices | None = None
        self._watched = False
        self._voice: rtc.RemoteTrack | None = None
        self._pulse = PulseWatch(
            server, must_have=must_have, microphone=microphone, changed=self._devices_changed
        )
        self.capture = DesktopCapture(track, server, meter)
        self.feed = MicrophoneFeed(server, meter)
        self.narrator = Narrator(speech, narration.push, caption, self._narrating)
        self._track = track
        self._desktop = Job("desktop audio", self._hear)
        self._microphone = Job("operator microphone", self._speak)

    async def run(self) -> None:
        """Until cancelled. Narration needs no sound server."""
        narrating = asyncio.create_task(self.narrator.run(), name="narrator")
        try:
            try:
                await self._pulse.run()
            except StageUnavailable as error:
                log.info("no desktop audio: %s", error)
            await narrating
        finally:
            narrating.cancel()
            await self._desktop.end()
            await self._microphone.end()

    async def _hear(self, wanted: tuple[str, int]) -> None:
        await self.capture.run(wanted[0])

    async def _speak(self, wanted: tuple[rtc.RemoteTrack, str, int]) -> None:
        await self.feed.run(wanted[0], wanted[1])

    def _devices_changed(self, devices: Devices | None) -> None:
        self._devices = devices
        self.settle()
        self._changed(devices)

    def _narrating(self, speaking: bool) -> None:
        self.capture.ducked = speaking

    def set_watched(self, watched: bool) -> None:
        """Nobody watching, nothing captured."""
        self._watched = watched
        self.settle()

    def set_voice(self, track: rtc.RemoteTrack | None) -> None:
        """Whose voice goes into the microphone."""
        self._voice = track
        self.settle()

    def settle(self) -> None:
        """Start and end what follows from all of it."""
        devices = self._devices
        hear = devices is not None and self._watched and self._track.attached
        self._desktop.want((devices.monitor, devices.index) if devices and hear else None)
        speak = devices is not None and devices.microphone_sink and self._voice is not None
        self._microphone.want(
            (self._voice, devices.microphone_sink, devices.microphone_index)
            if devices and speak
            else None
        )
