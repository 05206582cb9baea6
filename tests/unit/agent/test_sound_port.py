"""Frames handed to the SDK without waiting: nothing is lost, changed, or told to anybody else."""

import asyncio
import time

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient

from sessioncast_agent.sound.pcm import FRAME_SAMPLES, RATE_HZ, frame_bytes
from sessioncast_agent.sound.port import FramePort

pytestmark = pytest.mark.unit

FRAMES = 200
CHANNELS = 2
STEP = 100


def flat(level: int) -> bytes:
    return np.full(FRAME_SAMPLES * CHANNELS, level, np.int16).tobytes()


def send_in_a_burst(port: FramePort, levels: list[int], at_a_time: int) -> None:
    for first in range(0, len(levels), at_a_time):
        while port.busy:
            time.sleep(0.0005)
        port.send(b"".join(flat(level) for level in levels[first : first + at_a_time]))


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
async def test_frames_sent_in_a_burst_come_out_in_order_and_their_answers_wake_nobody(
    at_a_time: int,
) -> None:
    source = rtc.AudioSource(RATE_HZ, CHANNELS, queue_size_ms=0)
    track = rtc.LocalAudioTrack.create_audio_track("burst", source)
    stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=CHANNELS, capacity=FRAMES)
    others = FfiClient.instance.queue.subscribe(
        filter_fn=lambda event: event.WhichOneof("message") == "capture_audio_frame"
    )
    port = FramePort(source, CHANNELS)
    levels = [STEP * (number + 1) for number in range(FRAMES)]
    heard: list[int] = []
    try:
        await asyncio.to_thread(send_in_a_burst, port, levels, at_a_time)
        async with asyncio.timeout(10):
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16)
                assert (samples == samples[0]).all(), "one frame is never part of another"
                heard.append(int(samples[0]))
                if len(heard) == FRAMES:
                    break
        assert heard == levels
        assert port.refused == 0
        assert others.empty()
    finally:
        FfiClient.instance.queue.unsubscribe(others)
        port.close()
        await stream.aclose()
        await source.aclose()


async def test_the_sdks_own_way_in_still_gets_its_answers_beside_a_port() -> None:
    source = rtc.AudioSource(RATE_HZ, CHANNELS, queue_size_ms=0)
    port = FramePort(source, CHANNELS)
    frame = rtc.AudioFrame(flat(STEP), RATE_HZ, CHANNELS, FRAME_SAMPLES)
    try:
        async with asyncio.timeout(5):
            await source.capture_frame(frame)
    finally:
        port.close()
        await source.aclose()


async def test_a_frame_of_another_size_is_refused_before_the_library_reads_past_it() -> None:
    source = rtc.AudioSource(RATE_HZ, CHANNELS, queue_size_ms=0)
    port = FramePort(source, CHANNELS)
    try:
        with pytest.raises(ValueError, match="frames are 1920 bytes each"):
            port.send(bytes(frame_bytes(CHANNELS) - 2))
    finally:
        port.close()
        await source.aclose()


async def test_a_source_that_is_gone_refuses_and_leaves_the_port_free() -> None:
    source = rtc.AudioSource(RATE_HZ, CHANNELS, queue_size_ms=0)
    port = FramePort(source, CHANNELS)
    try:
        await source.aclose()
        port.send(flat(STEP))
        assert port.refused == 1
        assert not port.busy
    finally:
        port.close()
