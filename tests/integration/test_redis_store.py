"""The store's promises, kept in a real Redis."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis

from sessioncast_signaling.errors import ConfigError
from sessioncast_signaling.redis_store import RedisStore, open_redis_store
from sessioncast_signaling.store import Bounds, Store, StoreUnavailableError
from support.redis_server import RedisServer, redis_server
from support.shim import FakeClock
from support.store_promises import *  # noqa: F403 - its tests are run here
from support.store_promises import RECORD, Make, Turn

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as connected:
        await connected.flushall()
        yield connected


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def make(server: RedisServer, client: Redis, clock: FakeClock) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def made(bounds: Bounds) -> Store:
            return await stack.enter_async_context(open_redis_store(server.url, clock, bounds))

        yield made


@pytest.fixture
def turn(client: Redis, clock: FakeClock) -> Turn:
    """Turn our clock, and let every key of Redis age by the same time."""

    async def turned(seconds: float) -> None:
        clock.turn(seconds)
        for key in await client.keys():
            left_ms = await client.pttl(key)
            if left_ms >= 0:
                await client.pexpire(key, max(0, left_ms - int(seconds * 1000)))

    return turned


async def test_replicas_see_the_same(make: Make) -> None:
    one, other = await make(Bounds()), await make(Bounds())
    await one.create_session(RECORD)
    assert await other.session("demo") == RECORD
    start = await other.last_event_id()
    await one.publish("state", "demo", {})
    assert [e.kind for e in await other.events_after(start, 1) or []] == ["state"]


async def test_a_session_that_has_ended_leaves_nothing_behind(
    make: Make, client: Redis, turn: Turn
) -> None:
    kept = await make(Bounds())
    await kept.create_session(RECORD)
    await kept.end_session("demo", 1.0)
    await turn(24 * 3600)
    assert await kept.sessions() == []
    assert await client.keys() == [b"sessioncast:events"]


async def test_a_redis_that_is_away(tmp_path: Path, clock: FakeClock) -> None:
    with redis_server(tmp_path) as gone:
        async with open_redis_store(gone.url, clock) as kept:
            gone.stop()
            with pytest.raises(StoreUnavailableError):
                await kept.session("demo")
            with pytest.raises(StoreUnavailableError):
                await kept.create_session(RECORD)
            gone.start()
            await kept.create_session(RECORD)
            assert await kept.session("demo") == RECORD
        gone.stop()
        with pytest.raises(ConfigError, match="does not answer"):
            async with open_redis_store(gone.url, clock):
                pass


async def test_a_redis_that_refuses_us(server: RedisServer, clock: FakeClock) -> None:
    for url in [server.url.replace("a-password", "another"), "http://127.0.0.1"]:
        with pytest.raises(ConfigError, match="REDIS_URL") as refused:
            async with open_redis_store(url, clock):
                pass
        assert "password-of" not in str(refused.value)


def test_redis_obeys_the_protocol() -> None:
    promise: type[Store] = RedisStore
    assert promise is RedisStore
