"""What counts as a flood, and what is done about it."""

import asyncio

import pytest

from sessioncast_agent.control import floods
from sessioncast_agent.control.floods import FloodGauge, Floods
from sessioncast_agent.errors import LinkLost

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


async def test_the_sender_is_silenced_and_heard_again_though_the_shim_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(floods, "REST_S", 0.05)
    monkeypatch.setattr(floods, "RETRY_S", 0.01)
    found: list[str] = []
    told: list[tuple[str, bool]] = []
    again = asyncio.Event()

    async def mute(identity: str, muted: bool) -> None:
        told.append((identity, muted))
        if told.count((identity, False)) == 1:
            raise LinkLost("the shim does not answer")
        if not muted:
            again.set()

    watch = Floods(found.append)
    watch.mute = mute
    dropped = [watch.drops("viewer-1", 1) for _ in range(5_000)]
    assert dropped.index(True) == floods.LIMITS[0][1]
    assert all(dropped[dropped.index(True) :])
    assert found == ["viewer-1"], "said once"
    assert not watch.drops("viewer-2", 1), "nobody else is meant"
    async with asyncio.timeout(5):
        await again.wait()
    await asyncio.sleep(0)
    assert told == [("viewer-1", True), ("viewer-1", False), ("viewer-1", False)]
    assert not watch.drops("viewer-1", 1)


async def test_without_a_shim_it_is_only_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "REST_S", 0.01)
    watch = Floods(lambda _: None)
    for _ in range(2_000):
        watch.drops("viewer-1", 1)
    assert watch.drops("viewer-1", 1)
    await asyncio.sleep(0.1)
    assert not watch.drops("viewer-1", 1)
