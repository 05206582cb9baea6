"""What viewers see: joins, late joins, crowds, sharpness, sizes, the pointer; on real parts."""

import asyncio
import contextlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from support.agent_process import agent_process, call
from support.shim_process import ShimProcess
from support.viewer import Viewer, eventually, psnr, viewer
from support.xserver import Canvas, Luma, XServer, x_server

pytestmark = pytest.mark.integration

JOIN_TARGET_S = 1.0
NEAR_LOSSLESS_DB = 45.0


async def settled_view(notes: Viewer, x: XServer) -> Luma:
    """Wait until the picture is the screen's; the screen's luma."""
    screen = x.luma()

    def sharp() -> bool:
        return (
            notes.last is not None
            and psnr(notes.last[: screen.shape[0], : screen.shape[1]], screen) > NEAR_LOSSLESS_DB
        )

    await eventually(sharp, "the viewer's picture equals the screen")
    return screen


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "unwatched_s", [20.0, pytest.param(120.0, marks=pytest.mark.long)], ids=["short", "two-minutes"]
)
async def test_after_an_unwatched_time_ten_of_ten_see_the_present_picture_in_a_second(
    shim: ShimProcess, x: XServer, tmp_path: Path, unwatched_s: float
) -> None:
    sessions = [f"late-{number}" for number in range(10)]
    with x.connect() as display, contextlib.ExitStack() as stack:
        canvas = Canvas(display)
        canvas.text_page(1)
        agents = []
        for session in sessions:  # one by one: ten starts at once are no session's usual start
            agent = stack.enter_context(agent_process(shim, x, tmp_path, session))
            await asyncio.to_thread(agent.wait_ready)
            await asyncio.sleep(0.5)
            agents.append(agent)
        await asyncio.sleep(unwatched_s / 2)
        encoded = [agent.metrics()["sessioncast_frames_total/encoded"] for agent in agents]
        canvas.text_page(2)  # nobody sees this happen
        await asyncio.sleep(unwatched_s / 2)
        screen = x.luma()
        for agent, before in zip(agents, encoded, strict=True):
            assert agent.metrics()["sessioncast_frames_total/encoded"] == before
        took = {}
        for session in sessions:
            took[session] = await join_sees(shim, session, screen)
        # a second look, once it is unwatched again, tells a hiccup of a busy machine from a flaw
        slow = [session for session in sessions if took[session] > JOIN_TARGET_S]
        assert len(slow) <= 2, took
        if slow:
            await asyncio.sleep(8.0)
        for session in slow:
            assert await join_sees(shim, session, screen) <= JOIN_TARGET_S, took
        assert max(took.values()) < 3 * JOIN_TARGET_S, took


async def join_sees(shim: ShimProcess, session: str, screen: Luma) -> float:
    """Join; seconds from the offer to the first picture: the present one, and legible."""
    async with viewer(shim, session) as notes:
        picture = await notes.first_picture()
        assert psnr(picture, screen) > 35, "the present picture, not an old one"
        assert notes.first_after_s is not None
        return notes.first_after_s


async def test_ten_viewers_at_once_share_one_encode(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with (
        x.connect() as display,
        agent_process(shim, x, tmp_path, "crowd") as agent,
    ):
        canvas = Canvas(display)
        canvas.text_page(3)
        await asyncio.to_thread(agent.wait_ready)
        began = time.monotonic()
        async with asyncio.TaskGroup() as crowd:
            tasks = [crowd.create_task(watch_briefly(shim, "crowd", 4.0)) for _ in range(10)]
        firsts = [task.result() for task in tasks]
        assert max(firsts) < 3.0, firsts
        metrics = agent.metrics()
        most = (time.monotonic() - began) / 0.3 + 4  # at most one in 300 ms, and those that prime
        assert metrics["sessioncast_frames_total/keyframes"] <= most
        assert metrics["sessioncast_frames_total/encoded"] < 300  # one encode for all


async def watch_briefly(shim: ShimProcess, session: str, seconds: float) -> float:
    async with viewer(shim, session) as notes:
        await eventually(lambda: notes.last is not None, "first picture")
        await asyncio.sleep(seconds)
        assert notes.first_after_s is not None
        return notes.first_after_s


async def test_a_viewer_who_waits_for_the_agent_sees_it_at_once_though_the_first_idr_is_lost(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    """libwebrtc swallows what is sent right after publishing; a waiting viewer needs the next."""
    call(shim, "POST", "/sessions", {"session": "early"})
    async with viewer(shim, "early") as notes:
        with agent_process(shim, x, tmp_path, "early") as agent:
            await asyncio.to_thread(agent.wait_ready)
            await eventually(lambda: notes.last is not None, "a picture", within_s=3.0)


async def test_motion_ends_sharp_within_half_a_second_and_then_nothing_moves(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with (
        x.connect() as display,
        agent_process(shim, x, tmp_path, "sharp") as agent,
    ):
        canvas = Canvas(display)
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "sharp") as notes:
            await eventually(lambda: notes.last is not None, "first picture")
            await asyncio.sleep(3.0)
            await asyncio.to_thread(canvas.storm, 2.0)
            canvas.text_page(7)
            ended = time.monotonic()
            await settled_view(notes, x)
            # an order of magnitude for a loaded machine; the benchmark holds the half second
            assert time.monotonic() - ended < 5.0
            await asyncio.sleep(1.0)
            assert notes.last is not None
            reference = notes.last
            changes: list[tuple[int, float]] = []

            def compare(luma: Luma) -> None:
                difference = np.abs(luma - reference)
                changes.append((int(difference.max()), float(difference.mean())))

            notes.watch = compare
            async with viewer(shim, "sharp") as second:  # its PLI makes an IDR for everybody
                await eventually(lambda: second.last is not None, "the second viewer's picture")
                await asyncio.sleep(6.0)
            assert len(changes) >= 5, "heartbeats flow"
            # neither heartbeat nor IDR shows: single pixels by a few of 255 levels at most
            assert max(change[0] for change in changes) <= 16
            assert max(change[1] for change in changes) <= 1.0


async def test_a_still_screen_sends_heartbeats_and_an_unwatched_one_nothing(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "idle") as agent:
        canvas = Canvas(display)
        canvas.text_page(9)
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "idle") as notes:
            await eventually(lambda: notes.last is not None, "first picture")
            await asyncio.sleep(6.0)  # the announcement's burst and the sharpening are over
            before = agent.metrics()
            await asyncio.sleep(5.0)
            after = agent.metrics()
            captured = "sessioncast_frames_total/captured"
            encoded = "sessioncast_frames_total/encoded"
            assert after[captured] == before[captured], "nothing changed, nothing is grabbed"
            assert 3 <= after[encoded] - before[encoded] <= 8, "about one heartbeat a second"
        await eventually(lambda: "nobody watches" in agent.log(), "the audience is gone")
        await asyncio.sleep(1.0)
        before = agent.metrics()
        await asyncio.to_thread(canvas.storm, 3.0)
        after = agent.metrics()
        assert after[captured] == before[captured]
        assert after[encoded] == before[encoded]
        spent = sum(
            after[f"sessioncast_cpu_seconds_total/{stage}"]
            - before[f"sessioncast_cpu_seconds_total/{stage}"]
            for stage in ("capture", "convert", "encode")
        )
        assert spent < 0.05


async def test_stages_add_up_to_the_process_within_five_percent(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "bill") as agent:
        canvas = Canvas(display)
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "bill") as notes:
            await eventually(lambda: notes.last is not None, "first picture")
            await asyncio.to_thread(canvas.storm, 4.0)
            usage = await asyncio.to_thread(call, shim, "GET", "/sessions/bill/usage")
        cpu = usage["cpu_seconds"]
        process = cpu.pop("process")
        assert sum(cpu.values()) == pytest.approx(process, rel=0.05)
        assert min(cpu[stage] for stage in ("capture", "convert", "encode", "publish")) > 0
        assert usage["frames"]["encoded"] >= 120
        assert usage["watched_seconds"] > 4
        assert usage["bytes_sent"] > 100_000
        assert usage["rss_bytes"] < 250 * 2**20


async def test_the_pointer_reaches_a_late_page_and_follows(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "pointer") as agent:
        await asyncio.to_thread(agent.wait_ready)
        display.screen().root.warp_pointer(100, 120)
        display.sync()
        async with viewer(shim, "pointer") as notes:

            def messages(kind: str) -> list[list[object]]:
                found = [json.loads(data) for topic, data in notes.data if topic == "cursor"]
                return [message for message in found if message[0] == kind]

            await eventually(lambda: messages("img") and messages("pos"), "shape and place")
            image, place = messages("img")[-1], messages("pos")[-1]
            assert place[2:4] == [100, 120]
            assert place[4] == image[1], "the place names its shape"
            display.screen().root.warp_pointer(640, 360)
            display.sync()
            await eventually(lambda: messages("pos")[-1][2:4] == [640, 360], "the move")
            assert notes.attributes("pointer")["cursor"] == "separate"


async def test_an_embedded_pointer_is_in_the_picture_and_in_no_message(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with (
        x.connect() as display,
        agent_process(shim, x, tmp_path, "embed", "--cursor", "embed") as agent,
    ):
        canvas = Canvas(display)
        canvas.fill(0x3060A0)
        root = display.screen().root
        root.warp_pointer(1000, 600)
        display.sync()
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "embed") as notes:
            await eventually(lambda: notes.last is not None, "first picture")

            def drawn_at(x_px: int, y_px: int) -> bool:
                assert notes.last is not None
                spot = notes.last[y_px - 12 : y_px + 12, x_px - 12 : x_px + 12]
                return int(spot.max() - spot.min()) > 40

            await eventually(lambda: drawn_at(1000, 600), "the pointer in the picture")
            root.warp_pointer(300, 300)
            display.sync()
            await eventually(lambda: drawn_at(300, 300), "the pointer where it went")
            assert not drawn_at(1000, 600), "exactly one pointer"
            assert not [1 for topic, _ in notes.data if topic == "cursor"]
            assert notes.attributes("embed")["cursor"] == "embed"


async def test_the_screen_changes_its_size_also_to_odd_ones(
    shim: ShimProcess, tmp_path: Path
) -> None:
    with (
        x_server(tmp_path, "1600x1200") as own,
        agent_process(shim, own, tmp_path, "resize") as agent,
    ):
        await asyncio.to_thread(agent.wait_ready)
        async with viewer(shim, "resize") as notes:
            await eventually(lambda: notes.last is not None, "first picture")
            for width, height in ((801, 601), (1280, 720), (333, 1199), (1600, 1200)):
                await resized(own, notes, width, height)
            session = await asyncio.to_thread(call, shim, "GET", "/sessions/resize")
            assert session["size_px"] == [1600, 1200]


async def resized(own: XServer, notes: Viewer, width: int, height: int) -> None:
    own.resize(width, height)
    even = (width + width % 2, height + height % 2)
    await eventually(lambda: notes.sizes[-1] == even, f"video of {even}")
    wanted = f"{width}x{height}"
    await eventually(
        lambda: notes.attributes("resize").get("size") == wanted, f"the size attribute {wanted}"
    )
    with own.connect() as display:
        canvas = Canvas(display)
        canvas.text_page(width)
        await settled_view(notes, own)


async def test_a_thumbnail_of_an_unwatched_screen_is_its_present_picture(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    import urllib.request

    import av

    from support.shim_process import API_KEY

    with x.connect() as display, agent_process(shim, x, tmp_path, "thumb") as agent:
        canvas = Canvas(display)
        canvas.fill(0xE01010)
        display.sync()
        await asyncio.to_thread(agent.wait_ready)
        request = urllib.request.Request(
            f"{shim.url}/api/v1/sessions/thumb/thumbnail",
            headers={"Authorization": f"Bearer {API_KEY}"},
        )

        def fetch() -> bytes:
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.headers["Content-Type"] == "image/jpeg"
                return bytes(answer.read())

        jpeg = await asyncio.to_thread(fetch)
        picture = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))[0]
        red, green, blue = picture.reformat(format="rgb24").to_ndarray()[50, 100]
        assert (red > 190, green < 60, blue < 60) == (True, True, True)
