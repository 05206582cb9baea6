"""How long an observer waits for a bare pointer move of a program: `move` asked for, by one clock,
until the observer has its place."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import plan
from bench.sitting import set_up
from bench.systems.livekit import SESSION, SessioncastShim
from sessioncast_agent.client import ask_for_offer, open_session
from support.seat import Seat

WAIT_S = 3.0


async def pointed(directory: Path, moves: int) -> list[float]:
    """Milliseconds of so many moves, some with a rest before them and some without."""
    sitting = plan.Sitting("sessioncast", "720p", 0)
    async with set_up(sitting, plan.QUICK_TIMING, directory, SessioncastShim) as bench:
        system = bench.system
        assert isinstance(system, SessioncastShim)
        places: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

        def hear(topic: str | None, payload: bytes) -> None:
            if topic == "cursor":
                message = json.loads(payload)
                if message[0] == "pos":
                    places.put_nowait((int(message[2]), int(message[3])))

        url, token = system.offer()
        seat = Seat()
        seat.room.on("data_received", lambda packet: hear(packet.topic, packet.data))
        offer = await ask_for_offer(system.url, SESSION, system.key, name="bot")
        async with (
            seat.taken({"server_url": url, "participant_token": token}),
            open_session(offer) as bot,
        ):
            await bot.request_control()
            await asyncio.sleep(4.0)  # the SFU announces people every three seconds
            return [await _one(bot.move, places, number) for number in range(moves)]


async def _one(
    move: Callable[[float, float], Awaitable[object]],
    places: "asyncio.Queue[tuple[int, int]]",
    number: int,
) -> float:
    wanted = (100 + 3 * number, 90 + 2 * number)
    while not places.empty():
        places.get_nowait()
    began = time.monotonic()
    await move(*wanted)
    async with asyncio.timeout(WAIT_S):
        while await places.get() != wanted:
            pass
    took_ms = (time.monotonic() - began) * 1000
    await asyncio.sleep(random.choice((0.02, 0.4)))
    return took_ms
