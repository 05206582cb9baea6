"""The rule that picks a quantizer, by itself, and what it is told of a picture's change."""

import av
import numpy as np
import pytest

from sessioncast_agent.video.change import EVERY, ChangeMeter
from sessioncast_agent.video.qp import COARSE_QP, SHARP_QP, START_QP, QpControl
from sessioncast_agent.video.vbv import VbvMirror

pytestmark = pytest.mark.unit

MACROBLOCKS = 3600
CEILING_BPS = 8_000_000


def control() -> QpControl:
    return QpControl(MACROBLOCKS, VbvMirror(CEILING_BPS, CEILING_BPS / 60))


def send(rule: QpControl, bits: int, *, fresh: bool = True, change: float | None = 100.0) -> int:
    qp = rule.choose(idr=False, fresh=fresh, change=change)
    rule.sent(bits, qp, idr=False, fresh=fresh, change=change)
    rule.bucket.sent(bits // 8)
    return qp


def test_a_new_encoder_begins_in_the_middle_and_sharpens_a_still_picture_in_a_few_frames() -> None:
    rule = control()
    qps = [send(rule, 150_000, change=None)]
    assert qps[0] == START_QP
    qps += [send(rule, 100, fresh=False, change=0.0) for _ in range(10)]
    assert qps == sorted(qps, reverse=True)
    assert qps[-1] == SHARP_QP


def test_what_costs_more_is_coded_coarser() -> None:
    cheap, dear = control(), control()
    for _ in range(30):
        little, much = send(cheap, 60_000), send(dear, 120_000)
    assert SHARP_QP < little < much < 40


def test_a_small_change_of_a_still_picture_is_sharp_and_a_large_one_is_not() -> None:
    rule = control()
    for _ in range(10):
        send(rule, 20_000)
    for _ in range(20):
        send(rule, 100, fresh=False, change=0.0)
    assert rule.choose(idr=False, fresh=True, change=0.5) == SHARP_QP
    assert rule.choose(idr=False, fresh=True, change=2_000.0) >= 20


def test_a_film_of_half_the_rate_is_not_sharpened_between_its_pictures() -> None:
    rule = control()
    qps = [send(rule, 100_000 if n % 2 else 50, change=90.0 * (n % 2)) for n in range(40)]
    assert max(qps[-10:]) - min(qps[-10:]) <= 1
    still = [send(rule, 50, change=0.0) for _ in range(12)]
    assert still[-1] == SHARP_QP


def test_an_unknown_change_is_taken_for_motion() -> None:
    rule = control()
    for _ in range(20):
        send(rule, 100, fresh=False, change=0.0)
    assert rule.choose(idr=False, fresh=True, change=None) >= 18


def test_an_idr_of_a_still_picture_has_its_quantizer_and_fits_the_bucket() -> None:
    rule = control()
    for _ in range(20):
        send(rule, 100, fresh=False, change=0.0)
    text, words = 30.0, 90.0
    assert rule.choose(idr=True, fresh=False, change=0.0, detail=text) == SHARP_QP
    for _ in range(2):
        qp = rule.choose(idr=True, fresh=False, change=0.0, detail=words)
        bits = round(16 * words * 2 ** ((24 - qp) / 16) * MACROBLOCKS)  # measured
        assert SHARP_QP < qp < 24
        assert bits < CEILING_BPS
        rule.sent(bits, qp, idr=True, fresh=False, change=0.0, detail=words)
    assert rule.held_back
    rule.bucket.fill_bits /= 4
    assert rule.choose(idr=True, fresh=False, change=0.0, detail=words) > qp + 20


def test_an_emptying_bucket_makes_motion_coarse_until_it_holds() -> None:
    rule = control()
    qps: list[int] = []
    for _ in range(200):
        qps.append(send(rule, round(4_000_000 / 2 ** ((qps[-1] if qps else 22) / 6))))
    assert rule.bucket.fill_bits > 0
    assert rule.held_back
    assert 28 < qps[-1] <= COARSE_QP
    assert max(qps[-20:]) - min(qps[-20:]) <= 3, "it settles"


def test_an_empty_bucket_breaks_nothing() -> None:
    rule = control()
    rule.bucket.fill_bits = 0.0
    assert rule.choose(idr=True, fresh=True, change=1e6, detail=50.0) == COARSE_QP


def grey(level: int, width: int = 64, height: int = 48) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    plane = frame.planes[0]
    np.frombuffer(memoryview(plane), np.uint8)[:] = level
    return frame


def test_change_is_the_mean_square_over_every_eighth_line() -> None:
    meter, picture = ChangeMeter(), grey(100)
    assert meter.measure(picture) is None, "there is nothing to compare the first with"
    assert meter.measure(grey(100)) == 0.0
    assert meter.measure(grey(103)) == 9.0
    lines = np.frombuffer(memoryview(picture.planes[0]), np.uint8).reshape(48, -1)
    lines[EVERY] = 103 + 12
    lines[[row for row in range(48) if row != EVERY]] = 103
    assert meter.measure(picture) == pytest.approx(144 * EVERY / 48)
    assert meter.measure(grey(1, 32, 32)) is None, "another size is another picture"


def test_detail_is_the_step_from_sample_to_sample() -> None:
    meter, picture = ChangeMeter(), grey(100)
    assert meter.detail(picture) == 0.0
    lines = np.frombuffer(memoryview(picture.planes[0]), np.uint8).reshape(48, -1)
    lines[:, ::2] = 110
    assert meter.detail(picture) == pytest.approx(10.0)
