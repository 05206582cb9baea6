"""Sound as an optional part of the session: the seam between the main loop and the sound thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.sound.capture import CHANNELS
from sessioncast_agent.sound.engine import SoundEngine
from sessioncast_agent.sound.narration.narrator import Caption, Narration
from sessioncast_agent.sound.narration.requests import Work, narration_requests
from sessioncast_agent.sound.narration.text import UNAVAILABLE, NarrationRefused
from sessioncast_agent.sound.narration.tts import make_speech
from sessioncast_agent.sound.pulse import Devices
from sessioncast_agent.sound.settings import SoundMode, SoundSettings
from sessioncast_agent.sound.thread import STOP_S, SoundLoop
from sessioncast_agent.sound.track import (
    DESKTOP_TRACK,
    NARRATION_TRACK,
    SoundTrack,
    desktop_options,
    narration_options,
)
from sessioncast_agent.sound.voices import VoiceSwitch
from sessioncast_agent.stages import RpcHandler, ShimMethod, Stage
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

AI = "ai"
CAPTIONS_TOPIC = "captions"
CAPTION_TIMEOUT_S = 2.0
MAX_CAPTIONS = 16


class SoundStage(Stage):
    """The session's sound. Methods on the main loop, as every stage's."""

    name = "sound"

    def __init__(
        self,
        settings: SoundSettings,
        meter: UsageMeter,
        attributes_due: Callable[[], None],
        role_of: Callable[[str], str],
        rests: Callable[[bool], None],
    ) -> None:
        self._settings, self._meter = settings, meter
        self._attributes_due = attributes_due
        self._main = asyncio.get_running_loop()
        self._track = SoundTrack(DESKTOP_TRACK, desktop_options(), CHANNELS)
        self._track.on_rest = rests
        self._narration = SoundTrack(NARRATION_TRACK, narration_options(), 1)
        self._speech = make_speech(settings.narrator)
        self._rpc, self._shim = narration_requests(self._ask_narrator, role_of)
        self._captions: asyncio.Queue[Caption] = asyncio.Queue(MAX_CAPTIONS)
        self._thread: SoundLoop | None = None
        self._engine: SoundEngine | None = None
        self._devices: Devices | None = None
        self._room: rtc.Room | None = None
        self._watched = False
        self._publishing: asyncio.Task[None] | None = None
        self._voices = VoiceSwitch(self._voice_changed)

    # -- life --------------------------------------------------------------------------------

    async def run(self) -> None:
        """See Stage."""
        thread = self._thread = SoundLoop(self._meter)
        thread.start()
        settings = self._settings
        # a cancelled future counts as done while its coroutine is still tidying up
        ended = threading.Event()

        async def engine() -> None:
            self._engine = SoundEngine(
                settings.server,
                must_have=settings.mode is SoundMode.ON,
                microphone=settings.microphone,
                track=self._track,
                narration=self._narration,
                speech=self._speech,
                meter=self._meter,
                changed=lambda devices: self._soon(self._devices_changed, devices),
                caption=lambda caption: self._soon(self._caption_due, caption),
            )
            self._engine.set_watched(self._watched)
            self._engine.set_voice(self._voices.track)
            try:
                await self._engine.run()
            finally:
                ended.set()

        running = asyncio.run_coroutine_threadsafe(engine(), thread.loop)
        captions = self._main.create_task(self._send_captions(), name="captions")
        try:
            self._publish()
            await asyncio.wrap_future(running)
        finally:
            captions.cancel()
            running.cancel()
            self._devices_changed(None)
            await self._cancel_publishing()
            self._track.detach()
            self._narration.detach()
            if self._engine is not None:
                await asyncio.to_thread(ended.wait, STOP_S)
            self._engine = self._thread = None
            await asyncio.to_thread(thread.stop)

    def _soon(self, call: Callable[[Any], None], value: object) -> None:
        if not self._main.is_closed():
            self._main.call_soon_threadsafe(call, value)

    def _tell_engine(self, call: Callable[[SoundEngine], None]) -> None:
        thread, engine = self._thread, self._engine
        if thread is not None and engine is not None:
            with contextlib.suppress(RuntimeError):
                thread.loop.call_soon_threadsafe(call, engine)

    def _devices_changed(self, devices: Devices | None) -> None:
        self._devices = devices
        self._attributes_due()

    # -- the room ----------------------------------------------------------------------------

    def attributes(self) -> dict[str, str]:
        """See Stage."""
        devices = self._devices
        return {
            "sound": "on" if devices else "off",
            "microphone": "on" if devices and devices.microphone_sink else "off",
        }

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """See Stage."""
        return self._rpc

    def shim_methods(self) -> dict[str, ShimMethod]:
        """See Stage."""
        return self._shim

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._room = room
        self._voices.joined(room)
        self._publish()

    def left(self) -> None:
        """See Stage."""
        self._room = None
        self._voices.left()
        self._track.detach()
        self._narration.detach()
        self._tell_engine(SoundEngine.settle)

    def watched(self, watched: bool) -> None:
        """See Stage."""
        self._watched = watched
        self._tell_engine(lambda engine: engine.set_watched(watched))

    def set_holder(self, holder: Person | None) -> None:
        """Only the microphone of whoever has control is heard in the session. An AI has no voice:
        while it acts, the person who had control before it still speaks."""
        if holder is None or holder.actor != AI:
            self._voices.set_speaker("" if holder is None else holder.identity)

    def _voice_changed(self, track: rtc.RemoteTrack | None) -> None:
        self._tell_engine(lambda engine: engine.set_voice(track))

    def _publish(self) -> None:
        room, thread = self._room, self._thread
        if room is None or thread is None:
            return

        async def publish() -> None:
            await self._track.publish(room, thread.loop)
            self._tell_engine(SoundEngine.settle)
            await self._narration.publish(room, thread.loop)

        if self._publishing is not None:
            self._publishing.cancel()
        self._publishing = self._main.create_task(publish(), name="publish-sound")

    # -- narration ---------------------------------------------------------------------------

    async def _ask_narrator(self, work: Work) -> Narration:
        thread, engine = self._thread, self._engine
        if thread is None or engine is None:
            raise NarrationRefused(UNAVAILABLE, "the narrator is starting; try again")
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(work(engine.narrator), thread.loop)
        )

    def _caption_due(self, caption: Caption) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._captions.put_nowait(caption)

    async def _send_captions(self) -> None:
        """As LiveKit text streams, which any client can read."""
        while True:
            caption = await self._captions.get()
            room = self._room
            if room is None or not room.isconnected():
                continue
            try:
                async with asyncio.timeout(CAPTION_TIMEOUT_S):
                    await room.local_participant.send_text(
                        caption.text,
                        topic=CAPTIONS_TOPIC,
                        attributes={"id": caption.id, "duration_ms": str(caption.duration_ms)},
                    )
            except Exception as error:  # the SDK raises bare Exception and RtcError alike
                log.debug("caption not sent: %r", error)

    async def _cancel_publishing(self) -> None:
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
            self._publishing = None
