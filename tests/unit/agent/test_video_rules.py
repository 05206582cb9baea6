"""The pure rules of the video stage: keyframes, schedule, rate, bucket, pacing."""

import pytest

from sessioncast_agent.video.keyframes import MIN_INTERVAL_US, KeyframePolicy
from sessioncast_agent.video.rate import (
    FALL_DELAY_US,
    RISE_INTERVAL_US,
    SLOW_DELAY_US,
    START_GRACE_US,
    RatePolicy,
    SendMeter,
)
from sessioncast_agent.video.schedule import (
    BURST_INTERVAL_US,
    BURST_US,
    FEEDBACK_DELAY_US,
    HEARTBEAT_US,
    QUIET_US,
    SHARP_LIMIT_US,
    Action,
    Decision,
    Schedule,
)
from sessioncast_agent.video.vbv import VbvMirror
from sessioncast_agent.x11.pacing import Pacer

pytestmark = pytest.mark.unit

FRAME_US = 16_666
T0 = 50_000_000


def decide(schedule: Schedule, now_us: int, **changes: bool | int | None) -> Decision:
    facts = {
        "watched": True,
        "has_picture": True,
        "has_fresh": False,
        "idr_due_at_us": None,
        "settled": True,
    } | changes
    return schedule.decide(now_us, **facts)  # type: ignore[arg-type]  # a table of keywords


def still_schedule() -> Schedule:
    schedule = Schedule(FRAME_US)
    schedule.encoded(T0, fresh=True)
    schedule.feedback_polled()
    return schedule


class TestKeyframes:
    def test_the_first_frame_is_an_idr(self) -> None:
        assert KeyframePolicy().due(0)

    def test_a_request_too_soon_is_deferred_and_not_dropped(self) -> None:
        policy = KeyframePolicy()
        policy.sent(T0)
        policy.request()
        assert not policy.due(T0 + MIN_INTERVAL_US - 1)
        assert policy.due_at_us() == T0 + MIN_INTERVAL_US
        assert policy.due(T0 + MIN_INTERVAL_US)

    def test_many_requests_make_one_idr(self) -> None:
        policy = KeyframePolicy()
        policy.sent(T0)
        for _ in range(50):
            policy.request()
        policy.sent(T0 + MIN_INTERVAL_US)
        assert policy.due_at_us() is None


class TestSchedule:
    def test_nobody_watching_means_nothing_to_do_until_woken(self) -> None:
        decision = decide(still_schedule(), T0 + 10**9, watched=False, has_fresh=True)
        assert decision == Decision(Action.WAIT)

    def test_a_fresh_picture_goes_out_at_once(self) -> None:
        decision = decide(still_schedule(), T0 + FRAME_US, has_fresh=True)
        assert decision.action is Action.FRESH
        assert not decision.idr

    def test_a_woken_stage_keeps_the_fresh_picture_for_the_idr_that_a_viewer_asks_for(self) -> None:
        schedule = still_schedule()
        now_us = T0 + 500_000
        assert decide(schedule, now_us, has_fresh=True, holding=True).action is Action.WAIT
        asked = decide(schedule, now_us, has_fresh=True, holding=True, idr_due_at_us=now_us)
        assert asked == Decision(Action.FRESH, idr=True)

    def test_two_captures_are_never_in_the_same_millisecond(self) -> None:
        decision = decide(still_schedule(), T0 + 1_000, has_fresh=True)
        assert decision.action is Action.WAIT
        assert decision.wait_until_us == T0 + 5_000

    def test_a_still_screen_beats_about_once_a_second(self) -> None:
        schedule = still_schedule()
        assert decide(schedule, T0 + 500_000).wait_until_us == T0 + HEARTBEAT_US
        assert decide(schedule, T0 + HEARTBEAT_US).action is Action.REPEAT
        assert HEARTBEAT_US < 2_000_000  # the SFU's stream tracker

    def test_a_pending_idr_does_not_wait_for_the_heartbeat(self) -> None:
        decision = decide(still_schedule(), T0 + 100_000, idr_due_at_us=T0 + 90_000)
        assert decision == Decision(Action.REPEAT, idr=True)

    def test_a_deferred_idr_is_waited_for(self) -> None:
        decision = decide(still_schedule(), T0 + 100_000, idr_due_at_us=T0 + 300_000)
        assert decision.wait_until_us == T0 + 300_000

    def test_an_announced_viewer_makes_frames_flow_for_three_seconds(self) -> None:
        schedule = still_schedule()
        schedule.announce(T0)
        assert decide(schedule, T0 + 10_000).wait_until_us == T0 + BURST_INTERVAL_US
        assert decide(schedule, T0 + BURST_INTERVAL_US).action is Action.REPEAT
        schedule.encoded(T0 + BURST_US, fresh=False)
        schedule.feedback_polled()
        after_us = T0 + BURST_US + BURST_INTERVAL_US
        assert decide(schedule, after_us).action is Action.WAIT

    def test_a_blurred_picture_is_sharpened_once_motion_has_stopped(self) -> None:
        schedule = still_schedule()
        assert decide(schedule, T0 + 20_000, settled=False).wait_until_us == T0 + QUIET_US
        assert decide(schedule, T0 + QUIET_US, settled=False).action is Action.REPEAT

    def test_sharpening_that_cannot_succeed_ends(self) -> None:
        decision = decide(still_schedule(), T0 + SHARP_LIMIT_US, settled=False)
        assert decision.action is Action.REPEAT  # the heartbeat, which is due by then
        schedule = still_schedule()
        schedule.encoded(T0 + SHARP_LIMIT_US, fresh=False)
        schedule.feedback_polled()
        late_us = T0 + SHARP_LIMIT_US + 100_000
        assert decide(schedule, late_us, settled=False).action is Action.WAIT

    def test_feedback_is_looked_at_soon_after_every_frame(self) -> None:
        schedule = Schedule(FRAME_US)
        schedule.encoded(T0, fresh=False)
        assert decide(schedule, T0 + 1_000).wait_until_us == T0 + FEEDBACK_DELAY_US


class TestVbv:
    def test_a_big_frame_empties_it_and_small_ones_fill_it_again(self) -> None:
        bucket = VbvMirror(size_bits=6_000_000, refill_bits_per_frame=133_333)
        assert bucket.full
        bucket.sent(300_000)
        assert not bucket.full
        frames = 0
        while not bucket.full:
            bucket.sent(100)
            frames += 1
        assert 10 < frames < 40

    def test_it_never_leaves_its_bounds(self) -> None:
        bucket = VbvMirror(size_bits=1_000, refill_bits_per_frame=900)
        bucket.sent(10_000)
        assert bucket.fill_bits == 0
        for _ in range(10):
            bucket.sent(0)
        assert bucket.fill_bits == 1_000


class TestRate:
    def policy(self) -> RatePolicy:
        return RatePolicy(max_bps=8_000_000, started_us=0)

    def test_the_climb_after_a_start_is_not_followed(self) -> None:
        policy = self.policy()
        policy.estimate(1_000_000)
        assert not policy.decide(START_GRACE_US - 1, sending_bps=5e6, limited=True)
        assert policy.ceiling_bps == 8_000_000

    def low(self, policy: RatePolicy, for_us: int, sending_bps: float = 8e6) -> bool:
        """The estimate stays low for a while; whether the encoder must be reopened at its end."""
        policy.decide(10**7, sending_bps=sending_bps, limited=True)
        return policy.decide(10**7 + for_us, sending_bps=sending_bps, limited=True)

    def test_within_half_the_frame_rate_follows_without_an_idr(self) -> None:
        policy = self.policy()
        policy.estimate(6_000_000)
        assert not self.low(policy, FALL_DELAY_US)
        assert policy.frame_share == pytest.approx(0.75)
        assert not policy.decide(10**8, sending_bps=6e6, limited=True)
        assert policy.frame_share == pytest.approx(0.75), "no spiral: less sent is not less wanted"

    def test_what_counts_is_what_is_sent_and_not_the_ceiling(self) -> None:
        policy = self.policy()
        policy.estimate(4_500_000)
        assert not self.low(policy, FALL_DELAY_US, sending_bps=4e6)
        assert policy.frame_share == 1.0

    def test_below_half_it_reopens_after_a_moment(self) -> None:
        policy = self.policy()
        policy.estimate(2_000_000)
        assert not self.low(policy, SLOW_DELAY_US - 1)
        assert policy.frame_share == 1.0
        assert self.low(policy, FALL_DELAY_US)
        assert policy.ceiling_bps == 1_800_000
        assert policy.frame_share == 1.0

    def test_a_dip_is_ridden_out(self) -> None:
        policy = self.policy()
        policy.estimate(2_000_000)
        policy.decide(10**7, sending_bps=8e6, limited=True)
        policy.estimate(8_000_000)
        assert not policy.decide(10**7 + FALL_DELAY_US, sending_bps=8e6, limited=True)
        assert (policy.ceiling_bps, policy.frame_share) == (8_000_000, 1.0)

    def test_a_low_estimate_does_not_touch_a_stream_that_sends_less(self) -> None:
        policy = self.policy()
        policy.estimate(1_000_000)
        for second in range(10, 20):
            assert not policy.decide(second * 10**6, sending_bps=10e3, limited=False)
        assert policy.ceiling_bps == 8_000_000

    def test_it_rises_again_only_when_that_helps_and_not_too_often(self) -> None:
        policy = self.policy()
        policy.estimate(2_000_000)
        assert self.low(policy, FALL_DELAY_US)
        now_us = 10**7 + FALL_DELAY_US
        policy.estimate(8_000_000)
        assert not policy.decide(now_us + 1, sending_bps=1.8e6, limited=True)
        later_us = now_us + RISE_INTERVAL_US
        assert not policy.decide(later_us, sending_bps=1.8e6, limited=False)
        assert policy.decide(later_us, sending_bps=1.8e6, limited=True)
        assert policy.ceiling_bps == 8_000_000

    def test_the_meter_forgets(self) -> None:
        meter = SendMeter()
        meter.sent(0, 50_000)
        assert meter.bps(100_000) == pytest.approx(800_000)
        assert meter.bps(600_000) == 0


class TestPacer:
    def test_a_source_of_the_same_rate_with_jitter_is_never_delayed(self) -> None:
        pacer = Pacer(FRAME_US)
        jitter_us = [0, 4_000, -5_000, 6_000, -6_000, 2_000, 0, -3_000]
        for count in range(200):
            now_us = 10**6 + int(count * 16_667) + jitter_us[count % len(jitter_us)]
            assert pacer.ready_at_us() <= now_us
            pacer.grabbed(now_us)

    def test_a_faster_source_is_capped(self) -> None:
        pacer, now_us, grabs = Pacer(FRAME_US), 10**6, 0
        while now_us < 2 * 10**6:
            now_us = max(now_us + 1_000, int(pacer.ready_at_us()))
            pacer.grabbed(now_us)
            grabs += 1
        assert 58 <= grabs <= 62
