"""Two replicas of the shim on one real Redis: one of them is killed; then Redis goes away."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.agent_process import agent_process
from support.livekit import LiveKitServer
from support.redis_server import RedisServer, redis_server
from support.rfb import DESKTOP_SIZE, RAW, offer, probe
from support.shim_process import API_KEY, ENROLL_KEY, ShimProcess, shim_process
from support.viewer import eventually
from support.xserver import XServer

pytestmark = pytest.mark.integration

DEMO = "/api/v1/sessions/demo"
OFFER = f"{DEMO}/webrtc/offer"


@dataclass
class Pair:
    """Both replicas, and what they share."""

    one: ShimProcess
    other: ShimProcess
    redis: RedisServer


@pytest.fixture
def pair(sfu: LiveKitServer, tmp_path: Path) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path))
        shims = []
        for name in ("one", "other"):
            directory = tmp_path / name
            directory.mkdir()
            shims.append(
                stack.enter_context(
                    shim_process(sfu, directory, REDIS_URL=redis.url, LIMIT_PERSON_PER_MINUTE="60")
                )
            )
        yield Pair(shims[0], shims[1], redis)


async def ask(
    shim: ShimProcess, method: str, path: str, body: Any = None, key: str = API_KEY
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=shim.url, timeout=20) as http:
        headers = {"Authorization": f"Bearer {key}"}
        return await http.request(method, path, json=body, headers=headers)


async def test_two_replicas_are_one_and_one_may_die(pair: Pair) -> None:
    made = await ask(pair.one, "POST", "/api/v1/sessions", {"session": "demo"}, ENROLL_KEY)
    assert made.status_code == 201
    assert (await ask(pair.other, "GET", DEMO)).json()["state"] == "waiting"

    link = (await ask(pair.other, "POST", f"{DEMO}/join-links", {"role": "operator"})).json()
    body = {"secret": link["url"].partition("#join=")[2]}
    joins = await asyncio.gather(
        *(ask(shim, "POST", "/api/v1/join", body) for shim in (pair.one, pair.other) * 5)
    )
    assert sorted(j.status_code for j in joins) == [201] + [410] * 9, "a one-time link is one-time"
    joined = next(j.json() for j in joins if j.status_code == 201)
    for shim in (pair.one, pair.other):
        again = await ask(shim, "POST", OFFER, {}, joined["grant"])
        assert (again.status_code, again.json()["role"]) == (201, "operator")

    # what is counted is counted together
    answers = await asyncio.gather(
        *(ask(shim, "GET", DEMO, None, joined["grant"]) for shim in (pair.one, pair.other) * 10)
    )
    assert [a.status_code for a in answers].count(200) <= 10
    assert 429 in {a.status_code for a in answers}

    # whoever is removed at one is kept out at both
    watch = (await ask(pair.one, "POST", f"{DEMO}/join-links", {"max_uses": 9})).json()
    body = {"secret": watch["url"].partition("#join=")[2]}
    guest = (await ask(pair.one, "POST", "/api/v1/join", body)).json()
    path = f"{DEMO}/participants/{guest['identity']}"
    assert (await ask(pair.one, "DELETE", path)).status_code == 204
    kept_out = await ask(pair.other, "POST", OFFER, {}, guest["grant"])
    assert kept_out.json()["type"].endswith(":removed")
    assert (await ask(pair.other, "POST", "/api/v1/join", body)).status_code == 404

    # news of one are heard at the other
    heard: list[str] = []

    async def listen() -> None:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with (
            httpx.AsyncClient(base_url=pair.other.url, timeout=30) as http,
            http.stream("GET", "/api/v1/events", headers=headers) as stream,
        ):
            async for line in stream.aiter_lines():
                heard.append(line)

    listening = asyncio.get_running_loop().create_task(listen())
    await eventually(lambda: "event: reset" in heard, "the stream has begun")
    await ask(pair.one, "POST", "/api/v1/sessions", {"session": "beside"})
    await eventually(lambda: any('"beside"' in line for line in heard), "the other replica's news")

    pair.one.process.send_signal(signal.SIGKILL)
    pair.one.process.wait(10)
    credential = made.json()["agent"]["credential"]
    token = await ask(pair.other, "POST", f"{DEMO}/agent/token", None, credential)
    assert token.status_code == 200
    assert guest["identity"] in token.json()["banned"]
    assert (await ask(pair.other, "POST", OFFER, {})).status_code == 201
    assert (await ask(pair.other, "DELETE", DEMO)).status_code == 204
    await eventually(lambda: any('"ended"' in line for line in heard), "the end is heard")
    pair.one.start()
    assert (await ask(pair.one, "POST", OFFER, {})).status_code == 410, "a tombstone is shared"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_keys_are_shared_and_called_back_everywhere(pair: Pair) -> None:
    def keys(*args: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "sessioncast_signaling", "keys", *args],
            env={"PATH": os.environ["PATH"], "REDIS_URL": pair.redis.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout) if done.stdout else None

    made = await asyncio.to_thread(keys, "create", "--scope", "sessions:read", "--json")
    path = "/api/v1/sessions"
    for shim in (pair.one, pair.other):
        assert (await ask(shim, "GET", path, None, made["key"])).status_code == 200
    assert [key["id"] for key in await asyncio.to_thread(keys, "list", "--json")] == [made["id"]]
    await asyncio.to_thread(keys, "revoke", made["id"])
    for shim in (pair.one, pair.other):
        assert (await ask(shim, "GET", path, None, made["key"])).status_code == 401


@contextlib.asynccontextmanager
async def round_robin(
    first: ShimProcess, second: ShimProcess
) -> AsyncIterator[tuple[str, list[int]]]:
    """A balancer before both; yields its address, and the ports that agents' streams went to.

    Those begin with `first`; all else goes to `second`.
    """
    ports: list[int] = []
    serving: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        onward = writer
        try:
            head = await reader.readline()
            port = second.port
            if b"/agent/fallback" in head:
                port = (first, second)[len(ports) % 2].port
                ports.append(port)
            answers, onward = await asyncio.open_connection("127.0.0.1", port)
            onward.write(head)
            await asyncio.gather(pump(reader, onward), pump(answers, writer))
        except asyncio.CancelledError:
            pass  # the server's own callback would call it a failure
        finally:
            serving.discard(task)
            for end in {writer, onward}:
                end.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", ports
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed by the loop


async def test_an_agent_finds_the_replica_that_its_viewer_waits_at(
    pair: Pair, x: XServer, tmp_path: Path
) -> None:
    async with round_robin(pair.other, pair.one) as (url, ports), contextlib.AsyncExitStack() as up:
        running = agent_process(replace(pair.one, url=url), x, tmp_path, "stray")
        agent = await asyncio.to_thread(up.enter_context, running)
        await asyncio.to_thread(agent.wait_ready)
        async with probe(offer(pair.one, "stray"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            assert seen.size_px == (1280, 720)
        assert ports == [pair.other.port, pair.one.port], "asked the wrong one, and then the other"
        async with probe(offer(pair.other, "stray"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
        assert ports[2:] == [pair.other.port], "whoever waits there is found at once"


async def test_without_redis_nothing_is_let_in_and_it_comes_back(pair: Pair) -> None:
    await ask(pair.one, "POST", "/api/v1/sessions", {"session": "demo"})
    pair.redis.stop()
    refused = await ask(pair.one, "POST", OFFER, {})
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:sessioncast:problem:store-unreachable"
    assert (await ask(pair.one, "GET", "/readyz")).status_code == 503
    assert (await ask(pair.one, "GET", "/healthz")).status_code == 200
    await asyncio.sleep(3)  # what happens without a request has failed too, and says so in a line
    pair.redis.start()
    for _ in range(50):
        if (await ask(pair.one, "GET", "/readyz")).status_code == 200:
            break
        await asyncio.sleep(0.2)
    assert (
        await ask(pair.other, "POST", "/api/v1/sessions", {"session": "demo"})
    ).status_code == 201
    assert (await ask(pair.one, "POST", OFFER, {})).status_code == 201
    for shim in (pair.one, pair.other):
        log = shim.log_path.read_text()
        assert pair.redis.password not in log
        assert "Traceback" not in log, log
