"""The room loop: join, publish, watch over the connection, and do it again for as long as the
session lives.

The SDK's own reconnect takes up to 44 s and then gives up for good, so a `Room` that has not come
back after `RECONNECT_PATIENCE_S` is dropped and a new one is made with a fresh token as soon as the
SFU's port answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from sessioncast_agent.errors import AgentError, CannotStart, LinkLost
from sessioncast_agent.joining import join as join_room
from sessioncast_agent.link.incoming import PacketRoom
from sessioncast_agent.link.negotiated import wrong_codec
from sessioncast_agent.link.relay import SignalRelay
from sessioncast_agent.link.tokens import Join, TokenSource
from sessioncast_agent.link.video import TRACK_NAME, ScreenOutput, publish_options
from sessioncast_agent.stages import RpcHandler

log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 8.0
PUBLISH_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 2.0
RECONNECT_PATIENCE_S = 3.0
START_PATIENCE_S = 12.0
BACKOFF_S = (0.2, 0.5, 1.0, 1.0, 2.0)
PROBE_TIMEOUT_S = 1.0
MAX_INCOMING_BYTES = 1_000_000  # the SDK's own limit for one data stream is 5 GB


class RoomGuest(Protocol):
    """What the session does with a room; all calls but `admits` on the event loop."""

    def admits(self, topic: str, identity: str) -> bool:
        """Whether a data packet is to be looked at; on the SDK's thread, for each packet."""

    def rpc_handlers(self, join: Join) -> dict[str, RpcHandler]:
        """Methods to answer in this room."""

    def joined(self, room: rtc.Room, join: Join) -> None:
        """Connected and published."""

    def left(self) -> None:
        """The room is gone; another may follow."""

    def participant_joined(self, identity: str) -> None:
        """Somebody was announced."""

    def participant_left(self, identity: str) -> None:
        """Somebody is gone."""

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        """Somebody sent a data packet; the identity is empty while the SFU has not told it."""


@dataclass(frozen=True)
class TrackSettings:
    """What the `screen` track is published with."""

    max_bitrate_bps: int
    fps: int
    size_px: Callable[[], tuple[int, int]]


class RoomLink:
    """`run` until cancelled; raises SessionEnded or CannotStart when there is no way on."""

    def __init__(
        self, tokens: TokenSource, output: ScreenOutput, track: TrackSettings, guest: RoomGuest
    ) -> None:
        self._tokens, self._output, self._track, self._guest = tokens, output, track, guest
        self._relay = SignalRelay()
        self._ever_joined = False
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Join again and again."""
        async with self._relay.serving():
            try:
                await self._rooms()
            finally:
                for task in list(self._background):
                    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                        await asyncio.wait_for(task, LEAVE_TIMEOUT_S)

    async def _rooms(self) -> None:
        began, failures = time.monotonic(), 0
        while True:
            try:
                await self._one_room()
                failures = 0
            except LinkLost as error:
                log.warning("no link to the room, trying again: %s", error)
                if not self._ever_joined and time.monotonic() - began > START_PATIENCE_S:
                    raise CannotStart(str(error)) from error
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1

    async def _one_room(self) -> None:
        join = await self._tokens.fetch()
        await _probe(join.server_url)
        room = PacketRoom(self._guest.admits, self._guest.data)
        lost: asyncio.Future[AgentError] = asyncio.get_running_loop().create_future()
        self._listen(room, lost)
        try:
            await self._connect(room, join)
            track, source = await self._publish(room)
            # not before: each method makes the SDK negotiate anew, and an offer that is made
            # while a track is added can miss its codec preference (docs/decisions.md)
            for method, handler in self._guest.rpc_handlers(join).items():
                room.local_participant.register_rpc_method(method, handler)
        except BaseException:
            self._leave_later(room, None)
            raise
        checks: list[asyncio.Task[None]] = []
        try:
            self._output.attach(source)
            self._guest.joined(room, join)
            self._ever_joined = True
            log.info("live in the room server=%s", join.server_url)

            def check() -> None:  # the SDK publishes again when it has reconnected
                checks.append(asyncio.create_task(_check_codec(track, lost), name="check-codec"))

            room.on("reconnected", check)
            check()
            raise await lost
        finally:
            for task in checks:
                task.cancel()
            self._output.detach()
            self._guest.left()
            self._leave_later(room, source)

    def _listen(self, room: PacketRoom, lost: asyncio.Future[AgentError]) -> None:
        loop = asyncio.get_running_loop()
        patience: list[asyncio.TimerHandle] = []

        def lose(error: AgentError) -> None:
            if not lost.done():
                lost.set_result(error)

        def reconnecting() -> None:
            log.warning("connection to the SFU lost; the SDK has %.0f s", RECONNECT_PATIENCE_S)
            error = LinkLost("the SFU does not answer")
            patience.append(loop.call_later(RECONNECT_PATIENCE_S, lose, error))

        def reconnected() -> None:
            log.info("connection to the SFU is back")
            while patience:
                patience.pop().cancel()

        def disconnected(reason: rtc.DisconnectReason.ValueType) -> None:
            lose(_disconnect_error(reason))

        room.on("reconnecting", reconnecting)
        room.on("reconnected", reconnected)
        room.on("disconnected", disconnected)
        room.on("participant_connected", lambda p: self._guest.participant_joined(p.identity))
        room.on("participant_disconnected", lambda p: self._guest.participant_left(p.identity))

    async def _connect(self, room: rtc.Room, join: Join) -> None:
        options = rtc.RoomOptions(
            auto_subscribe=False,
            connect_timeout=JOIN_TIMEOUT_S / 2,
            data_stream=rtc.DataStreamOptions(max_payload_byte_length=MAX_INCOMING_BYTES),
        )
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await join_room(room, self._relay.to(join.server_url), join.token, options)
        except (rtc.ConnectError, TimeoutError) as error:
            raise _join_error(join, error) from error

    async def _publish(self, room: rtc.Room) -> tuple[rtc.LocalVideoTrack, rtc.EncodedVideoSource]:
        source = rtc.EncodedVideoSource(*self._track.size_px())
        track = rtc.LocalVideoTrack.create_video_track(TRACK_NAME, source)
        options = publish_options(self._track.max_bitrate_bps, self._track.fps)
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await room.local_participant.publish_track(track, options)
        except (PublishTrackError, TimeoutError) as error:
            raise LinkLost(f"the SFU does not take the screen track: {error}") from error
        return track, source

    def _leave_later(self, room: rtc.Room, source: rtc.EncodedVideoSource | None) -> None:
        """Leaving a dead SFU blocks in the SDK, so it is done beside the next attempt."""

        async def leave() -> None:
            try:
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await room.disconnect()
            except (TimeoutError, RuntimeError) as error:
                log.debug("leaving the old room: %r", error)
            if source is not None:
                await source.aclose()

        task = asyncio.get_running_loop().create_task(leave(), name="leave-room")
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _check_codec(track: rtc.LocalVideoTrack, lost: asyncio.Future[AgentError]) -> None:
    wrong = await wrong_codec(track)
    if wrong is not None and not lost.done():
        lost.set_result(LinkLost(f"the screen track was negotiated as {wrong}, not H.264"))


async def _probe(server_url: str) -> None:
    """Fail fast and cheaply while the SFU's port is closed."""
    parts = urlsplit(server_url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        raise LinkLost(
            f"no LiveKit server answers at {server_url}; start it, or correct the URL"
        ) from error


def _join_error(join: Join, error: Exception) -> AgentError:
    text = str(error)
    if "401" in text or "nauthorized" in text or "403" in text:
        if join.credential is None:
            return CannotStart(
                f"the LiveKit server at {join.server_url} refuses LIVEKIT_TOKEN; "
                "mint one with its own API key, for this room, not yet expired"
            )
        return LinkLost(
            f"the LiveKit server at {join.server_url} refuses the shim's token; "
            "give both the same API key and check their clocks"
        )
    short = "it did not answer in time" if isinstance(error, TimeoutError) else "refused"
    return LinkLost(f"joining at {join.server_url} failed: {short}")


def _disconnect_error(reason: rtc.DisconnectReason.ValueType) -> AgentError:
    name = rtc.DisconnectReason.Name(reason) if reason in rtc.DisconnectReason.values() else "?"
    if reason == rtc.DisconnectReason.DUPLICATE_IDENTITY:
        return CannotStart(
            "another agent has joined with this session's identity; run one agent a session"
        )
    if reason in {rtc.DisconnectReason.ROOM_DELETED, rtc.DisconnectReason.PARTICIPANT_REMOVED}:
        return LinkLost(f"the SFU sent us away ({name})")
    return LinkLost(f"disconnected by the SFU ({name})")
