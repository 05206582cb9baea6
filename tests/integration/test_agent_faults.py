"""Parts die and come back: the SFU, the X server, the agent itself."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from support.agent_process import AgentProcess, agent_process, call
from support.livekit import LiveKitServer, livekit_server
from support.shim_process import ShimProcess, shim_process
from support.viewer import eventually, viewer
from support.xserver import Canvas, XServer, x_server

pytestmark = pytest.mark.integration

BACK_WITHIN_S = 10.0


@pytest.mark.parametrize("away_s", [1.0, 30.0], ids=["a-blink", "longer-than-patience"])
async def test_the_agent_is_back_soon_after_the_sfu(
    away_s: float, x: XServer, tmp_path: Path
) -> None:
    with (
        livekit_server(tmp_path) as sfu,
        shim_process(sfu, tmp_path) as shim,
        agent_process(shim, x, tmp_path, "phoenix") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "phoenix") as notes:
            await eventually(lambda: notes.last is not None, "a picture before")
        pid = agent.process.pid
        sfu.kill()
        await asyncio.sleep(away_s)
        await asyncio.to_thread(sfu.start)
        port_answers = time.monotonic()
        await asyncio.sleep(0.1)
        await until_live(shim, "phoenix")
        assert time.monotonic() - port_answers < BACK_WITHIN_S
        assert agent.process.pid == pid
        assert agent.process.poll() is None
        async with viewer(shim, "phoenix") as notes:
            await eventually(lambda: notes.last is not None, "a picture after")
        assert agent.log().count("Traceback") == 0


async def until_live(shim: ShimProcess, session: str) -> None:
    def state() -> str:
        with contextlib.suppress(OSError):
            return str(call(shim, "GET", f"/sessions/{session}")["state"])
        return "unknown"

    deadline = time.monotonic() + 20
    while await asyncio.to_thread(state) != "live":
        assert time.monotonic() < deadline, "never live again"
        await asyncio.sleep(0.1)


async def test_the_display_dies_and_comes_back(shim: ShimProcess, tmp_path: Path) -> None:
    with (
        x_server(tmp_path, "800x600") as own,
        agent_process(shim, own, tmp_path, "xdies") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "xdies") as notes:
            await eventually(lambda: notes.last is not None, "a picture before")
            own.kill()
            await eventually(
                lambda: notes.attributes("xdies").get("state") == "display-lost", "said so"
            )
            assert agent.get("/readyz")[0] == 503
            shown = len(notes.arrivals)
            await eventually(lambda: len(notes.arrivals) > shown, "the last picture stays alive")
            await asyncio.to_thread(own.start)
            await eventually(lambda: notes.attributes("xdies").get("state") == "live", "back")
            with own.connect() as display:
                Canvas(display).fill(0xFFFFFF)
                display.sync()
                await eventually(
                    lambda: notes.last is not None and int(notes.last.min()) > 225,
                    "new pictures",
                )


async def test_a_display_that_hangs_is_noticed_and_a_late_viewer_still_gets_the_last_picture(
    shim: ShimProcess, tmp_path: Path
) -> None:
    with (
        x_server(tmp_path, "800x600") as own,
        agent_process(shim, own, tmp_path, "xhangs") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "xhangs") as notes:
            await eventually(lambda: notes.last is not None, "a picture before")
        await eventually(lambda: "nobody watches" in agent.log(), "the audience is gone")
        own.process.send_signal(signal.SIGSTOP)
        async with viewer(shim, "xhangs") as notes:
            await eventually(lambda: notes.last is not None, "the last picture")
            await eventually(
                lambda: notes.attributes("xhangs").get("state") == "display-lost", "said so"
            )
            own.process.send_signal(signal.SIGCONT)
            await eventually(lambda: notes.attributes("xhangs").get("state") == "live", "back")


@pytest.mark.parametrize("delay_s", [0.05, 0.3, 0.6, 1.0, 2.0])
async def test_sigterm_at_any_moment_is_a_clean_end(
    delay_s: float, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, f"term{int(delay_s * 100)}") as agent:
        await asyncio.sleep(delay_s)
        status = await asyncio.to_thread(agent.terminate)
        # before the program has begun and installed its handler, the signal itself ends it
        assert status == 0 or (status == -signal.SIGTERM and not agent.log())
        assert not children_of(agent.process.pid)
        assert "Traceback" not in agent.log()


async def test_sigterm_while_the_sfu_is_away_is_a_clean_end(x: XServer, tmp_path: Path) -> None:
    with (
        livekit_server(tmp_path) as sfu,
        shim_process(sfu, tmp_path) as shim,
        agent_process(shim, x, tmp_path, "backoff") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        sfu.kill()
        await asyncio.sleep(5.0)
        assert await asyncio.to_thread(agent.terminate) == 0


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text() if entry.name.isdigit() else ""
            if stat and int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry.name))
    return found


async def test_an_ended_session_ends_its_agent_with_status_0(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "ends") as agent:
        await asyncio.to_thread(agent.wait_ready)
        await asyncio.to_thread(call, shim, "DELETE", "/sessions/ends")
        assert await asyncio.to_thread(agent.process.wait, 10) == 0
        usage = await asyncio.to_thread(call, shim, "GET", "/sessions/ends/usage")
        assert usage["cpu_seconds"]["process"] > 0


async def test_a_shim_that_forgot_everything_lets_the_agent_in_again(
    sfu: LiveKitServer, x: XServer, tmp_path: Path
) -> None:
    with (
        shim_process(sfu, tmp_path) as shim,
        agent_process(shim, x, tmp_path, "amnesia") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        await asyncio.to_thread(shim.restart)
        sfu.kill()
        await asyncio.to_thread(sfu.start)
        await until_live(shim, "amnesia")
        async with viewer(shim, "amnesia") as notes:
            await eventually(lambda: notes.last is not None, "a picture")


async def test_a_second_agent_of_the_same_session_does_not_start_a_war(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "twins") as first:
        await asyncio.to_thread(first.wait_ready)
        second_path = tmp_path / "second"
        second_path.mkdir()
        with agent_process(shim, x, second_path, "twins") as second:
            await asyncio.to_thread(second.wait_ready)
            assert await asyncio.to_thread(first.process.wait, 10) == 3
            assert "another agent has joined" in first.log().splitlines()[-1]
            await asyncio.sleep(2.0)
            assert second.process.poll() is None


def test_open_files_and_threads_do_not_grow_with_viewers(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    async def come_and_go(times: int) -> None:
        for _ in range(times):
            async with viewer(shim, "leak") as notes:
                await notes.first_picture()

    def held(agent: AgentProcess) -> tuple[int, int]:
        base = Path(f"/proc/{agent.process.pid}")
        return len(os.listdir(base / "fd")), len(os.listdir(base / "task"))

    with agent_process(shim, x, tmp_path, "leak") as agent:
        agent.wait_ready()
        asyncio.run(come_and_go(3))
        before = held(agent)
        asyncio.run(come_and_go(10))
        time.sleep(1.0)
        after = held(agent)
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 2
