"""Which of the SDK's threads may be late, and when."""

import pytest

from sessioncast_agent.sdkthreads import EXACT_NS, LAZY_NS, Need, slack_ns

pytestmark = pytest.mark.unit

WORKER, NETWORK, DEVICE = "worker_thread 0", "network_thread ", "SyntheticAudioD"
NOBODY, WATCHED = Need(watched=False), Need(watched=True)
VOICE = Need(watched=False, hearing=True)


@pytest.mark.parametrize("thread", [WORKER, NETWORK])
def test_what_carries_media_is_late_only_while_nobody_watches_or_speaks(thread: str) -> None:
    assert slack_ns(thread, NOBODY) == LAZY_NS
    assert slack_ns(thread, WATCHED) == EXACT_NS
    assert slack_ns(thread, VOICE) == EXACT_NS


@pytest.mark.parametrize("watched", [False, True])
def test_the_audio_device_is_on_time_only_for_a_voice(*, watched: bool) -> None:
    assert slack_ns(DEVICE, Need(watched)) == LAZY_NS
    assert slack_ns(DEVICE, Need(watched, hearing=True)) == EXACT_NS


def test_a_still_picture_needs_no_worker_on_time_unless_there_is_sound() -> None:
    assert slack_ns(WORKER, Need(watched=True, still=True)) == LAZY_NS
    assert slack_ns(NETWORK, Need(watched=True, still=True)) == EXACT_NS
    assert slack_ns(WORKER, Need(watched=True, still=True, sounding=True)) == EXACT_NS
    assert slack_ns(WORKER, Need(watched=True, still=True, hearing=True)) == EXACT_NS


@pytest.mark.parametrize("thread", ["sc-encode", "sc-capture", "python", "tokio-rt-worker", ""])
def test_other_threads_are_left_alone(thread: str) -> None:
    assert slack_ns(thread, NOBODY) is None
