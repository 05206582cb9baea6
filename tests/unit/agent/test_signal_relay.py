"""Signalling through the agent: what is changed, what is passed on, and who may use it."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from livekit.protocol import models, rtc

from sessioncast_agent.link.relay import SignalRelay
from sessioncast_agent.link.terms import asked

pytestmark = pytest.mark.unit


def adding(source: models.TrackSource) -> bytes:
    track = rtc.AddTrackRequest(cid="1", name="sound", source=source)
    track.audio_features.append(models.TF_NO_DTX)
    return rtc.SignalRequest(add_track=track).SerializeToString()


def test_the_sound_of_a_screen_is_announced_as_stereo_and_keeps_what_else_was_said() -> None:
    track = rtc.SignalRequest.FromString(asked(adding(models.SCREEN_SHARE_AUDIO))).add_track
    assert track.stereo
    assert list(track.audio_features) == [models.TF_NO_DTX, models.TF_STEREO]
    assert (track.cid, track.name) == ("1", "sound")


@pytest.mark.parametrize(
    "message",
    [
        adding(models.MICROPHONE),
        adding(models.SCREEN_SHARE),
        rtc.SignalRequest(ping=5).SerializeToString(),
        b"",
        b"\xff\xff not a message",
    ],
)
def test_everything_else_stays_byte_for_byte(message: bytes) -> None:
    assert asked(message) == message


class Sfu:
    """Answers each binary message with the same, and notes what it was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.tokens: list[str | None] = []

    async def socket(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        self.tokens.append(request.headers.get("Authorization"))
        if "refuse" in request.query:
            return web.Response(status=401, text="no permissions")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.data == b"bye":
                break
            await socket.send_bytes(message.data)
        return socket

    async def validate(self, request: web.Request) -> web.Response:
        self.paths.append(request.path_qs)
        return web.Response(status=401, text="token is expired")


@pytest.fixture
async def sfu() -> AsyncIterator[Sfu]:
    made = Sfu()
    application = web.Application()
    application.router.add_get("/rtc", made.socket)
    application.router.add_get("/rtc/validate", made.validate)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@contextlib.asynccontextmanager
async def relayed(to: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    relay = SignalRelay()
    async with relay.serving(), aiohttp.ClientSession() as http:
        yield http, relay.to(to)


async def test_messages_go_both_ways_and_an_end_ends_both(sfu: Sfu) -> None:
    async with relayed(sfu.url) as (http, url):
        headers = {"Authorization": "Bearer token"}
        async with http.ws_connect(f"{url}/rtc?protocol=16&sdk=a%2Bb", headers=headers) as socket:
            await socket.send_bytes(adding(models.SCREEN_SHARE_AUDIO))
            echoed = await socket.receive_bytes(timeout=5)
            assert rtc.SignalRequest.FromString(echoed).add_track.stereo
            await socket.send_bytes(b"bye")
            assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
    assert sfu.paths == ["/rtc?protocol=16&sdk=a%2Bb"]
    assert sfu.tokens == ["Bearer token"]


async def test_a_refusal_of_the_sfu_arrives_as_it_is(sfu: Sfu) -> None:
    async with relayed(sfu.url) as (http, url):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/rtc?refuse=1")
        assert refused.value.status == 401
        async with http.get("http" + url.removeprefix("ws") + "/rtc/validate?x=1") as answer:
            assert answer.status == 401
            assert await answer.text() == "token is expired"


async def test_an_sfu_that_is_gone_is_a_502_and_not_a_wait(sfu: Sfu) -> None:
    async with relayed("ws://127.0.0.1:9") as (http, url):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/rtc")
        assert refused.value.status == 502


async def test_another_program_of_the_machine_gets_nothing_without_the_path(sfu: Sfu) -> None:
    async with relayed(sfu.url) as (http, url):
        port = url.split(":")[2].split("/")[0]
        async with http.get(f"http://127.0.0.1:{port}/rtc/validate") as answer:
            assert answer.status == 404
    assert sfu.paths == []
