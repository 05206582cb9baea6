"""The real shim with a real livekit-server and real WebRTC clients: the life of a session."""

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import api as lkapi
from livekit import rtc
from livekit.protocol import models as api_models

from sessioncast_signaling.agentrpc import EnvelopeRefusedError, verify
from support.livekit import LiveKitServer, livekit_server
from support.seat import Seat
from support.shim_process import API_KEY, ENROLL_KEY, ShimProcess, shim_process

pytestmark = pytest.mark.integration

DEADLINE_S = 15.0
REFUSED_S = 2.0  # the SFU does not answer a refused publish; what counts is that no track is there
DEMO = "/api/v1/sessions/demo"
JPEG = b"\xff\xd8\xff\xe0" + bytes(9_000)  # as large as the protocol's answer may get


@pytest.fixture(scope="module")
def sfu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    with livekit_server(tmp_path_factory.mktemp("sfu")) as server:
        yield server


@pytest.fixture
def shim(sfu: LiveKitServer, tmp_path: Path) -> Iterator[ShimProcess]:
    with shim_process(sfu, tmp_path) as process:
        yield process


class Api:
    """The shim's API as somebody with a key."""

    def __init__(self, shim: ShimProcess) -> None:
        self.http = httpx.AsyncClient(base_url=shim.url, timeout=DEADLINE_S)

    async def __call__(
        self, method: str, path: str, body: Any = None, *, key: str = API_KEY, status: int
    ) -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text)
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json else answer.content


@contextlib.asynccontextmanager
async def api_of(shim: ShimProcess) -> AsyncIterator[Api]:
    api = Api(shim)
    async with api.http:
        yield api


@contextlib.asynccontextmanager
async def joined(url: str, token: str) -> AsyncIterator[rtc.Room]:
    seat = Seat()
    async with seat.taken({"server_url": url, "participant_token": token}):
        yield seat.room


async def eventually(
    ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], what: str
) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        seen = await ask()
        if holds(seen):
            return seen
        await asyncio.sleep(0.1)
    pytest.fail(f"{what}: still {seen}")


class PosingAgent:
    """A participant that answers the shim's calls as the agent does, and checks who signed them."""

    def __init__(self, room: rtc.Room, session: str, credential: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[str] = []
        self.disconnected = asyncio.Event()
        room.on("disconnected", lambda *_: self.disconnected.set())
        usage = {"cpu_seconds": {"encode": 1.5, "process": 2.0}, "bytes_sent": 7}
        picture = {
            "jpeg_base64": base64.b64encode(JPEG).decode(),
            "width_px": 320,
            "height_px": 180,
            "captured_at": "2026-11-23T10:00:00Z",
        }
        answers: dict[str, dict[str, Any]] = {
            "shim.expect": {"ok": True},
            "shim.usage": usage,
            "shim.thumbnail": picture,
            "shim.end": {"usage": usage},
        }

        def handler(method: str) -> Callable[[rtc.RpcInvocationData], Awaitable[str]]:
            async def answer(data: rtc.RpcInvocationData) -> str:
                try:
                    body = verify(
                        credential,
                        method=method,
                        session=session,
                        payload=data.payload,
                        now_ms=time.time_ns() // 1_000_000,
                    )
                except EnvelopeRefusedError as error:
                    self.refused.append(f"{method}: {error.reason}")
                    raise rtc.RpcError(error.code, "refused") from None
                self.heard.append((method, body))
                return json.dumps(answers[method])

            return answer

        for method in answers:
            room.local_participant.register_rpc_method(method, handler(method))


@contextlib.asynccontextmanager
async def agent_in_room(api: Api, session: str, credential: str) -> AsyncIterator[PosingAgent]:
    path = f"/api/v1/sessions/{session}/agent/token"
    token = await api("POST", path, key=credential, status=200)
    async with joined(token["server_url"], token["participant_token"]) as room:
        agent = PosingAgent(room, session, credential)
        attributes = {"size": "1280x720", "state": "live"}
        await asyncio.wait_for(room.local_participant.set_attributes(attributes), DEADLINE_S)
        yield agent


async def wait_live(api: Api, session: str = "demo") -> Any:
    return await eventually(
        lambda: api("GET", f"/api/v1/sessions/{session}", status=200),
        lambda shown: shown["state"] == "live" and shown["size_px"] == [1280, 720],
        "the session is not live",
    )


async def test_the_life_of_a_session(sfu: LiveKitServer, shim: ShimProcess) -> None:
    async with api_of(shim) as api:
        made = await api(
            "POST", "/api/v1/sessions", {"session": "demo"}, key=ENROLL_KEY, status=201
        )
        credential = made["agent"]["credential"]

        started = time.monotonic()
        waiting = await api("POST", f"{DEMO}/webrtc/offer", {}, status=201)
        assert waiting["state"] == "waiting"
        assert waiting["server_url"] == sfu.url
        assert time.monotonic() - started < 1.0, "a waiting offer must not wait for an RPC"

        async with agent_in_room(api, "demo", credential) as agent:
            shown = await wait_live(api)
            assert shown["watching"] == 0

            # the one who came before the agent is known to it by its token's answer, and the next
            # one is announced before it has its own token
            offer = await api(
                "POST", f"{DEMO}/webrtc/offer", {"role": "operator", "name": "Ana"}, status=201
            )
            assert offer["state"] == "live"
            told = [body for method, body in agent.heard if method == "shim.expect"]
            assert told[-1]["identity"] == offer["identity"]
            assert told[-1]["role"] == "operator"
            assert agent.refused == []

            async with joined(offer["server_url"], offer["participant_token"]) as viewer:
                assert viewer.local_participant.identity == offer["identity"]
                people = await eventually(
                    lambda: api("GET", f"{DEMO}/participants", status=200),
                    lambda found: len(found["items"]) == 1,
                    "the viewer is not listed",
                )
                assert people["items"][0]["name"] == "Ana"
                assert people["items"][0]["role"] == "operator"
                assert (await api("GET", DEMO, status=200))["watching"] == 1

            assert await api("GET", f"{DEMO}/thumbnail", status=200) == JPEG
            usage = await api("GET", f"{DEMO}/usage", status=200)
            assert usage["cpu_seconds"]["encode"] == 1.5

            link = await api(
                "POST", f"{DEMO}/join-links", {"role": "operator", "max_uses": 1}, status=201
            )
            secret = link["url"].partition("#join=")[2]
            join = await api("POST", "/api/v1/join", {"secret": secret}, key="", status=201)
            assert join["state"] == "live"
            await api("POST", "/api/v1/join", {"secret": secret}, key="", status=410)
            reload = await api("POST", f"{DEMO}/webrtc/offer", {}, key=join["grant"], status=201)
            assert reload["role"] == "operator"

            started = time.monotonic()
            await api("DELETE", DEMO, status=204)
            assert time.monotonic() - started < 5
            assert agent.heard[-1] == ("shim.end", {"reason": "ended by request"})
            await asyncio.wait_for(agent.disconnected.wait(), DEADLINE_S)

        await api("POST", f"{DEMO}/webrtc/offer", {}, status=410)
        await api("POST", f"{DEMO}/webrtc/offer", {}, key=join["grant"], status=410)
        await api("POST", f"{DEMO}/agent/token", key=credential, status=410)
        assert (await api("GET", DEMO, status=200))["state"] == "ended"
        assert (await api("GET", f"{DEMO}/usage", status=200))["cpu_seconds"]["encode"] == 1.5

        # tokens from before are still valid for minutes, and raise no room
        with pytest.raises(rtc.ConnectError):
            async with joined(reload["server_url"], reload["participant_token"]):
                pass

    log = shim.log_path.read_text()
    for secret_text in (credential, secret, join["grant"], API_KEY, sfu.api_secret, "eyJ"):
        assert secret_text not in log
    assert not re.search(r"Traceback|ERROR", log), log


async def tracks_of(sfu: LiveKitServer, room: str) -> dict[str, list[int]]:
    """What the SFU itself says is published."""
    async with lkapi.LiveKitAPI(sfu.url, sfu.api_key, sfu.api_secret) as client:
        request = lkapi.ListParticipantsRequest(room=room)
        found = await asyncio.wait_for(client.room.list_participants(request), DEADLINE_S)
        return {p.identity: [t.source for t in p.tracks] for p in found.participants}


async def test_an_observer_publishes_nothing(sfu: LiveKitServer, shim: ShimProcess) -> None:
    async with api_of(shim) as api:
        made = await api("POST", "/api/v1/sessions", {"session": "watch"}, status=201)
        heard: list[bytes] = []
        token = await api(
            "POST",
            "/api/v1/sessions/watch/agent/token",
            key=made["agent"]["credential"],
            status=200,
        )
        path = "/api/v1/sessions/watch/webrtc/offer"
        observer = await api("POST", path, {}, status=201)
        operator = await api("POST", path, {"role": "operator"}, status=201)
        async with (
            joined(token["server_url"], token["participant_token"]) as agent,
            joined(observer["server_url"], observer["participant_token"]) as watching,
            joined(operator["server_url"], operator["participant_token"]) as steering,
        ):
            arrived = asyncio.Event()

            def on_data(packet: rtc.DataPacket) -> None:
                heard.append(packet.data)
                if packet.data == b"from the operator":
                    arrived.set()

            agent.on("data_received", on_data)
            identities = [agent.local_participant.identity]

            with contextlib.suppress(Exception):  # the SDK may refuse before the SFU does
                await asyncio.wait_for(
                    watching.local_participant.publish_data(
                        b"from the observer", destination_identities=identities
                    ),
                    2,
                )
            track = rtc.LocalAudioTrack.create_audio_track("voice", rtc.AudioSource(48_000, 1))
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            with pytest.raises((rtc.participant.PublishTrackError, TimeoutError)):
                await asyncio.wait_for(
                    watching.local_participant.publish_track(track, options), REFUSED_S
                )
            await asyncio.wait_for(
                watching.local_participant.set_attributes({"role": "admin"}), DEADLINE_S
            )

            await steering.local_participant.publish_data(
                b"from the operator", destination_identities=identities
            )
            await asyncio.wait_for(arrived.wait(), DEADLINE_S)
            voice = rtc.LocalAudioTrack.create_audio_track("voice", rtc.AudioSource(48_000, 1))
            await asyncio.wait_for(
                steering.local_participant.publish_track(voice, options), DEADLINE_S
            )
            screen = rtc.LocalVideoTrack.create_video_track("screen", rtc.VideoSource(64, 64))
            shared = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_SCREENSHARE)
            with pytest.raises((rtc.participant.PublishTrackError, TimeoutError)):
                await asyncio.wait_for(
                    steering.local_participant.publish_track(screen, shared), REFUSED_S
                )

            people = await eventually(
                lambda: api("GET", "/api/v1/sessions/watch/participants", status=200),
                lambda found: len(found["items"]) == 2,
                "both are listed",
            )
            roles = {p["identity"]: p["role"] for p in people["items"]}
            assert roles == {observer["identity"]: "observer", operator["identity"]: "operator"}
            assert heard == [b"from the operator"]
            assert await tracks_of(sfu, "watch") == {
                "agent-watch": [],
                observer["identity"]: [],
                operator["identity"]: [api_models.TrackSource.MICROPHONE],
            }


async def test_a_restart_of_shim_and_sfu_loses_no_session(
    tmp_path: Path, shim: ShimProcess, sfu: LiveKitServer
) -> None:
    async with api_of(shim) as api:
        made = await api("POST", "/api/v1/sessions", {"session": "kept"}, status=201)
        credential = made["agent"]["credential"]
        shim.restart()
        await api("GET", "/api/v1/sessions/kept", status=404)
        async with agent_in_room(api, "kept", credential):
            await wait_live(api, "kept")

        sfu.kill()
        await asyncio.sleep(1.1)  # what the shim saw a second ago is still believed
        await api("GET", "/readyz", status=503)
        await api("POST", "/api/v1/sessions/kept/webrtc/offer", {}, status=503)
        shown = await api("GET", "/api/v1/sessions/kept", status=200)
        assert (shown["state"], shown["detail"]) == ("reconnecting", "sfu-unreachable")

        sfu.restart()  # it has forgotten all rooms
        await eventually(
            lambda: api.http.get("/readyz"), lambda answer: answer.status_code == 200, "not ready"
        )
        async with agent_in_room(api, "kept", credential) as agent:
            await wait_live(api, "kept")
            offer = await api("POST", "/api/v1/sessions/kept/webrtc/offer", {}, status=201)
            assert offer["state"] == "live"
            assert agent.heard[-1][1]["identity"] == offer["identity"]


def test_it_stops_at_once_and_well(shim: ShimProcess) -> None:
    started = time.monotonic()
    assert shim.stop() == 0
    assert time.monotonic() - started < 5
