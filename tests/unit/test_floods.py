"""What counts as a flood, and what is done about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sessioncast_agent.control import floods
from sessioncast_agent.control.floods import FloodGauge, Floods
from sessioncast_agent.errors import LinkLost
from sessioncast_agent.usage import Counters

pytestmark = pytest.mark.unit


def first_over(per_s: int, seconds: float, *, burst: int = 0) -> float | None:
    """Seconds until the gauge says so; None when it never does."""
    gauge = FloodGauge()
    for _ in range(burst):
        if gauge.flooded(1):
            return 0.0
    for number in range(int(per_s * seconds)):
        now_us = 1 + number * 1_000_000 // per_s
        if gauge.flooded(now_us):
            return now_us / 1e6
    return None


@pytest.mark.parametrize(("per_s", "within_s"), [(10_000, 0.16), (5_000, 0.8), (1_500, 3.0)])
def test_a_flood_is_noticed(per_s: int, within_s: float) -> None:
    over_s = first_over(per_s, 5)
    assert over_s is not None
    assert over_s <= within_s


@pytest.mark.parametrize(("per_s", "burst"), [(1_000, 0), (250, 1_400), (500, 0)])
def test_what_people_and_their_pages_send_is_none(per_s: int, burst: int) -> None:
    assert first_over(per_s, 60, burst=burst) is None


@asynccontextmanager
async def running(found: list[tuple[str, str]], known: str = "viewer-1") -> AsyncIterator[Floods]:
    def on_flood(topic: str, identity: str) -> str:
        found.append((topic, identity))
        return known

    watch = Floods(on_flood, Counters())
    task = asyncio.get_running_loop().create_task(watch.run())
    await asyncio.sleep(0)
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_sender_is_silenced_and_heard_again_though_the_shim_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(floods, "REST_S", 0.05)
    monkeypatch.setattr(floods, "RETRY_S", 0.01)
    found: list[tuple[str, str]] = []
    told: list[tuple[str, bool]] = []

    async def mute(identity: str, muted: bool) -> None:
        told.append((identity, muted))
        if told.count((identity, False)) == 1:
            raise LinkLost("the shim does not answer")

    async with running(found) as watch:
        watch.mute = mute
        seen = [watch.admits("input", "viewer-1") for _ in range(5_000)]
        assert seen.index(False) == floods.LIMITS[0][1]
        assert not any(seen[seen.index(False) :])
        assert watch.admits("input", "viewer-2"), "nobody else is meant"
        async with asyncio.timeout(5):
            while not watch.admits("input", "viewer-1"):  # noqa: ASYNC110 - a test's wait
                await asyncio.sleep(0.01)
        assert found == [("input", "viewer-1")], "said once"
        assert told == [("viewer-1", True), ("viewer-1", False), ("viewer-1", False)]
        assert watch._counters.input_dropped >= 5_000 - floods.LIMITS[0][1]


async def test_of_one_whom_the_sfu_does_not_name_its_topic_is_silenced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(floods, "REST_S", 0.01)
    found: list[tuple[str, str]] = []
    async with running(found, known="") as watch:
        for _ in range(2_000):
            watch.admits("input.secret", "")
        assert not watch.admits("input.secret", "")
        assert watch.admits("input.another", "")
        await asyncio.sleep(0.1)
        assert watch.admits("input.secret", "")
        assert found == [("input.secret", "")]
