"""The fallback held against programs of other makers: TigerVNC's viewer, asyncvnc, and x11vnc."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncvnc  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
from Xlib import X

from support.agent_process import agent_process
from support.livekit import free_ports
from support.rfb import (
    CONTINUOUS,
    CURSOR,
    DESKTOP_SIZE,
    FENCE,
    RAW,
    luma_of,
    offer,
    probe,
    tcp_bridge,
)
from support.shim_process import ShimProcess
from support.viewer import eventually, psnr
from support.xserver import Canvas, XServer, x_server

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def program(*command: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the body."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def test_tigervncs_viewer_shows_and_steers_the_desktop(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    """Tight with JPEG, continuous updates, fences, cursor with alpha, extended clipboard."""
    with (
        x.connect() as display,
        agent_process(shim, x, tmp_path, "tiger") as agent,
        x_server(tmp_path, "1400x900") as desk,
        desk.connect() as far,
    ):
        canvas = Canvas(display)
        canvas.text_page(1)
        await asyncio.to_thread(agent.wait_ready)
        async with tcp_bridge(offer(shim, "tiger", "operator")) as port:
            command = ["xtigervncviewer", f"127.0.0.1::{port}", "-RemoteResize=0"]
            with program(*command, env=desk.env, log=tmp_path / "tiger.log") as viewer:

                def shows() -> bool:
                    assert viewer.poll() is None, (tmp_path / "tiger.log").read_text()
                    return holds(desk.luma(), x.luma()) > 25

                await eventually(shows, "TigerVNC shows the desktop", 30)
                canvas.text_page(2)
                display.sync()
                await eventually(shows, "and its change", 30)
                # its window is at the upper left; a click in it is a click in the session
                from Xlib.ext import xtest

                window = far.screen().root.query_tree().children[-1]
                geometry = window.get_geometry()
                at = geometry.x + 320, geometry.y + 240
                for _ in range(2):
                    xtest.fake_input(far, X.MotionNotify, x=at[0], y=at[1])
                    far.sync()
                    await asyncio.sleep(0.3)
                    xtest.fake_input(far, X.ButtonPress, 1)
                    far.sync()
                    await asyncio.sleep(0.3)
                    xtest.fake_input(far, X.ButtonRelease, 1)
                    far.sync()

                def clicked() -> bool:
                    pointer = display.screen().root.query_pointer()
                    return bool(abs(pointer.root_x - 320) < 40 and abs(pointer.root_y - 240) < 60)

                await eventually(clicked, "the click arrives", 15)


def holds(large: np.ndarray, small: np.ndarray) -> float:
    """How well `small` is found in `large`, in dB, where a window manager may have put it."""
    height, width = small.shape
    best = 0.0
    for top in range(min(60, large.shape[0] - height + 1)):
        for left in range(0, min(8, large.shape[1] - width + 1)):
            row = large[top, left : left + width]
            if np.abs(row[::8] - small[0, ::8]).mean() < 40:
                best = max(best, psnr(large[top : top + height, left : left + width], small))
    return best


async def test_asyncvnc_takes_the_very_pixels_and_types(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "async") as agent:
        canvas = Canvas(display)
        canvas.text_page(7)
        display.screen().root.warp_pointer(640, 360)
        display.sync()
        await asyncio.to_thread(agent.wait_ready)
        async with (
            tcp_bridge(offer(shim, "async", "operator")) as port,
            asyncvnc.connect("127.0.0.1", port) as client,
        ):
            assert (client.video.width, client.video.height) == (1280, 720)
            async with asyncio.timeout(20):
                rgba = await client.screenshot()
                bgrx = np.ascontiguousarray(rgba[..., [2, 1, 0, 3]])
                differs = luma_of(bgrx) != x.luma()
                # it draws no pointer itself, so the picture holds it, and is else the very same
                assert differs[330:390, 610:670].any()
                differs[330:390, 610:670] = False
                assert not differs.any()
                client.mouse.move(200, 150)
                client.mouse.click()
                await client.drain()

            def arrived() -> bool:
                pointer = display.screen().root.query_pointer()
                return (pointer.root_x, pointer.root_y) == (200, 150)

            await eventually(arrived, "the click arrives")


@pytest.mark.parametrize("password", [None, "pass word"], ids=["open", "password"])
async def test_an_existing_vnc_server_is_relayed_and_obeys_only_the_lease(
    shim: ShimProcess, x: XServer, tmp_path: Path, password: str | None
) -> None:
    """Another display than the session's own, so that it is seen whose picture it is."""
    with x_server(tmp_path, "800x600") as other, other.connect() as display:
        canvas = Canvas(display)
        canvas.fill(0x4080C0)
        canvas.fill(0xC04020, 0, 0, 400, 300)
        display.sync()
        port = free_ports(1)[0]
        secret = tmp_path / "vnc.password"
        options = ["-nopw"]
        if password is not None:
            rfbauth = tmp_path / "rfbauth"
            await asyncio.to_thread(
                subprocess.run,
                ["x11vnc", "-storepasswd", password, str(rfbauth)],
                check=True,
                capture_output=True,
            )
            options = ["-rfbauth", str(rfbauth)]
            secret.write_text(password + "\n")
        name = "relay-open" if password is None else "relay-secret"
        more = [] if password is None else ["--vnc-password-file", str(secret)]
        with (
            program(
                "x11vnc", "-display", other.display, "-localhost", "-rfbport", str(port),
                "-forever", "-shared", "-quiet", "-noxrecord", "-noxdamage", *options,
                env=other.env, log=tmp_path / "x11vnc.log",
            ),
            agent_process(
                shim, x, tmp_path, name, "--vnc-url", f"vnc://127.0.0.1:{port}", *more
            ) as agent,
        ):  # fmt: skip
            await asyncio.to_thread(agent.wait_ready)
            root = display.screen().root

            def place() -> tuple[int, int]:
                pointer = root.query_pointer()
                return pointer.root_x, pointer.root_y

            root.warp_pointer(700, 500)
            display.sync()
            encodings = (RAW, DESKTOP_SIZE, CURSOR, FENCE, CONTINUOUS)
            async with asyncio.timeout(40):
                async with probe(offer(shim, name), *encodings) as watches:
                    assert watches.size_px == (800, 600)
                    while watches.luma is None or psnr(watches.luma, other.luma()) < 40:
                        await watches.update()
                        await watches.request()
                    await watches.pointer(1, 50, 60)
                    await watches.pointer(0, 50, 60)
                    await watches.key(0x61, down=True)
                    await asyncio.sleep(1)
                    assert place() == (700, 500), "an observer moves nothing"
                async with probe(offer(shim, name, "operator"), *encodings) as steers:
                    await steers.update()
                    await steers.pointer(0, 90, 70)
                    await steers.pointer(1, 90, 70)
                    await eventually(lambda: place() == (90, 70), "the holder's click")
                    await eventually(lambda: root.query_pointer().mask & X.Button1Mask, "held")
                    async with probe(offer(shim, name, "admin"), *encodings) as takes:
                        await takes.update()
                        await asyncio.sleep(3.5)  # the holder rests
                        assert root.query_pointer().mask & X.Button1Mask
                await eventually(lambda: not root.query_pointer().mask & X.Button1Mask, "let go")
            assert password is None or password not in agent.log()
