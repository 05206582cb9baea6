"""Others' clients and ours against the real shim: LiveKit's TokenSource, and the Python client."""

import asyncio
import json
import os
import shutil
from typing import Any

import pytest

from sessioncast_signaling.client import ApiError, Client
from sessioncast_signaling.roles import ControlAction, Kind, Role, State
from support.livekit import REPOSITORY
from support.seat import Seat
from support.shim_process import API_KEY, ShimProcess

pytestmark = pytest.mark.integration

MODULE = REPOSITORY / "signaling/web/node_modules/livekit-client/dist/livekit-client.esm.mjs"


async def token_source(shim: ShimProcess, session: str, **options: Any) -> dict[str, Any]:
    """What livekit-client gets from the offer's address."""
    node = shutil.which("node") or str(REPOSITORY / ".tools/bin/node")
    asked = {
        "module": MODULE.as_uri(),
        "url": f"{shim.url}/api/v1/sessions/{session}/webrtc/offer",
        "bearer": API_KEY,
        "options": options,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        str(REPOSITORY / "tests/support/token_source.mjs"),
        env={"PATH": os.environ["PATH"], "TOKEN_SOURCE": json.dumps(asked)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    found: dict[str, Any] = json.loads(out)
    return found


async def test_livekits_token_source_works_against_an_offer(shim: ShimProcess) -> None:
    async with Client(shim.url, API_KEY) as cast:
        await cast.create_session("source")
        got = await token_source(shim, "source", roomName="source", participantName="Ana")
        seat = Seat()
        offer = {"server_url": got["serverUrl"], "participant_token": got["participantToken"]}
        async with seat.taken(offer):
            assert seat.room.name == "source"
            assert seat.room.local_participant.name == "Ana"
            assert seat.room.local_participant.attributes["role"] == "observer"
        refused = await token_source(shim, "source", participantIdentity="agent-source")
        assert "422" in refused["error"]


async def test_our_client_and_the_life_of_a_session(shim: ShimProcess) -> None:
    async with Client(shim.url, API_KEY) as cast:
        heard: list[tuple[str, State]] = []

        async def listen() -> None:
            async for session in cast.events(retry_s=0.1):
                heard.append((session.session, session.state))

        listening = asyncio.get_running_loop().create_task(listen())
        made = await cast.create_session("typed", kind=Kind.BROWSER, labels={"a": "b"})
        assert made.agent.credential.startswith("sca_")
        assert (await cast.session("typed")).labels == {"a": "b"}
        assert "typed" in [s.session async for s in cast.sessions()]

        link = await cast.create_link("typed", role=Role.OPERATOR, max_uses=2)
        async with Client(shim.url) as nobody:
            joined = await nobody.join(link.url.partition("#join=")[2], name="Ana")
            with pytest.raises(ApiError) as refused:
                await nobody.session("typed")
            assert (refused.value.status, refused.value.type) == (401, "unauthorized")
        async with Client(shim.url, joined.grant) as guest:
            assert (await guest.offer("typed")).role is Role.OPERATOR
            with pytest.raises(ApiError) as refused:
                await guest.control("typed", ControlAction.TAKE)
            assert refused.value.type == "agent-unreachable"
            assert refused.value.retry_after_s == 2
        assert [k.uses async for k in cast.links("typed")] == [1]
        await cast.delete_link("typed", link.id)
        assert [p async for p in cast.participants("typed")] == []
        await cast.remove("typed", joined.identity)
        for ask in (cast.usage("typed"), cast.thumbnail("typed")):
            with pytest.raises(ApiError) as refused:
                await ask
            assert refused.value.status == 404
        await cast.end_session("typed")
        for _ in range(100):
            if ("typed", State.ENDED) in heard:
                break
            await asyncio.sleep(0.1)
        assert ("typed", State.ENDED) in heard
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    async with Client("http://127.0.0.1:9", API_KEY) as away:
        with pytest.raises(ApiError) as refused:
            await away.session("typed")
        assert refused.value.status == 0
