"""Which of the SDK's threads may be late, and when."""

import pytest

from sessioncast_agent.sdkthreads import EXACT_NS, LAZY_NS, slack_ns

pytestmark = pytest.mark.unit

WORKER, NETWORK, DEVICE = "worker_thread 0", "network_thread ", "SyntheticAudioD"


@pytest.mark.parametrize("thread", [WORKER, NETWORK])
def test_what_carries_media_is_late_only_while_nobody_watches_or_speaks(thread: str) -> None:
    assert slack_ns(thread, watched=False, hearing=False) == LAZY_NS
    assert slack_ns(thread, watched=True, hearing=False) == EXACT_NS
    assert slack_ns(thread, watched=False, hearing=True) == EXACT_NS


@pytest.mark.parametrize("watched", [False, True])
def test_the_audio_device_is_on_time_only_for_a_voice(*, watched: bool) -> None:
    assert slack_ns(DEVICE, watched=watched, hearing=False) == LAZY_NS
    assert slack_ns(DEVICE, watched=watched, hearing=True) == EXACT_NS


@pytest.mark.parametrize("thread", ["sc-encode", "sc-capture", "python", "tokio-rt-worker", ""])
def test_other_threads_are_left_alone(thread: str) -> None:
    assert slack_ns(thread, watched=False, hearing=False) is None
