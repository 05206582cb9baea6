"""When screencast pictures are acknowledged."""

import asyncio
from functools import partial

from sessioncast_agent.cdp.flow import HELD_S, Flow


def test_at_full_speed_a_picture_is_acknowledged_when_the_next_has_come() -> None:
    async def run() -> None:
        flow, told = Flow(60), list[int]()
        for number in range(3):
            flow.came(number * 16_667, partial(told.append, number))
            assert told == list(range(number)), "all but the one that has just come"

    asyncio.run(run())


def test_the_last_picture_is_acknowledged_after_a_while() -> None:
    async def run() -> None:
        flow, told = Flow(60), list[str]()
        flow.came(0, lambda: told.append("last"))
        await asyncio.sleep(HELD_S * 3)
        assert told == ["last"]
        flow.came(1_000_000, lambda: told.append("next"))
        assert told == ["last"], "and only once"

    asyncio.run(run())


def test_what_belongs_to_the_screencast_before_is_forgotten() -> None:
    async def run() -> None:
        flow, told = Flow(60), list[str]()
        flow.came(0, lambda: told.append("old"))
        flow.restart()
        flow.came(16_667, lambda: told.append("new"))
        await asyncio.sleep(HELD_S * 3)
        assert told == ["new"]

    asyncio.run(run())


def test_below_full_speed_nothing_is_held_and_the_cap_is_kept() -> None:
    async def run() -> None:
        flow, told = Flow(60), list[str]()
        flow.came(0, lambda: told.append("full"))
        flow.set_fps_cap(20)
        flow.came(1_000_000, lambda: told.append("first"))
        assert told == ["full", "first"], "the first at once, and what was held too"
        flow.came(1_010_000, lambda: told.append("second"))
        assert told == ["full", "first"], "40 ms too early"
        await asyncio.sleep(0.1)
        assert told == ["full", "first", "second"]

    asyncio.run(run())
