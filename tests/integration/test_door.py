"""Who may be there, with every part real: SFU with webhooks, shim, X server, agent, viewers."""

import asyncio
import contextlib
import json
import time
import urllib.error
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import rtc

from sessioncast_agent import joining
from support.agent_process import AgentProcess, agent_process, call
from support.livekit import LiveKitServer, free_ports, livekit_server
from support.seat import Seat
from support.shim_process import API_KEY, ShimProcess, shim_process
from support.viewer import Viewer, eventually, viewer
from support.xserver import XServer

pytestmark = pytest.mark.integration

DEADLINE_S = 15.0
SESSION = "door"
ROOT = f"/sessions/{SESSION}"


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def sfu(module_path: Path, port: int) -> Iterator[LiveKitServer]:
    hook = {"api_key": "APItest", "urls": [f"http://127.0.0.1:{port}/api/v1/livekit/webhook"]}
    with livekit_server(module_path, config={"webhook": hook}) as server:
        yield server


@pytest.fixture
def shim(sfu: LiveKitServer, tmp_path: Path, port: int) -> Iterator[ShimProcess]:
    with shim_process(sfu, tmp_path, port=port) as process:
        yield process


@pytest.fixture
def agent(shim: ShimProcess, x: XServer, tmp_path: Path) -> Iterator[AgentProcess]:
    with agent_process(shim, x, tmp_path, SESSION, "--control-mode", "explicit") as running:
        running.wait_ready()
        yield running
        running.terminate()


async def ask(
    shim: ShimProcess, method: str, path: str, body: Any = None, key: str = API_KEY
) -> Any:
    return await asyncio.to_thread(call, shim, method, path, body, key)


async def refused(
    shim: ShimProcess, status: int, method: str, path: str, body: Any = None, key: str = API_KEY
) -> str:
    with pytest.raises(urllib.error.HTTPError) as error:
        await ask(shim, method, path, body, key)
    assert error.value.code == status
    return str(json.loads(error.value.read())["type"]).rpartition(":")[2]


async def by_link(shim: ShimProcess, **link: Any) -> dict[str, Any]:
    """Come by a join link; the answer."""
    made = await ask(shim, "POST", f"{ROOT}/join-links", link)
    body = {"secret": made["url"].partition("#join=")[2]}
    joined: dict[str, Any] = await ask(shim, "POST", "/join", body, "-")
    return joined | {"secret": body["secret"]}


@contextlib.asynccontextmanager
async def watching(offer: dict[str, Any]) -> AsyncIterator[Viewer]:
    """Connect with a token, whatever becomes of it, and decode what comes. Who is sent away while
    connecting tries for a minute, in vain or not: that long it is not waited for here."""
    seat = Seat()
    notes = Viewer(seat.room, time.monotonic())
    seat.show_video(notes.seen)
    try:
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError, rtc.ConnectError):
                await stack.enter_async_context(seat.taken(offer, within_s=8.0))
            yield notes
    finally:
        await joining.settled()


async def test_one_who_was_removed_is_removed_again_each_time(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="operator", max_uses=9)
    async with viewer(shim, SESSION) as other:
        await other.first_picture()
        async with watching(offer) as guest:
            await guest.first_picture()
            began = time.monotonic()
            await ask(shim, "DELETE", f"{ROOT}/participants/{offer['identity']}")
            assert time.monotonic() - began < 5
            await eventually(lambda: not guest.room.isconnected(), "the guest is out")
        for _ in range(3):  # S9: with the token that it still has
            began = time.monotonic()
            async with watching(offer) as back:
                await eventually(lambda: not back.room.isconnected(), "out again")
                assert back.arrivals == [], "not one picture"
                assert time.monotonic() - began < 10
        await refused(shim, 403, "POST", f"{ROOT}/webrtc/offer", {}, offer["grant"])
        await refused(shim, 403, "GET", f"{ROOT}/thumbnail", None, offer["grant"])
        again = {"secret": offer["secret"]}
        assert await refused(shim, 404, "POST", "/join", again, "-") == "link-unknown"
        seen = len(other.arrivals)
        await eventually(lambda: len(other.arrivals) > seen, "the other one goes on watching")


async def test_old_tokens_get_no_media_even_when_nobody_removes_them(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    """The agent alone: with the shim dead, the guest stays in the room and sees nothing."""
    offer = await by_link(shim, role="operator")
    spare = await ask(shim, "POST", f"{ROOT}/webrtc/offer", {})
    async with viewer(shim, SESSION) as other:
        await other.first_picture()
        await ask(shim, "DELETE", f"{ROOT}/participants/{offer['identity']}")
        late = await ask(shim, "POST", f"{ROOT}/webrtc/offer", {})
        shim.process.kill()
        shim.process.wait(10)
        try:
            async with watching(offer) as guest, watching(late) as newcomer:
                await newcomer.first_picture()  # whoever was let in since is on the list
                async with watching(spare) as earlier:
                    await earlier.first_picture()
                await asyncio.sleep(3)
                assert guest.room.isconnected()
                assert guest.arrivals == []
                video = [
                    publication
                    for publication in guest.room.remote_participants[
                        f"agent-{SESSION}"
                    ].track_publications.values()
                    if publication.kind == rtc.TrackKind.KIND_VIDEO
                ]
                assert [publication.track for publication in video] == [None]
                seen = len(other.arrivals)
                await eventually(lambda: len(other.arrivals) > seen, "the other goes on watching")
        finally:
            await asyncio.to_thread(shim.start)


async def test_an_agent_that_comes_back_knows_who_is_kept_out(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="observer")
    await ask(shim, "DELETE", f"{ROOT}/participants/{offer['identity']}")
    await asyncio.to_thread(agent.terminate)
    agent.start()
    await asyncio.to_thread(agent.wait_ready)
    assert "a viewer was removed" in agent.log().rpartition("live in the room")[0]
    async with watching(offer) as guest:
        await eventually(lambda: not guest.room.isconnected(), "out again")
        assert guest.arrivals == []
    async with viewer(shim, SESSION) as other:
        await other.first_picture()


async def test_one_who_is_let_back_sees_and_steers_again(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="operator")
    await ask(shim, "DELETE", f"{ROOT}/participants/{offer['identity']}")
    async with viewer(shim, SESSION) as other:
        await other.first_picture()  # while somebody is kept out, the agent names who may see
        (ban,) = (await ask(shim, "GET", f"{ROOT}/bans"))["items"]
        assert ban["identities"] == [offer["identity"]]
        await ask(shim, "DELETE", f"{ROOT}/bans/{ban['ban']}")
        assert "media for all" in agent.log().rpartition("a viewer is let in again")[2]
        async with watching(offer) as same:  # the token of the time before
            await same.first_picture()
            assert same.room.isconnected()
        fresh = await ask(shim, "POST", f"{ROOT}/webrtc/offer", {}, offer["grant"])
        async with watching(fresh) as guest:
            await guest.first_picture()
            body = {"action": "request", "identity": fresh["identity"]}
            answer = await ask(shim, "POST", f"{ROOT}/control", body, offer["grant"])
            assert answer["state"] == "granted"


async def test_an_observer_asks_for_control_and_steers(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="observer", may_ask=True, name="Ana")
    plain = await by_link(shim, role="observer")
    assert (offer["role"], offer["may_ask"]) == ("observer", True)
    control = f"{ROOT}/control"
    async with watching(offer) as ana:
        await ana.first_picture()
        await refused(shim, 403, "POST", control, {"action": "request"}, plain["grant"])
        answer = await ask(shim, "POST", control, {"action": "request"}, offer["grant"])
        assert answer["state"] == "granted"
        await eventually(
            lambda: ana.attributes(SESSION).get("control.holder") == offer["identity"],
            "the agent says that Ana has control",
        )
        permissions = ana.room.local_participant
        # what the token did not let her do: data to the agent, and with it the lease is kept
        beat = json.dumps([1, "beat", [], [], None, None]).encode()
        for _ in range(15):
            await permissions.publish_data(
                beat, topic="input", destination_identities=[f"agent-{SESSION}"]
            )
            await asyncio.sleep(0.2)
        assert ana.attributes(SESSION).get("control.holder") == offer["identity"]
        fresh = await ask(shim, "POST", f"{ROOT}/webrtc/offer", {}, offer["grant"])
        assert (fresh["role"], fresh["may_ask"]) == ("operator", False)
        shown = await ask(shim, "GET", ROOT)
        assert shown["control"]["name"] == "Ana"


class Listener:
    """The server-sent events of a shim, kept."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Any]] = []

    def last(self, session: str) -> dict[str, Any]:
        views = [data for kind, _, data in self.heard if kind == "session"]
        return next((v for v in reversed(views) if v["session"] == session), {})

    async def run(self, shim: ShimProcess, key: str, last_id: str) -> None:
        headers = {"Authorization": f"Bearer {key}"} | (
            {"Last-Event-ID": last_id} if last_id else {}
        )
        url = f"{shim.url}/api/v1/events"
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(10, read=60)) as http,
            http.stream("GET", url, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if not line and "data" in fields:
                    kind, number = fields["event"], fields.get("id", "")
                    self.heard.append((kind, number, json.loads(fields["data"])))
                    fields = {}
                elif line and not line.startswith(":"):
                    fields[name] = value


@contextlib.asynccontextmanager
async def listening(
    shim: ShimProcess, key: str = API_KEY, last_id: str = ""
) -> AsyncIterator[Listener]:
    listener = Listener()
    task = asyncio.get_running_loop().create_task(listener.run(shim, key, last_id))
    try:
        if not last_id:
            await eventually(lambda: listener.heard or task.done(), "the stream has begun")
        yield listener
    finally:
        task.cancel()
        done = (await asyncio.gather(task, return_exceptions=True))[0]
        assert not isinstance(done, AssertionError), done


async def test_news_come_as_they_happen_and_go_on_where_they_stopped(
    shim: ShimProcess, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="observer", may_ask=True, name="Ana")

    def sees(listener: Listener, holds: Callable[[dict[str, Any]], bool]) -> Callable[[], bool]:
        return lambda: bool(listener.last(SESSION)) and holds(listener.last(SESSION))

    async with listening(shim) as news, listening(shim, offer["grant"]) as own:
        assert news.heard[0][0] == "reset"
        await ask(shim, "POST", "/sessions", {"session": "beside"})
        await eventually(lambda: news.last("beside"), "the new session")
        async with viewer(shim, SESSION), watching(offer) as ana:
            await ana.first_picture()
            await eventually(sees(news, lambda v: v["watching"] == 2), "two watch")
            await ask(shim, "POST", f"{ROOT}/control", {"action": "request"}, offer["grant"])
            await eventually(sees(news, lambda v: bool(v["control"])), "Ana has control")
            assert news.last(SESSION)["control"]["name"] == "Ana"
        await eventually(sees(news, lambda v: v["watching"] == 0), "nobody watches any more")
        hooks = "method=POST route=/api/v1/livekit/webhook status=200"
        assert hooks in shim.log_path.read_text(), "the SFU's webhooks have come"
        last_id = news.heard[-1][1]
        assert own.last("beside") == {}, "a guest hears of its own session alone"
        assert own.last(SESSION)["session"] == SESSION
    await ask(shim, "DELETE", "/sessions/beside")
    async with listening(shim, last_id=last_id) as news:
        await eventually(lambda: news.last("beside").get("state") == "ended", "what was missed")
        assert "reset" not in {kind for kind, _, _ in news.heard}
    await asyncio.to_thread(shim.restart)
    async with listening(shim, last_id=last_id) as news:
        await eventually(lambda: news.heard, "the restarted shim answers")
        assert news.heard[0][0] == "reset"


async def test_the_shim_ends_although_somebody_listens(shim: ShimProcess) -> None:
    async with listening(shim):
        began = time.monotonic()
        assert await asyncio.to_thread(shim.stop) == 0
        assert time.monotonic() - began < 5
    assert "ERROR" not in shim.log_path.read_text()


async def test_an_ended_session_is_raised_by_no_old_token(
    shim: ShimProcess, sfu: LiveKitServer, agent: AgentProcess
) -> None:
    offer = await by_link(shim, role="operator")
    await ask(shim, "DELETE", ROOT)
    assert await asyncio.to_thread(agent.process.wait, 10) == 0
    with pytest.raises(rtc.ConnectError):
        async with Seat().taken(offer):
            pass
    assert await refused(shim, 410, "POST", f"{ROOT}/webrtc/offer", {}) == "session-ended"
    await ask(shim, "POST", "/sessions", {"session": "door-2"})
