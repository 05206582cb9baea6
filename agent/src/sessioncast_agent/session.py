"""The composition root: one session from display to room, and its end.

Only the picture, the room and shutdown are fatal here. Everything else (sound, control, the RFB
fallback, …) is an optional stage: made in `_make_stages`, looked after by `StageKeeper`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any

from livekit import rtc

from sessioncast_agent import __version__
from sessioncast_agent.audience import Audience, Person
from sessioncast_agent.backend import BackendEvents, BackendState, CursorImage, CursorPosition
from sessioncast_agent.clocks import SharedClock, monotonic_us, rfc3339
from sessioncast_agent.config import AgentSettings, CursorMode
from sessioncast_agent.control.place import Place
from sessioncast_agent.control.stage import Control
from sessioncast_agent.errors import CaptureFailed, SessionEnded
from sessioncast_agent.health import health_server
from sessioncast_agent.inputs import Clip
from sessioncast_agent.link.cursor import CursorFeed
from sessioncast_agent.link.gate import MediaGate
from sessioncast_agent.link.herald import Herald
from sessioncast_agent.link.room import RoomLink, TrackSettings
from sessioncast_agent.link.shim_calls import ShimCalls
from sessioncast_agent.link.tokens import Join, token_source
from sessioncast_agent.link.video import ScreenOutput
from sessioncast_agent.metrics import AgentMetrics
from sessioncast_agent.rfb.dial import Dialler
from sessioncast_agent.rfb.stage import FallbackSources, FallbackStage
from sessioncast_agent.sdkthreads import LazyThreads
from sessioncast_agent.sound.settings import SoundMode
from sessioncast_agent.sound.stage import SoundStage
from sessioncast_agent.sources import make_backend, own_stages
from sessioncast_agent.stages import RpcHandler, Stage, StageKeeper
from sessioncast_agent.thumbnail import thumbnail_answer
from sessioncast_agent.usage import UsageMeter, rss_bytes
from sessioncast_agent.video.convert import even
from sessioncast_agent.video.stage import VideoStage
from sessioncast_agent.video.tee import Tee

log = logging.getLogger(__name__)

TICK_S, IDLE_TICK_S = 0.5, 1.0
SNAPSHOT_TIMEOUT_S = 3.0
STOP_THREADS_S = 2.0
TOLD_BAN_S = 720.0  # a ban that came with our own token: what the shim bans for at most
END_DELAY_S = 0.2  # lets the answer of shim.end leave before the room is left
ATTRIBUTES_TIMEOUT_S = 3.0


class AgentSession:
    """Everything one agent process does. `run` returns on a clean stop."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._usage = UsageMeter()
        self._clock = SharedClock()
        self._started_unix_us = self._clock.unix_us()
        self._audience = Audience()
        self._watched = self._encoding = False
        self._metrics = AgentMetrics(self._usage, settings.session)
        self._output = ScreenOutput(self._clock)
        self._cursor = CursorFeed()
        self._state = BackendState(live=False, size_px=(0, 0))
        self._room: rtc.Room | None = None
        self._shim: ShimCalls | None = None
        self._stop = asyncio.Event()
        self._attributes_due = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._backend = make_backend(
            settings,
            self._usage,
            BackendEvents(
                state=lambda state: self._soon(self._backend_changed, state),
                cursor_image=lambda image: self._soon(self._pointer_shape, image),
                cursor_position=lambda place: self._soon(self._pointer_place, place),
                clipboard=lambda clip: self._soon(self._copied, clip),
            ),
        )
        self._tee = Tee(self._output)
        self._video = VideoStage(
            fps=settings.fps,
            max_bitrate_bps=settings.max_bitrate_bps,
            output=self._tee,
            usage=self._usage,
            set_fps_cap=self._backend.set_fps_cap,
        )
        self._herald = Herald()
        self._stages = StageKeeper(self._make_stages())

    def _make_stages(self) -> list[Stage]:
        """The optional parts, in the order in which they start."""
        place = Place(
            backend=self._backend,
            size_px=lambda: self._state.size_px,
            frame_id=lambda: self._output.frame_id,
            frame_size_px=self._output.size_px,
            attributes_changed=self._attributes_due.set,
            usage=self._usage,
        )
        settings = self._settings
        self._control = Control(
            place, settings.control, session=settings.session, clock=self._clock
        )
        desk = self._control.desk
        stages: list[Stage] = [*self._control.stages, self._fallback(self._control)]
        stages += [MediaGate(monotonic_us), self._herald, threads := LazyThreads()]
        self._tee.attach(threads.sent)
        stages += own_stages(self._backend, desk, self._attributes_due.set)
        if self._settings.sound.mode is not SoundMode.OFF:
            sound = SoundStage(
                self._settings.sound,
                self._usage,
                self._attributes_due.set,
                lambda identity: person.role if (person := desk.person(identity)) else "",
                threads.silent,
            )
            desk.subscribe(lambda _: sound.set_holder(desk.holder))
            stages.append(sound)
        return stages

    def _fallback(self, control: Control) -> FallbackStage:
        sources = FallbackSources(
            session=self._settings.session,
            snapshot=self._backend.snapshot,
            resize=self._backend.resize,
            state=lambda: self._state,
            frames=self._video.frames,
            tee=self._tee,
            request_keyframe=self._video.request_keyframe,
            audience=self._audience,
            audience_changed=self._audience_changed,
            desk=control.desk,
            clipboard=control.clipboard,
            usage=self._usage,
            separate_pointer=self._settings.cursor is CursorMode.SEPARATE,
            existing=self._settings.existing_vnc,
        )
        return FallbackStage(sources, Dialler(self._settings.tokens.signaling_url))

    def _soon(self, call: Any, value: BackendState | CursorImage | CursorPosition | Clip) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, value)

    async def run(self) -> None:
        """Until SIGTERM, SIGINT or the session's end; raises CannotStart."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        settings = self._settings
        tokens = token_source(settings.tokens, settings.session, self._clock)
        self._herald.report = tokens.report
        self._control.desk.floods.mute = tokens.mute
        try:
            await asyncio.to_thread(self._backend.start, self._video.frames)
            self._video.start()
            async with health_server(
                settings.http_host,
                settings.http_port,
                problems=self._problems,
                metrics=self._metrics.text,
            ) as port:
                log.info("health and metrics at http://%s:%d", settings.http_host, port)
                track = TrackSettings(settings.max_bitrate_bps, settings.fps, self._video_size_px)
                await self._until_stopped(RoomLink(tokens, self._output, track, self))
        finally:
            await asyncio.to_thread(self._stop_threads)
            await tokens.close()

    async def _until_stopped(self, link: RoomLink) -> None:
        tasks = [
            self._loop.create_task(job, name=name)
            for name, job in {
                "room": link.run(),
                "cursor": self._cursor.run(),
                "ticker": self._tick(),
                "attributes": self._keep_attributes(),
                "stages": self._stages.run(),
                "stop": self._stop.wait(),
            }.items()
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if error := task.exception():
                    raise error
        except SessionEnded as error:
            log.info("%s", error)
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _stop_threads(self) -> None:
        self._backend.stop(STOP_THREADS_S)
        if not self._video.stop(STOP_THREADS_S):
            log.warning("the encode thread did not end in time")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S if self._watched else IDLE_TICK_S)
            self._backend.check()
            self._audience_changed()

    def _problems(self) -> list[str]:
        problems = []
        if not self._state.live:
            problems.append(f"display: {self._state.detail or 'not open'}")
        if self._room is None:
            problems.append("room: not joined")
        return problems

    # -- the backend's news, on the loop -----------------------------------------------------

    def _video_size_px(self) -> tuple[int, int]:
        width, height = self._state.size_px
        return even(max(width, 2)), even(max(height, 2))

    def _backend_changed(self, state: BackendState) -> None:
        self._state = state
        self._metrics.collector.live = state.live
        self._attributes_due.set()

    def _pointer_shape(self, image: CursorImage) -> None:
        self._cursor.image(image)
        self._stages.pointer_shape(image)

    def _pointer_place(self, place: CursorPosition) -> None:
        self._cursor.position(place)
        self._stages.pointer_place(place)

    def _copied(self, clip: Clip) -> None:
        self._stages.copied(clip)

    async def _keep_attributes(self) -> None:
        """Keep the participant's attributes in step with the state."""
        while True:
            await self._attributes_due.wait()
            self._attributes_due.clear()
            room = self._room
            if room is None or not room.isconnected():
                continue
            width, height = self._state.size_px
            attributes = {
                "size": f"{width}x{height}",
                "state": "live" if self._state.live else "display-lost",
                "cursor": self._settings.cursor.value,
                "fps": str(self._settings.fps),
                "version": __version__,
            }
            attributes |= self._stages.attributes()
            try:
                async with asyncio.timeout(ATTRIBUTES_TIMEOUT_S):
                    await room.local_participant.set_attributes(attributes)
                self._stages.published(attributes)
            except (TimeoutError, RuntimeError) as error:
                log.debug("attributes not set: %s", error)
                self._attributes_due.set()  # what late joiners must know is not left out
                await asyncio.sleep(ATTRIBUTES_TIMEOUT_S)

    # -- the audience ------------------------------------------------------------------------

    def _audience_changed(self) -> None:
        now_us = monotonic_us()
        watched, encoding = self._audience.watching(now_us), self._audience.decoding(now_us)
        captured = self._watched
        if watched != captured:
            self._watched = watched
            log.info("somebody watches" if watched else "nobody watches any more")
            self._usage.watched(watched)
            self._backend.set_watched(watched)
        if encoding != self._encoding:
            self._encoding = encoding
            self._video.set_watched(encoding)
            if encoding and captured:  # for rectangles: nothing new may come for long
                self._backend.snapshot()
        if watched != captured:
            self._stages.watched(watched)

    def _announce(self) -> None:
        self._audience_changed()
        self._video.announce()
        self._cursor.announce()

    # -- RoomGuest ---------------------------------------------------------------------------

    def rpc_handlers(self, join: Join) -> dict[str, RpcHandler]:
        """See RoomGuest; without a shim nobody may call `shim.*`."""
        handlers = self._stages.rpc_handlers()
        if join.credential is None:
            return handlers
        if self._shim is None:
            self._shim = ShimCalls(join.credential, self._settings.session, self._clock, self)
            self._shim.add(self._stages.shim_methods())
        return handlers | self._shim.handlers()

    def joined(self, room: rtc.Room, join: Join) -> None:
        """See RoomGuest."""
        self._room = self._cursor.room = room
        self._metrics.collector.joined = True
        self._audience.new_room(set(room.remote_participants))
        for person in join.expected:
            self.expect(person)
        for identity in join.banned:
            self.ban(identity, TOLD_BAN_S)
        self._stages.joined(room)
        self._video.new_transport()
        self._backend.snapshot()  # one picture to prime the new track with
        self._announce()
        self._attributes_due.set()

    def left(self) -> None:
        """See RoomGuest."""
        self._room = self._cursor.room = None
        self._metrics.collector.joined = False
        self._audience.new_room(set())
        self._stages.left()

    def participant_joined(self, identity: str) -> None:
        """See RoomGuest."""
        self._audience.joined(identity)
        self._stages.participant_joined(identity)
        self._announce()

    def participant_left(self, identity: str) -> None:
        """See RoomGuest."""
        self._audience.left(identity)
        self._stages.participant_left(identity)
        self._audience_changed()

    def admits(self, topic: str, identity: str) -> bool:
        """See RoomGuest."""
        return self._control.desk.floods.admits(topic, identity)

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        """See RoomGuest."""
        self._stages.data(topic, payload, identity)

    # -- ShimTarget --------------------------------------------------------------------------

    def expect(self, person: Person) -> None:
        """See ShimTarget."""
        self._audience.expect(person, monotonic_us())
        self._stages.expected(person)
        self._announce()

    def ban(self, identity: str, seconds: float) -> None:
        """See ShimTarget."""
        log.info("a viewer was removed identity=%s", identity)
        self._stages.banned(identity, monotonic_us() + int(seconds * 1e6))

    def pardon(self, identity: str) -> None:
        """See ShimTarget."""
        log.info("a viewer is let in again identity=%s", identity)
        self._stages.pardoned(identity)

    def end(self, reason: str) -> dict[str, Any]:
        """See ShimTarget."""
        log.info("the shim ends the session reason=%s", reason)
        self._loop.call_later(END_DELAY_S, self._stop.set)
        return self.usage()

    def usage(self) -> dict[str, Any]:
        """See ShimTarget; the object of docs/protocol.md."""
        counters = self._usage.counters
        uptime = (self._clock.unix_us() - self._started_unix_us) / 1e6
        watched = self._usage.watched_seconds
        return {
            "session": self._settings.session,
            "since": rfc3339(self._started_unix_us),
            "uptime_seconds": round(uptime, 3),
            "cpu_seconds": self._usage.cpu_seconds(),
            "frames": {
                "captured": counters.captured,
                "encoded": counters.encoded,
                "keyframes": counters.keyframes,
                "dropped": counters.dropped,
            },
            "bytes_sent": counters.bytes_sent,
            "watched_seconds": round(watched, 3),
            "unwatched_seconds": round(max(0.0, uptime - watched), 3),
            "rss_bytes": rss_bytes(),
        }

    async def thumbnail(self, width_px: int) -> dict[str, Any]:
        """See ShimTarget."""
        grab = asyncio.wrap_future(self._backend.snapshot())
        try:
            async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
                frame = await grab
        except TimeoutError as error:
            raise CaptureFailed("the display gives no picture now; try again") from error
        captured_at = rfc3339(self._clock.unix_us(frame.captured_us))
        return await asyncio.to_thread(thumbnail_answer, frame.picture, width_px, captured_at)
