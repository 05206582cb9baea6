"""The clipboard with real programs and over the SFU; and sizes of the screen."""

import asyncio
import os
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_process import AgentProcess, agent_process
from support.operators import Operator, operator
from support.programs import chromium, xterm
from support.shim_process import ShimProcess
from support.viewer import eventually, psnr, viewer
from support.xserver import XServer, x_server

pytestmark = pytest.mark.integration

SESSION = "clips"
CONTROL_L = 0xFFE3


@pytest.fixture(scope="module")
def agent(shim: ShimProcess, x: XServer, module_path: Path) -> Iterator[AgentProcess]:
    with agent_process(shim, x, module_path, SESSION) as process:
        process.wait_ready()
        yield process


def png(width_px: int, height_px: int) -> bytes:
    """Noise, so that it is large."""
    rows = b"".join(b"\0" + os.urandom(width_px * 3) for _ in range(height_px))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def xclip(x: XServer, target: str = "UTF8_STRING") -> bytes:
    """What a program would paste."""
    answer = subprocess.run(
        ["xclip", "-o", "-selection", "clipboard", "-t", target],
        env=os.environ | x.env, capture_output=True, timeout=10, check=False,
    )  # fmt: skip
    return answer.stdout


def copy(x: XServer, content: bytes, target: str = "UTF8_STRING") -> None:
    """As a program that copies."""
    subprocess.run(
        ["xclip", "-i", "-selection", "clipboard", "-t", target],
        env=os.environ | x.env, input=content, timeout=10, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


async def send_clip(ana: Operator, mime: str, content: bytes, name: str) -> None:
    writer = await ana.room.local_participant.stream_bytes(
        "clip", topic="clipboard", mime_type=mime, total_size=len(content),
        attributes={"id": name}, destination_identities=[ana.agent],
    )  # fmt: skip
    await writer.write(content)
    await writer.aclose()


async def chord(ana: Operator, letter: str) -> None:
    await ana.key(CONTROL_L, True, "ControlLeft")
    await ana.stroke(ord(letter), f"Key{letter.upper()}")
    await ana.key(CONTROL_L, False, "ControlLeft")


@pytest.mark.usefixtures("agent")
async def test_text_and_images_go_both_ways(shim: ShimProcess, x: XServer) -> None:
    async with operator(shim, SESSION) as ana:
        await ana.call("control.request")
        await ana.sees_holder(ana.identity)
        ana.beat()
        text = "größe 日本 👋\nline two"
        await ana.call("clipboard.set", mime="text/plain", text=text)
        assert xclip(x).decode() == text, "at once: the answer means that a paste would give it"
        large = ("0123456789 äöü " * 12_000).encode()[:200_000].decode("utf-8", "ignore").encode()
        await send_clip(ana, "text/plain", large, "one")
        await eventually(lambda: ana.notices("set", "clipboard"), "the large text is set")
        assert ana.notices("set", "clipboard") == [["set", "one"]]
        assert xclip(x) == large
        picture = png(400, 300)
        await send_clip(ana, "image/png", picture, "two")
        await eventually(lambda: len(ana.notices("set", "clipboard")) == 2, "the image is set")
        assert xclip(x, "image/png") == picture
        await asyncio.sleep(0.5)
        assert ana.notices("text", "clipboard") == [], "nothing of ours comes back"
        assert ana.streams == []
        # and out
        copy(x, "from a program ✓".encode())
        await eventually(lambda: ana.notices("text", "clipboard"), "text comes out")
        assert ana.notices("text", "clipboard") == [["text", "from a program ✓"]]
        assert (await ana.call("clipboard.get"))["text"] == "from a program ✓"
        copy(x, large)
        await eventually(lambda: len(ana.streams) == 1, "large text comes out")
        assert ana.streams[0] == ("clipboard", "text/plain", large)
        copy(x, picture, "image/png")
        await eventually(lambda: len(ana.streams) == 2, "an image comes out")
        assert ana.streams[1] == ("clipboard", "image/png", picture)
        # what must not be
        await send_clip(ana, "image/png", b"GIF89a and so on", "three")
        await eventually(lambda: ana.notices("refused"), "no PNG")
        await send_clip(ana, "text/plain", b"x" * 400_000, "four")
        await eventually(lambda: len(ana.notices("refused")) == 2, "too large")
        assert await ana.refused("clipboard.set", mime="text/html", text="<b>") == 1400
        many = (ana.call("clipboard.set", text="x") for _ in range(60))
        answers = await asyncio.gather(*many, return_exceptions=True)
        codes = {getattr(answer, "code", 0) for answer in answers}
        assert codes == {0, 1429}, "some are taken, and then too many"
        async with operator(shim, SESSION) as ben:
            assert await ben.refused("clipboard.set", text="y") == 1409
            assert await ben.refused("clipboard.get") == 1409
            copy(x, b"for the holder only")
            await eventually(lambda: len(ana.notices("text", "clipboard")) == 2, "Ana has it")
            await asyncio.sleep(0.5)
            assert ben.notices("text", "clipboard") == []


@pytest.mark.usefixtures("agent")
async def test_a_ctrl_v_right_after_a_paste_sees_the_new_content_and_a_copy_comes_out(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    browser = chromium(x, tmp_path)
    program = await asyncio.to_thread(browser.__enter__)
    try:
        async with operator(shim, SESSION) as ana:
            await ana.call("control.request")
            await ana.sees_holder(ana.identity)  # the test before has just left
            ana.beat()
            await ana.click(200, 150)
            expected = ""
            for number in range(4):
                await ana.call("clipboard.set", text=f"paste {number}; ")
                await chord(ana, "v")
                expected += f"paste {number}; "
                await eventually(
                    lambda text=expected: program.received() == text,  # type: ignore[misc]  # bound
                    f"{expected!r} was pasted",
                )
            await send_clip(ana, "image/png", png(20, 20), "image")
            await eventually(lambda: ana.notices("set", "clipboard"), "the image is set")
            await chord(ana, "v")
            await eventually(
                lambda: ["image/png"] in [event[2] for event in program.events("paste")],
                "Chromium pastes an image",
            )
            await chord(ana, "a")
            await chord(ana, "c")
            await eventually(
                lambda: ana.notices("text", "clipboard")[-1:] == [["text", expected]],
                "what was copied in Chromium comes out",
            )
    finally:
        await asyncio.to_thread(browser.__exit__, None, None, None)


@pytest.mark.parametrize(("policy", "takes", "gives"), [
    ("off", False, False), ("in", True, False), ("out", False, True),
])  # fmt: skip
async def test_the_policy_says_which_way(
    policy: str, takes: bool, gives: bool, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, f"clip-{policy}", "--clipboard", policy) as process:
        await asyncio.to_thread(process.wait_ready)
        async with operator(shim, f"clip-{policy}") as ana:
            await ana.call("control.request")
            if takes:
                await ana.call("clipboard.set", text="in")
                assert xclip(x) == b"in"
            else:
                assert await ana.refused("clipboard.set", text="in") == 1403
            copy(x, f"out {policy}".encode())
            if gives:
                await eventually(lambda: ana.notices("text", "clipboard"), "it comes out")
            else:
                await asyncio.sleep(1.0)
                assert ana.notices("text", "clipboard") == []
                assert await ana.refused("clipboard.get") == 1403


@pytest.mark.timeout(180)
async def test_the_desktop_takes_any_size_and_clicks_land_after_it(
    shim: ShimProcess, tmp_path: Path
) -> None:
    with (
        x_server(tmp_path, "1920x1200") as x,
        agent_process(shim, x, tmp_path, "sizes") as process,
    ):
        await asyncio.to_thread(process.wait_ready)
        with xterm(x, tmp_path):
            async with viewer(shim, "sizes") as notes, operator(shim, "sizes") as ana:
                await notes.first_picture()
                await ana.call("control.request")
                ana.beat()
                for wanted in ((1280, 720), (801, 601), (1366, 768), (999, 1001), (1920, 1200)):
                    answer = await ana.call(
                        "desktop.resize", width_px=wanted[0], height_px=wanted[1]
                    )
                    assert (answer["width_px"], answer["height_px"]) == wanted
                    even = (wanted[0] + wanted[0] % 2, wanted[1] + wanted[1] % 2)
                    await eventually(
                        lambda even=even: notes.sizes[-1] == even,  # type: ignore[misc]  # bound now
                        f"the video is {even}",
                    )
                    await ana.click(wanted[0] - 1, wanted[1] - 1)
                    place = {"x": wanted[0] - 1, "y": wanted[1] - 1}
                    await eventually(
                        lambda place=place: pointer(x) == place,  # type: ignore[misc]  # bound now
                        "the click lands in the corner",
                    )
                await ana.click(90_000, 90_000)
                await eventually(lambda: pointer(x) == {"x": 1919, "y": 1199}, "it is clamped")
                screen = x.luma()
                await eventually(
                    lambda: (
                        notes.last is not None
                        and notes.last.shape == screen.shape
                        and psnr(notes.last, screen) > 40
                    ),
                    "the picture is the screen's",
                )
                assert (await ana.call("desktop.resize", width_px=9_000, height_px=10)) == {
                    "width_px": 1920, "height_px": 64,
                }  # fmt: skip
                # of many wishes while a window's edge is dragged, one is made
                answers = await asyncio.gather(
                    *(
                        ana.call("desktop.resize", width_px=700 + n, height_px=500)
                        for n in range(8)
                    ),
                    return_exceptions=True,
                )
                assert sum(isinstance(answer, dict) for answer in answers) == 1


def pointer(x: XServer) -> dict[str, int]:
    with x.connect() as display:
        place = display.screen().root.query_pointer()
        return {"x": place.root_x, "y": place.root_y}
