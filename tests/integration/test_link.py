"""The agent's link to a real SFU, with what the SDK sometimes does to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest
from livekit import api, rtc

from sessioncast_agent import joining
from sessioncast_agent.clocks import SharedClock, monotonic_us
from sessioncast_agent.link import room as link_room
from sessioncast_agent.link.room import RoomLink, TrackSettings
from sessioncast_agent.link.tokens import Join
from sessioncast_agent.link.video import ScreenOutput, publish_options
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.sdkthreads import LAZY_NS
from sessioncast_agent.stages import RpcHandler
from sessioncast_agent.video.h264 import H264Encoder
from sessioncast_signaling.agentrpc import MALFORMED, UNKNOWN_METHOD
from sessioncast_signaling.sfu import LiveKitSfu, RpcRefusedError, RpcTimeoutError
from support.agent_process import AgentProcess, agent_process
from support.livekit import LiveKitServer
from support.seat import Seat
from support.shim_process import ShimProcess
from support.viewer import eventually, viewer
from support.xserver import XServer

pytestmark = pytest.mark.integration

SIZE = (640, 480)


@dataclass
class Tokens:
    """Ready tokens for one room."""

    sfu: LiveKitServer
    name: str

    def token(self, identity: str) -> str:
        grants = api.VideoGrants(room_join=True, room=self.name)
        token = api.AccessToken(self.sfu.api_key, self.sfu.api_secret)
        return token.with_identity(identity).with_grants(grants).to_jwt()

    async def fetch(self) -> Join:
        return Join(self.sfu.url, self.token(f"agent-{self.name}"))

    async def report(self, attributes: dict[str, str]) -> None:
        del attributes

    async def mute(self, identity: str, muted: bool) -> None:
        del identity, muted

    async def close(self) -> None:
        pass


@dataclass
class Guest:
    """Counts the rooms; answers one method."""

    rooms: list[rtc.Room] = field(default_factory=list)
    methods: tuple[str, ...] = ("shim.expect",)

    def admits(self, topic: str, identity: str) -> bool:
        return bool(topic or identity)

    def rpc_handlers(self, join: Join) -> dict[str, RpcHandler]:
        del join

        async def answer(data: rtc.RpcInvocationData) -> str:
            return data.payload

        return dict.fromkeys(self.methods, answer)

    def joined(self, room: rtc.Room, join: Join) -> None:
        del join
        self.rooms.append(room)

    def left(self) -> None:
        pass

    def participant_joined(self, identity: str) -> None:
        del identity

    def participant_left(self, identity: str) -> None:
        del identity

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        del topic, payload, identity


async def feed(output: ScreenOutput) -> None:
    """Grey pictures, an IDR each, as long as anybody waits for them."""
    encoder = H264Encoder(*SIZE, 30, 1_000_000)
    picture = av.VideoFrame(*SIZE, "yuv420p")
    for plane in picture.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    while True:
        unit: AccessUnit = encoder.encode(picture, idr=True, captured_us=monotonic_us(), fresh=True)
        output.send(unit)
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def linked(tokens: Tokens, guest: Guest) -> AsyncIterator[None]:
    """The agent's link, with pictures going out on it."""
    await asyncio.to_thread(tokens.sfu.create_room, tokens.name)
    output = ScreenOutput(SharedClock())
    link = RoomLink(tokens, output, TrackSettings(1_000_000, 30, lambda: SIZE), guest)
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(feed(output))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_track_that_was_negotiated_as_another_codec_is_published_again(
    sfu: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [rtc.VideoCodec.VP8]

    def sometimes_wrong(max_bitrate_bps: int, fps: int) -> rtc.TrackPublishOptions:
        options = publish_options(max_bitrate_bps, fps)
        if wrong:
            options.video_codec = wrong.pop()
        return options

    monkeypatch.setattr(link_room, "publish_options", sometimes_wrong)
    tokens, guest = Tokens(sfu, "codec"), Guest()
    pictures: list[rtc.VideoFrame] = []
    async with linked(tokens, guest):
        await eventually(lambda: len(guest.rooms) == 2, "a second room")
        seat = Seat()
        seat.show_video(pictures.append)
        offer = {"server_url": sfu.url, "participant_token": tokens.token("viewer-1")}
        async with seat.taken(offer):
            await eventually(lambda: pictures, "a picture")
        assert len(guest.rooms) == 2


async def test_a_call_before_the_agent_answers_calls_is_told_apart_from_a_refusal(
    sfu: LiveKitServer,
) -> None:
    tokens, guest = Tokens(sfu, "early"), Guest(methods=())
    async with (
        linked(tokens, guest),
        LiveKitSfu(sfu.http_url, sfu.api_key, sfu.api_secret) as shim,
    ):
        await eventually(lambda: guest.rooms, "a room")
        refused = None
        while refused is None:  # the SFU gives up while the agent's data channel is not open yet
            with contextlib.suppress(RpcTimeoutError):
                with pytest.raises(RpcRefusedError) as caught:
                    await shim.perform_rpc("early", "agent-early", "shim.expect", "{}", 3.0)
                refused = caught.value
        assert refused.code == MALFORMED
        assert refused.sentence.startswith(UNKNOWN_METHOD)


def slacks(agent: AgentProcess) -> dict[str, int]:
    """Timer slack in nanoseconds of the SDK's threads, by the first word of their names."""
    found = {}
    for task in Path(f"/proc/{agent.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            name = (task / "comm").read_text().split()[0]
            if name in {"worker_thread", "network_thread", "SyntheticAudioD"}:
                found[name] = int(Path(f"/proc/{task.name}/timerslack_ns").read_text())
    return found


def may_set_slack() -> bool:
    """Whether we, and so the agent, have CAP_SYS_NICE."""
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(effective.split()[1], 16) >> 23 & 1)


async def test_the_sdks_threads_are_lazy_while_nobody_watches_where_that_is_allowed(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "lazy") as agent:
        await asyncio.to_thread(agent.wait_ready)
        exact = slacks(agent)["network_thread"]
        if not may_set_slack():
            await eventually(lambda: "threads is off" in agent.log(), "said so")
            assert slacks(agent)["network_thread"] == exact
            return
        await eventually(lambda: set(slacks(agent).values()) == {LAZY_NS}, "all are lazy")
        async with viewer(shim, "lazy") as notes:
            await notes.first_picture(2.0)
            assert slacks(agent) == {
                "worker_thread": exact, "network_thread": exact, "SyntheticAudioD": LAZY_NS,
            }  # fmt: skip


async def test_a_join_that_was_given_up_is_finished_and_left(sfu: LiveKitServer) -> None:
    """Cancelled in the SDK's hands it would end this whole process 15 s later."""
    tokens = Tokens(sfu, "late")
    await asyncio.to_thread(sfu.create_room, "late")
    room = rtc.Room()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await joining.join(room, sfu.url, tokens.token("viewer-1"), rtc.RoomOptions())
    assert not room.isconnected()
    await eventually(lambda: not joining._given_up, "it is over")
    assert room.name == "late", "it got there"
    assert not room.isconnected()
