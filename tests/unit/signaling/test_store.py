"""The store's promises, kept in memory; tests/integration/test_redis.py runs them on Redis."""

from dataclasses import replace

import pytest

from sessioncast_signaling.memory import MemoryStore
from sessioncast_signaling.store import TOMBSTONE_TTL_S, Bounds, Store
from support.shim import FakeClock
from support.store_promises import *  # noqa: F403 - its tests are run here
from support.store_promises import LINK, NOW, RECORD, Make, Turn, viewer

pytestmark = pytest.mark.unit


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(clock: FakeClock) -> Make:
    async def made(bounds: Bounds) -> Store:
        return MemoryStore(clock, bounds)

    return made


@pytest.fixture
def turn(clock: FakeClock) -> Turn:
    async def turned(seconds: float) -> None:
        clock.turn(seconds)

    return turned


async def test_an_ended_session_leaves_nothing_behind(clock: FakeClock) -> None:
    kept = MemoryStore(clock)
    for number in range(3):
        session = f"s-{number}"
        await kept.create_session(replace(RECORD, session=session))
        await kept.add_link(replace(LINK, session=session), f"d{number}", 60)
        await kept.redeem_link(f"d{number}", NOW, grant_digest=f"g{number}", name=None)
        await kept.admit(session, viewer("viewer-1"), 60)
        await kept.end_session(session, NOW)
    clock.turn(TOMBSTONE_TTL_S)
    await kept.create_session(RECORD)
    await kept.add_link(LINK, "d", 60)
    await kept.redeem_link("d", NOW, grant_digest="g", name=None)
    keepers = {k: len(v) for k, v in vars(kept).items() if hasattr(v, "__len__") and k != "_epoch"}
    assert all(size <= 1 for size in keepers.values()), keepers


def test_memory_obeys_the_protocol() -> None:
    promise: type[Store] = MemoryStore
    assert promise is MemoryStore
