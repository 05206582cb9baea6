"""The benchmark of the front door: how long an offer and a list of sessions take.

    PYTHONPATH=tests .venv/bin/python -m bench.area_door [--quick]

Real parts: livekit-server, the shim as a process, an agent's end of the room for each session (it
answers `shim.expect` as the agent does), and a load client on the loopback with a bounded rate. The
reference, measured in the same run, is the shim's answer to /healthz under the same rate. Writes
docs/performance/door.json and the table of docs/performance.md.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc

from bench import area
from bench.progress import Progress
from bench.stats import percentile
from sessioncast_agent.joining import join
from support.livekit import free_ports, livekit_server
from support.redis_server import redis_server
from support.shim_process import API_KEY, ShimProcess, shim_process

MAX_AT_ONCE = 200  # requests under way; beyond it the shim is too slow and the run says so


@dataclass(frozen=True)
class Plan:
    """How much."""

    sessions: int = 20
    listed: int = 1_000
    rate_hz: float = 100.0
    load_s: float = 30.0
    lists: int = 40


QUICK = Plan(sessions=4, listed=100, rate_hz=40.0, load_s=3.0, lists=8)
TARGETS = {  # what: (in words, limit in ms)
    "offer_live_p99_ms": ("offer p99, its shim.expect included", 60.0),
    "offer_waiting_p99_ms": ("offer p99 where the session waits for its agent", 15.0),
    "list_p95_ms": ("1,000 sessions listed, p95", 100.0),
}


class Load:
    """Requests at a steady rate, each timed from when it was due."""

    def __init__(self, http: aiohttp.ClientSession, shim: ShimProcess) -> None:
        self._http, self._base = http, shim.url

    async def call(self, method: str, path: str, body: Any = None) -> tuple[float, int, bytes]:
        """One request: milliseconds, status, body."""
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with self._http.request(
            method, self._base + path, json=body, headers=headers
        ) as answer:
            content = await answer.read()
        return (time.perf_counter() - began) * 1e3, answer.status, content

    async def steady(
        self, method: str, paths: list[str], rate_hz: float, load_s: float, expected: int
    ) -> dict[str, float]:
        """Ask for the paths in turn at this rate; the times, and how many failed."""
        times: list[float] = []
        failures = 0
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()

        async def one(path: str, due: float) -> None:
            nonlocal failures
            try:
                _, status, _ = await self.call(method, path, {} if method == "POST" else None)
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            times.append((loop.time() - due) * 1e3)
            failures += status != expected

        began = loop.time()
        for number in range(int(rate_hz * load_s)):
            due = began + number / rate_hz
            await asyncio.sleep(max(0.0, due - loop.time()))
            if len(tasks) >= MAX_AT_ONCE:
                failures += 1
                continue
            task = loop.create_task(one(paths[number % len(paths)], due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        times.sort()
        return {
            "requests": float(len(times)),
            "failures": float(failures),
            "p50_ms": percentile(times, 50),
            "p95_ms": percentile(times, 95),
            "p99_ms": percentile(times, 99),
            "max_ms": times[-1],
        }


@contextlib.asynccontextmanager
async def agents(load: Load, names: list[str]) -> AsyncIterator[None]:
    """Be in every room as its agent, and answer what the shim says."""
    rooms: list[rtc.Room] = []

    async def heard(_: rtc.RpcInvocationData) -> str:
        return '{"ok": true}'

    try:
        for name in names:
            _, status, made = await load.call("POST", "/api/v1/sessions", {"session": name})
            assert status in {200, 201}, status
            credential = json.loads(made)["agent"]["credential"]
            path = f"{load._base}/api/v1/sessions/{name}/agent/token"
            headers = {"Authorization": f"Bearer {credential}"}
            async with load._http.post(path, headers=headers) as answer:
                token = await answer.json()
            room = rtc.Room()
            options = rtc.RoomOptions()
            joining = join(room, token["server_url"], token["participant_token"], options)
            await asyncio.wait_for(joining, 20)
            room.local_participant.register_rpc_method("shim.expect", heard)
            rooms.append(room)
        yield
    finally:
        for room in rooms:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(room.disconnect(), 5)


async def measure(shim: ShimProcess, plan: Plan, say: Progress) -> dict[str, Any]:
    """All cells with one kind of store."""
    timeout = aiohttp.ClientTimeout(total=20)
    connector = aiohttp.TCPConnector(limit=MAX_AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        load = Load(http, shim)
        live = [f"live-{n}" for n in range(plan.sessions)]
        waiting = [f"wait-{n}" for n in range(plan.sessions)]
        for name in waiting:
            await load.call("POST", "/api/v1/sessions", {"session": name})
        cells: dict[str, Any] = {}
        rate, load_s = plan.rate_hz, plan.load_s
        say.show("door: the reference, /healthz")
        cells["reference"] = await load.steady("GET", ["/healthz"], rate, load_s / 3, 200)
        say.show("door: offers where sessions wait")
        offers = [f"/api/v1/sessions/{name}/webrtc/offer" for name in waiting]
        say.done(load_s / 3)
        cells["offer_waiting"] = await load.steady("POST", offers, rate, load_s, 201)
        say.done(load_s)
        async with agents(load, live):
            say.show("door: offers where sessions are live")
            offers = [f"/api/v1/sessions/{name}/webrtc/offer" for name in live]
            await load.steady("POST", offers, rate, 2, 201)  # connections are open, code is warm
            cells["offer_live"] = await load.steady("POST", offers, rate, load_s, 201)
            say.done(load_s)
            say.show("door: lists")
            for number in range(plan.listed - 2 * plan.sessions):
                await load.call("POST", "/api/v1/sessions", {"session": f"more-{number}"})
            times = []
            for _ in range(plan.lists):
                took_ms, status, body = await load.call("GET", "/api/v1/sessions?limit=1000")
                assert status == 200, status
                assert len(json.loads(body)["items"]) == plan.listed
                times.append(took_ms)
                await asyncio.sleep(0.2)
            first_ms = times[0]
            times.sort()
            cells["list"] = {
                "sessions": plan.listed,
                "first_ms": first_ms,
                "p50_ms": percentile(times, 50),
                "p95_ms": percentile(times, 95),
                "max_ms": times[-1],
            }
    say.done(30)
    return cells


async def run(plan: Plan, say: Progress) -> dict[str, Any]:
    """Both kinds of store."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        redis = stack.enter_context(redis_server(directory))
        for store, more in (("memory", {}), ("redis", {"REDIS_URL": redis.url})):
            where = directory / f"with-{store}"
            where.mkdir()
            port = free_ports(1)[0]
            hook = {
                "api_key": "APItest",
                "urls": [f"http://127.0.0.1:{port}/api/v1/livekit/webhook"],
            }
            with (
                livekit_server(where, log_level="warn", config={"webhook": hook}) as sfu,
                shim_process(sfu, where, port=port, log_level="warning", **more) as shim,
            ):
                found[store] = await measure(shim, plan, say)
    return found


def rows(found: dict[str, Any]) -> list[area.Row]:
    """What is promised: words, limit, measured, met (in memory and in Redis)."""
    result: list[area.Row] = []
    for key, (words, limit_ms) in TARGETS.items():
        cell, _, figure = key.rpartition("_p")
        values = [found[store][cell][f"p{figure}"] for store in ("memory", "redis")]
        measured = f"{values[0]:.1f} ms, with Redis {values[1]:.1f} ms"
        met = all(value <= limit_ms for value in values)
        result.append((words, f"{limit_ms:.0f} ms", measured, met))
    return result


def table(found: dict[str, Any], plan: Plan) -> str:
    """The part of docs/performance.md."""
    failures = sum(cell.get("failures", 0) for cells in found.values() for cell in cells.values())
    return "\n".join(
        [
            f"{plan.rate_hz:.0f} requests a second for {plan.load_s:.0f} s over "
            f"{plan.sessions} sessions, each timed from when it was due; reference: "
            f"`/healthz` at the same rate, p99 {found['memory']['reference']['p99_ms']:.1f} ms.",
            "",
            *area.target_table(rows(found)),
            "",
            f"Requests that failed: {failures:.0f}.",
        ]
    )


def main() -> None:
    """Measure, write, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test; writes nothing")
    plan = QUICK if parser.parse_args().quick else Plan()
    say = Progress(2 * (plan.load_s * 2.4 + 30))
    found = asyncio.run(run(plan, say))
    print(table(found, plan))
    print(json.dumps(found, indent=1))
    if plan is not QUICK:
        figures = {"plan": vars(plan), "found": found}
        area.write("door", "The front door", table(found, plan), figures)


if __name__ == "__main__":
    main()
