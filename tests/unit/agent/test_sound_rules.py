"""Rules of sound that need no sound: drift, volume, cross-fades."""

import numpy as np
import pytest

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.sound.capture import LATEST_PACKETS, LOOK_PACKETS
from sessioncast_agent.sound.drift import Act, DriftKeeper
from sessioncast_agent.sound.pcm import FRAME_SAMPLES, merged, scaled
from sessioncast_agent.sound.quiet import QuietWatch
from sessioncast_agent.sound.settings import check_pulse_server

pytestmark = pytest.mark.unit

FRAMES_A_MINUTE = 6_000


def simulate(keeper: DriftKeeper, ppm: float, minutes: float, jitter: int = 0) -> tuple[int, int]:
    """A source that is `ppm` fast feeds a sink that takes a frame every 10 ms.

    Gives the most that ever waited, and the frames that were given up.
    """
    waiting, credit, most, lost = 1, 0.0, 0, 0
    for tick in range(int(minutes * FRAMES_A_MINUTE)):
        credit += 1 + ppm / 1e6
        late = jitter and tick % 50 < jitter
        while credit >= 1 and not late:
            credit -= 1
            waiting += 1
            act = keeper.act(waiting)
            if act is not Act.KEEP:
                waiting -= 1
                lost += 1
        most = max(most, waiting)
        if waiting:
            waiting -= 1
    return most, lost


@pytest.mark.parametrize(
    "keeper", [DriftKeeper(), DriftKeeper(needed=1, limit=LATEST_PACKETS, window=LOOK_PACKETS)]
)
def test_a_source_500_ppm_fast_for_ten_minutes_keeps_latency_bounded(keeper: DriftKeeper) -> None:
    most, lost = simulate(keeper, 500, 10)
    assert most <= keeper.limit
    # 500 ppm of ten minutes are 300 ms, and no more than that (and the start) is given up
    assert 25 <= lost <= 36
    assert keeper.dropped == 0, "cross-faded, never cut"


def test_a_source_that_is_slow_or_steady_loses_nothing() -> None:
    for ppm in (0, -500):
        _, lost = simulate(DriftKeeper(), ppm, 10)
        assert lost <= 1


def test_jitter_within_the_limit_costs_nothing() -> None:
    keeper = DriftKeeper()
    most, lost = simulate(keeper, 0, 2, jitter=3)
    assert most <= keeper.limit
    assert lost <= 4


def test_after_a_stall_the_oldest_go_at_once() -> None:
    keeper = DriftKeeper()
    acts = [keeper.act(waiting) for waiting in range(40, 0, -1)]
    assert acts.count(Act.DROP) == 40 - keeper.needed
    assert acts[-1] is Act.KEEP


def test_a_gain_moves_without_a_step() -> None:
    frame = np.full(FRAME_SAMPLES * 2, 10_000, np.int16).tobytes()
    out = np.frombuffer(scaled(frame, 1.0, 0.5), np.int16)
    assert out[0] == 10_000
    assert out[-1] == 5_000
    assert np.abs(np.diff(out)).max() < 20


def test_two_frames_merge_into_one_that_begins_as_the_first_and_ends_as_the_second() -> None:
    a = np.full(FRAME_SAMPLES * 2, 8_000, np.int16).tobytes()
    b = np.full(FRAME_SAMPLES * 2, -8_000, np.int16).tobytes()
    out = np.frombuffer(merged(a, b, 2), np.int16)
    assert len(out) == FRAME_SAMPLES * 2
    assert (out[0], out[-1]) == (8_000, -8_000)


@pytest.mark.parametrize("server", ["unix:/a b", "x" * 300, "a\nb"])
def test_a_pulse_server_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(CannotStart, match="--pulse-server"):
        check_pulse_server(server)


def test_an_empty_pulse_server_is_the_default_one() -> None:
    assert check_pulse_server("") is None
    assert check_pulse_server("unix:/run/pulse") == "unix:/run/pulse"


def test_only_a_long_digital_silence_is_quiet() -> None:
    watch = QuietWatch(needed=3)
    silence, faintest = bytes(3840), bytes(3839) + b"\x01"
    assert [watch.quiet(silence) for _ in range(5)] == [False, False, False, True, True]
    assert not watch.quiet(faintest)
    assert [watch.quiet(silence) for _ in range(4)] == [False, False, False, True]
    watch.reset()
    assert not watch.quiet(silence)
