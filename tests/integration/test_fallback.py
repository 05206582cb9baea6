"""The VNC fallback on real parts: shim, SFU, agent, X server, and clients of several makers."""

import asyncio
import contextlib
import time
import urllib.error
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from Xlib import X

from support.agent_process import AgentProcess, agent_process, call
from support.livekit import LiveKitServer
from support.rfb import (
    CONTINUOUS,
    CURSOR,
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    FENCE,
    H264,
    RAW,
    RfbProbe,
    offer,
    probe,
    stream,
)
from support.shim_process import ShimProcess, shim_process
from support.viewer import eventually, psnr
from support.xserver import Canvas, XServer

pytestmark = pytest.mark.integration

NEAR_LOSSLESS_DB = 40.0


async def test_the_rooms_own_h264_is_what_a_fallback_client_sees(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "vnc-h264") as agent:
        canvas = Canvas(display)
        canvas.text_page(1)
        await asyncio.to_thread(agent.wait_ready)
        made = offer(shim, "vnc-h264")
        encodings = (H264, RAW, CURSOR, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS)
        async with probe(made, *encodings) as seen:
            assert seen.size_px == (1280, 720)
            assert seen.title == "vnc-h264"
            await seen.continuous()
            async with asyncio.timeout(15):
                while seen.luma is None or psnr(seen.luma, x.luma()) < NEAR_LOSSLESS_DB:
                    await seen.update()
                canvas.text_page(2)
                display.sync()
                while psnr(seen.luma, x.luma()) < NEAR_LOSSLESS_DB:
                    await seen.update()
            assert seen.keyframes >= 1
            assert RAW not in seen.rects
            assert CURSOR in seen.rects


async def test_a_client_without_h264_sees_every_pixel(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "vnc-raw") as agent:
        canvas = Canvas(display)
        canvas.text_page(3)
        await asyncio.to_thread(agent.wait_ready)
        async with probe(offer(shim, "vnc-raw"), RAW, DESKTOP_SIZE, CURSOR) as seen:
            async with asyncio.timeout(15):
                await seen.update()
                while seen.luma is None or psnr(seen.luma, x.luma()) < 60:
                    await seen.request()
                    await seen.update()
                canvas.text_page(4)
                display.sync()
                while psnr(seen.luma, x.luma()) < 60:
                    await seen.request()
                    await seen.update()
            assert seen.keyframes == 0


async def test_a_ticket_opens_one_stream_of_its_own_session_and_no_other(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "vnc-door") as agent:
        await asyncio.to_thread(agent.wait_ready)
        call(shim, "POST", "/sessions", {"session": "vnc-other"})
        made, other = offer(shim, "vnc-door"), offer(shim, "vnc-other")
        async with probe(made, RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            assert await refused(made) == 401, "used up"
        assert await refused(made) == 401, "and for good"
        assert await refused(made, "sct_" + "A" * 32) == 401
        assert await refused(made, made["participant_token"][:40]) == 401
        stolen = offer(shim, "vnc-door") | {"fallback": other["fallback"]}
        stolen["fallback"] = stolen["fallback"] | {"url": made["fallback"]["url"]}
        assert await refused(stolen) == 401, "another session's ticket"
        agents_end = made["fallback"]["url"].replace("/fallback", "/agent/fallback")
        assert await refused(offer(shim, "vnc-door"), url=agents_end) == 404


async def refused(made: dict[str, Any], ticket: str | None = None, url: str | None = None) -> int:
    """The status with which a stream is refused."""
    if url is not None:
        made = made | {"fallback": made["fallback"] | {"url": url}}
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with stream(made, ticket=ticket):
            pass
    return error.value.status


async def test_streams_are_limited_by_address_and_by_key(
    sfu: LiveKitServer, tmp_path: Path
) -> None:
    """Each with its own shim; the rates are so slow that only the bursts of five count."""
    (tmp_path / "by-key").mkdir()
    with shim_process(sfu, tmp_path / "by-key", LIMIT_PERSON_PER_MINUTE="1") as shim:
        call(shim, "POST", "/sessions", {"session": "vnc-key"})
        links = [
            call(shim, "POST", "/sessions/vnc-key/join-links", {"role": "observer"})
            for _ in range(2)
        ]
        one, other = [
            call(shim, "POST", "/join", {"secret": link["url"].partition("#join=")[2]}, "-")
            for link in links
        ]
        offers = [one] + [
            call(shim, "POST", "/sessions/vnc-key/webrtc/offer", {}, one["grant"]) for _ in range(3)
        ]
        for made in offers[:2]:  # three offers and two streams are five
            async with stream(made) as socket:
                assert socket.protocol
        assert await refused(offers[2]) == 429
        assert await refused(offers[2]) == 401, "its ticket is used up"
        async with stream(other) as socket:  # another's count is its own
            assert socket.protocol
    (tmp_path / "by-address").mkdir()
    with shim_process(sfu, tmp_path / "by-address", LIMIT_ADDRESS_PER_MINUTE="1") as shim:
        call(shim, "POST", "/sessions", {"session": "vnc-address"})
        made = [offer(shim, "vnc-address") for _ in range(2)]
        agents_end = made[1]["fallback"]["url"].replace("/fallback", "/agent/fallback")
        assert await refused(made[1], url=agents_end) == 404
        async with stream(made[0]) as socket:
            assert socket.protocol
        assert await refused(made[1]) == 429
        assert await refused(made[1], url=agents_end) == 429
    (tmp_path / "by-failures").mkdir()
    with shim_process(sfu, tmp_path / "by-failures", LIMIT_FAILURES_PER_MINUTE="1") as shim:
        call(shim, "POST", "/sessions", {"session": "vnc-guess"})
        made = [offer(shim, "vnc-guess")]
        guesses = [await refused(made[0], ticket=f"sct_{n}") for n in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        async with stream(made[0]) as socket:  # whoever has a ticket is not shut out
            assert socket.protocol


async def closed(seen: RfbProbe) -> int | None:
    """Read on until the stream is over; its code."""
    with contextlib.suppress(ConnectionError):
        while True:
            await seen.request()
            await seen.message()
    return seen.socket.close_code


async def test_no_agent_and_the_end_of_a_session_are_told_by_the_closing_code(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    call(shim, "POST", "/sessions", {"session": "vnc-early"})
    async with stream(offer(shim, "vnc-early")) as socket:
        message = await asyncio.wait_for(socket.receive(), 10)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4404)
    with agent_process(shim, x, tmp_path, "vnc-end") as agent:
        await asyncio.to_thread(agent.wait_ready)
        late = offer(shim, "vnc-end")
        async with probe(offer(shim, "vnc-end"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            await asyncio.to_thread(call, shim, "DELETE", "/sessions/vnc-end")
            async with asyncio.timeout(10):
                assert await closed(seen) in {4410, 4502}
        assert agent.process.wait(10) == 0
        assert await refused(late) in {401, 410}, "a ticket from before brings nothing back"


async def test_after_a_restart_of_the_agent_a_new_offer_shows_the_picture_again(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "vnc-again") as agent:
        await asyncio.to_thread(agent.wait_ready)
        async with probe(offer(shim, "vnc-again"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            agent.process.kill()
            async with asyncio.timeout(10):
                assert await closed(seen) == 4502
        agent.process.wait(10)
        agent.start()
        await asyncio.to_thread(agent.wait_ready)
        async with probe(offer(shim, "vnc-again"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            assert seen.luma is not None


async def test_it_counts_as_watching_and_leaves_nothing_behind(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "vnc-idle") as agent:
        await asyncio.to_thread(agent.wait_ready)
        await asyncio.sleep(5)  # the new track is primed
        before = agent.metrics()
        idle = threads(agent)
        async with probe(offer(shim, "vnc-idle"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            assert threads(agent) > idle
            assert agent.metrics()["sessioncast_watched_seconds_total"] > 0
        await eventually(lambda: threads(agent) <= idle, "the worker thread ends", 5)
        await eventually(lambda: "nobody watches any more" in agent.log(), "unwatched", 25)
        encoded = agent.metrics()["sessioncast_frames_total/encoded"]
        await asyncio.sleep(3)
        after = agent.metrics()
        assert after["sessioncast_frames_total/encoded"] == encoded
        spent = (
            after["sessioncast_cpu_seconds_total/process"]
            - before["sessioncast_cpu_seconds_total/process"]
        )
        assert spent < 8


async def test_nothing_is_encoded_for_those_who_take_rectangles_alone(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "vnc-tight") as agent:
        canvas = Canvas(display)
        canvas.text_page(1)
        await asyncio.to_thread(agent.wait_ready)

        def encoded() -> float:
            return agent.metrics()["sessioncast_frames_total/encoded"]

        async with probe(offer(shim, "vnc-tight"), RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            await asyncio.sleep(17)  # until then the offer's viewer may come into the room
            began, updates = await asyncio.to_thread(encoded), seen.updates
            for number in range(20):
                canvas.fill(0x102030 * (number % 5))
                display.sync()
                await seen.request()
                await seen.update()
            assert seen.updates == updates + 20
            assert await asyncio.to_thread(encoded) == began
            encodings = (H264, CURSOR, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS)
            asked = time.monotonic()
            async with probe(offer(shim, "vnc-tight"), *encodings) as other:
                await other.continuous()
                async with asyncio.timeout(10):
                    while other.luma is None or psnr(other.luma, x.luma()) < NEAR_LOSSLESS_DB:
                        await other.update()
            assert time.monotonic() - asked < 3
            assert await asyncio.to_thread(encoded) > began


def threads(agent: AgentProcess) -> int:
    """How many threads it has."""
    return len(list(Path(f"/proc/{agent.process.pid}/task").iterdir()))


async def test_an_observers_input_is_dropped_and_an_operators_takes_control(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "vnc-input") as agent:
        await asyncio.to_thread(agent.wait_ready)
        root = display.screen().root

        def place() -> tuple[int, int]:
            pointer = root.query_pointer()
            return pointer.root_x, pointer.root_y

        root.warp_pointer(700, 600)
        display.sync()
        async with probe(offer(shim, "vnc-input"), RAW, DESKTOP_SIZE) as watches:
            await watches.update()
            await watches.pointer(1, 100, 100)
            await watches.pointer(0, 100, 100)
            await watches.key(0x61, down=True)
            await watches.cut("from an observer")
            await asyncio.sleep(1)
            assert place() == (700, 600)
            async with probe(offer(shim, "vnc-input", "operator"), RAW, DESKTOP_SIZE) as steers:
                await steers.update()
                await steers.pointer(0, 320, 240)  # a bare move takes no control
                await asyncio.sleep(0.5)
                assert place() == (700, 600)
                await steers.pointer(1, 320, 240)
                await eventually(lambda: place() == (320, 240), "the operator's click")
                assert root.query_pointer().mask & X.Button1Mask
                # the operator's line breaks with the button down: it is released
            await eventually(lambda: not root.query_pointer().mask & X.Button1Mask, "released")


async def test_a_slow_client_gets_the_present_picture_and_hurts_nobody(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    """It reads nothing for seconds of motion: the room goes on, and afterwards it catches up."""
    with x.connect() as display, agent_process(shim, x, tmp_path, "vnc-slow") as agent:
        canvas = Canvas(display)
        canvas.text_page(5)
        await asyncio.to_thread(agent.wait_ready)
        encodings = (H264, RAW, CURSOR, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS)
        async with probe(offer(shim, "vnc-slow"), *encodings) as seen:
            await seen.continuous()
            async with asyncio.timeout(15):
                while seen.luma is None:
                    await seen.update()
            before = agent.metrics()
            await asyncio.to_thread(canvas.storm, 6.0)
            canvas.text_page(6)
            display.sync()
            during = agent.metrics()
            encoded = "sessioncast_frames_total/encoded"
            assert during[encoded] - before[encoded] > 60, "the encoder never waited"
            grown = during["sessioncast_resident_bytes"] - before["sessioncast_resident_bytes"]
            assert grown < 60e6
            async with asyncio.timeout(20):
                while psnr(seen.luma, x.luma()) < NEAR_LOSSLESS_DB:
                    await seen.update()
            units = sum(1 for kind in seen.rects if kind == H264)
            assert units < during[encoded] - before[encoded], "what it could not take was dropped"


async def test_who_is_removed_is_cut_off_and_kept_out(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "vnc-kick") as agent:
        await asyncio.to_thread(agent.wait_ready)
        link = call(shim, "POST", "/sessions/vnc-kick/join-links", {"max_uses": 2})
        secret = link["url"].partition("#join=")[2]
        made = call(shim, "POST", "/join", {"secret": secret})
        spare = call(shim, "POST", "/sessions/vnc-kick/webrtc/offer", {}, made["grant"])
        async with probe(made, RAW, DESKTOP_SIZE) as seen:
            await seen.update()
            path = f"/sessions/vnc-kick/participants/{made['identity']}"
            await asyncio.to_thread(call, shim, "DELETE", path)
            async with asyncio.timeout(10):
                assert await closed(seen) in {4403, 4502}
        assert await refused(spare) in {401, 403}, "all tickets of the same browser are dead"
        with pytest.raises(urllib.error.HTTPError) as error:
            call(shim, "POST", "/sessions/vnc-kick/webrtc/offer", {}, made["grant"])
        assert error.value.code in {401, 403}
