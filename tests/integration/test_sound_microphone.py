"""The voice of whoever has control is what programs hear as the microphone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pulse import SoundServer, level_of, pulse_server
from support.shim_process import ShimProcess
from support.sounding import sounding_agent
from support.speaker import speaker
from support.xserver import XServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

HEARD = 0.05
ANA_HZ, BEN_HZ = 700, 1500


@pytest.fixture
def pulse() -> Iterator[SoundServer]:
    with pulse_server() as server:
        yield server


async def until_heard(pulse: SoundServer, hertz: float, *, heard: bool = True) -> None:
    """Until a program that records the default source hears this frequency (or no longer does)."""
    for _ in range(40):
        sound = await asyncio.to_thread(pulse.record, 0.3)
        if (level_of(sound, hertz) > HEARD) is heard:
            return
    raise AssertionError(f"{hertz} Hz: heard is not {heard}")


async def test_only_the_holder_of_control_is_heard_and_never_as_desktop_audio(
    shim: ShimProcess, x: XServer, tmp_path: Path, pulse: SoundServer
) -> None:
    with sounding_agent(shim, x, tmp_path, "voice", pulse):
        async with speaker(shim, "voice", ANA_HZ) as ana, speaker(shim, "voice", BEN_HZ):
            await asyncio.sleep(1)
            quiet = await asyncio.to_thread(pulse.record, 0.5)
            assert level_of(quiet, ANA_HZ) < HEARD / 10, "without control nobody is heard"
            await ana.take_control()
            await until_heard(pulse, ANA_HZ)
            sound = await asyncio.to_thread(pulse.record, 0.5)
            assert level_of(sound, BEN_HZ) < HEARD / 10, "only the holder"
            echo = await asyncio.to_thread(pulse.record, 0.5, "--device=sessioncast.monitor")
            assert level_of(echo, ANA_HZ) < HEARD / 50, "never part of the desktop's sound"
            assert level_of(ana.ear.heard("desktop-audio", 1), ANA_HZ) < HEARD / 50
            ana.beating = False
            await until_heard(pulse, ANA_HZ, heard=False)
            ana.beating = True
            await ana.take_control()
            await until_heard(pulse, ANA_HZ)
            pulse.kill()
            pulse.start()
            await until_heard(pulse, ANA_HZ)
