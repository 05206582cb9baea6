"""When an animated page leaves out a turn."""

from collections.abc import Callable

from sessioncast_agent.cdp.drain import LEVELS, SELDOM_US, Drain

FRAME_US = 16_667


def seconds_due(
    until_s: float, *, frame_us: int = FRAME_US, missing: Callable[[int], bool] = lambda _: False
) -> list[float]:
    """When it was due while pictures came; `missing` says whether the so-many-th left a hole."""
    drain, due, now_us = Drain(), list[float](), 0
    while now_us < until_s * 1e6:
        if drain.due(now_us):
            due.append(round(now_us / 1e6, 1))
            if missing(len(due)):
                now_us += frame_us
        now_us += frame_us
    return due


def test_while_nothing_is_missing_there_is_more_to_empty_so_it_is_soon_done_again() -> None:
    assert seconds_due(3.5) == [1.0, 1.6, 2.3], "and then it is another kind of page"
    assert LEVELS == 3


def test_where_a_picture_was_missing_it_is_put_off_for_ever_longer() -> None:
    due = seconds_due(200, missing=lambda _: True)
    assert [round(second) for second in due[:6]] == [1, 3, 7, 15, 31, 63]
    assert round(due[-1] - due[-2]) == SELDOM_US / 1e6


def test_what_waited_once_is_emptied_once() -> None:
    assert seconds_due(3.5, missing=lambda time: time > 1) == [1.0, 1.6]


def test_a_page_that_moves_by_other_means_is_not_asked_again_and_again() -> None:
    assert len(seconds_due(60)) == LEVELS * 5


def test_a_page_that_draws_less_often_or_in_bursts_empties_it_by_itself() -> None:
    assert seconds_due(60, frame_us=33_333) == []
    drain = Drain()
    bursts = (t for t in range(0, 60_000_000, FRAME_US) if t % 1_000_000 < 600_000)
    assert not any(drain.due(now_us) for now_us in bursts)


def test_on_full_cores_where_frames_are_lost_it_is_still_an_animation() -> None:
    assert seconds_due(10, frame_us=26_000)
