"""The VNC fallback on real parts: shim, SFU, agent, X server, and clients of several makers."""

import asyncio
from pathlib import Path

import pytest

from support.agent_process import agent_process
from support.rfb import (
    CONTINUOUS,
    CURSOR,
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    FENCE,
    H264,
    RAW,
    offer,
    probe,
)
from support.shim_process import ShimProcess
from support.viewer import psnr
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
