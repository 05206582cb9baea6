"""Who has control: every story of the lease with a clock that is turned by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioncast_agent.audience import Person
from sessioncast_agent.control.lease import (
    ANSWER_US,
    BACK_WITHIN_US,
    BUSY,
    IDLE_US,
    KEYS_AFTER_US,
    LOST_AFTER_US,
    NOBODY,
    NOT_ALLOWED,
    QUIET_US,
    RECONNECT_US,
    Change,
    Lease,
    LeaseRefused,
    Mode,
    What,
)

pytestmark = pytest.mark.unit

ANA = Person("viewer-ana", "operator", "person", "Ana")
BEN = Person("viewer-ben", "operator", "person", "Ben")
EVE = Person("viewer-eve", "observer", "person", "Eve")
ADA = Person("viewer-ada", "admin", "person", "Ada")
BOT = Person("viewer-bot", "operator", "ai", "Bot")
BEEP = Person("viewer-beep", "operator", "ai", "Beep")


def held_by(person: Person, mode: Mode = Mode.IMPLICIT) -> Lease:
    lease = Lease(mode)
    lease.request(person, 0)
    return lease


def whats(changes: list[Change]) -> list[tuple[What, str]]:
    return [(change.what, change.person.identity) for change in changes]


GRANTED_ANA = (What.GRANTED, ANA.identity)
GRANTED_BEN = (What.GRANTED, BEN.identity)
LOST_ANA = (What.LOST, ANA.identity)


def refusal(call: object, *arguments: object, **more: object) -> int:
    with pytest.raises(LeaseRefused) as caught:
        call(*arguments, **more)  # type: ignore[operator]  # whatever method is under test
    assert str(caught.value)
    return caught.value.code


def test_free_control_is_granted_to_who_asks() -> None:
    lease = Lease()
    assert whats(lease.request(ANA, 0)) == [GRANTED_ANA]
    assert lease.holder == ANA
    assert lease.number == 1
    assert lease.request(ANA, 1) == []


def test_a_request_asks_the_holder_who_grants_it() -> None:
    lease = held_by(ANA)
    assert whats(lease.request(BEN, 0)) == [(What.REQUESTED, BEN.identity)]
    assert lease.request(BEN, 0) == [], "asked once"
    assert whats(lease.grant(ANA, BEN, 1)) == [LOST_ANA, GRANTED_BEN]
    assert lease.number == 2
    assert lease.waiting == ()


def test_a_request_can_be_denied_and_withdrawn() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 0)
    assert whats(lease.deny(ANA, BEN.identity)) == [(What.DENIED, BEN.identity)]
    assert refusal(lease.deny, ANA, BEN.identity) == NOBODY
    lease.request(BEN, 0)
    assert lease.release(BEN, 0) == []
    assert lease.waiting == ()


def test_only_the_holder_or_an_admin_decides() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 0)
    assert refusal(lease.grant, BEN, BEN, 0) == NOT_ALLOWED
    assert refusal(lease.deny, BEN, BEN.identity) == NOT_ALLOWED
    assert refusal(lease.grant, ANA, EVE, 0) == NOT_ALLOWED
    assert refusal(lease.grant, ANA, None, 0) == NOBODY
    assert whats(lease.grant(ADA, BEN, 0)) == [LOST_ANA, GRANTED_BEN]


def test_a_release_hands_on_to_the_first_who_waits() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 0)
    lease.request(ADA, 0)
    assert whats(lease.release(ANA, 1)) == [LOST_ANA, GRANTED_BEN]
    assert lease.waiting == (ADA,)


def test_an_admin_takes_and_nobody_else() -> None:
    lease = held_by(ANA)
    assert refusal(lease.take, BEN, 0) == NOT_ALLOWED
    assert whats(lease.take(ADA, 0)) == [LOST_ANA, (What.GRANTED, ADA.identity)]
    assert refusal(lease.set_mode, BEN, Mode.EXPLICIT) == NOT_ALLOWED


def test_observers_get_nothing() -> None:
    lease = Lease()
    assert refusal(lease.request, EVE, 0) == NOT_ALLOWED
    assert refusal(lease.act, EVE, 0) == NOT_ALLOWED


def test_an_unanswered_request_goes_to_the_asker_when_the_holder_is_away() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 10)
    assert lease.tick(ANSWER_US) == []
    assert whats(lease.tick(10 + ANSWER_US)) == [LOST_ANA, GRANTED_BEN]


def test_an_unanswered_request_fails_when_the_holder_went_on_working() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 10)
    lease.act(ANA, 20)
    assert whats(lease.tick(10 + ANSWER_US)) == [(What.DENIED, BEN.identity)]
    assert lease.holder == ANA


def test_explicit_control_is_not_had_by_acting() -> None:
    lease = Lease(Mode.EXPLICIT)
    assert refusal(lease.act, ANA, 0) == BUSY
    lease.request(ANA, 0)
    assert lease.act(ANA, 1) == []
    assert refusal(lease.act, BEN, 100 * QUIET_US) == BUSY


def test_implicit_control_goes_to_who_acts_while_the_holder_rests() -> None:
    lease = Lease()
    assert refusal(lease.act, ANA, 0, takes=False) == BUSY
    assert whats(lease.act(ANA, 0)) == [GRANTED_ANA]
    assert refusal(lease.act, BEN, QUIET_US - 1) == BUSY
    assert refusal(lease.act, BEN, QUIET_US, dragging=True) == BUSY
    assert refusal(lease.act, BEN, QUIET_US, takes=False) == BUSY
    assert whats(lease.act(BEN, QUIET_US)) == [LOST_ANA, GRANTED_BEN]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_program_yields_to_a_person_and_never_the_other_way_round(mode: Mode) -> None:
    lease = held_by(BOT, mode)
    assert whats(lease.act(ANA, 1, dragging=True)) == [(What.LOST, BOT.identity), GRANTED_ANA]
    assert refusal(lease.act, BOT, 10 * QUIET_US) == BUSY
    assert whats(lease.request(BOT, 0)) == [(What.REQUESTED, BOT.identity)]
    lease = held_by(BOT, mode)
    assert whats(lease.request(ANA, 1)) == [(What.LOST, BOT.identity), GRANTED_ANA]


def test_a_program_does_not_yield_to_a_program() -> None:
    lease = held_by(BOT)
    assert whats(lease.request(BEEP, 0)) == [(What.REQUESTED, BEEP.identity)]


def test_a_silent_holder_loses_keys_then_lease_and_gets_it_back() -> None:
    lease = held_by(ANA)
    lease.heard(ANA, 0)
    assert lease.tick(KEYS_AFTER_US - 1) == []
    assert whats(lease.tick(KEYS_AFTER_US)) == [(What.RELEASE_KEYS, ANA.identity)]
    assert lease.tick(KEYS_AFTER_US + 1) == [], "once"
    assert whats(lease.tick(LOST_AFTER_US)) == [LOST_ANA]
    assert lease.holder is None
    assert lease.heard(BEN, LOST_AFTER_US) == []
    assert whats(lease.heard(ANA, LOST_AFTER_US + 1)) == [GRANTED_ANA]


def test_a_silent_holder_is_too_late_when_another_has_it_or_time_has_gone() -> None:
    lease = held_by(ANA)
    lease.heard(ANA, 0)
    lease.tick(LOST_AFTER_US)
    lease.act(BEN, LOST_AFTER_US)
    assert lease.heard(ANA, LOST_AFTER_US + 1) == []
    assert lease.holder == BEN
    lease = held_by(ANA)
    lease.heard(ANA, 0)
    lease.tick(LOST_AFTER_US)
    assert lease.heard(ANA, LOST_AFTER_US + BACK_WITHIN_US + 1) == []


def test_who_never_sent_a_beat_is_only_judged_by_idleness() -> None:
    lease = held_by(BOT)
    assert lease.tick(IDLE_US - 1) == []
    assert whats(lease.tick(IDLE_US)) == [(What.LOST, BOT.identity)]


def test_the_agents_own_reconnect_does_not_drop_the_holder() -> None:
    lease = held_by(ANA)
    lease.heard(ANA, 0)
    lease.pause()
    away_us = 100 * LOST_AFTER_US
    assert lease.tick(away_us) == []
    lease.resume(away_us)
    assert lease.tick(away_us + RECONNECT_US - 1) == []
    lease.heard(ANA, away_us + RECONNECT_US)
    assert lease.tick(away_us + RECONNECT_US + KEYS_AFTER_US - 1) == []
    assert lease.holder == ANA
    assert whats(lease.tick(away_us + RECONNECT_US + LOST_AFTER_US)) == [LOST_ANA]


def test_after_the_reconnect_a_holder_who_does_not_come_back_loses_it() -> None:
    lease = held_by(ANA)
    lease.heard(ANA, 0)
    lease.pause()
    lease.resume(0)
    assert whats(lease.tick(RECONNECT_US)) == [LOST_ANA]


def test_who_leaves_loses_control_and_its_request() -> None:
    lease = held_by(ANA)
    lease.request(BEN, 0)
    assert lease.gone(BEN.identity, 0) == []
    assert lease.waiting == ()
    assert whats(lease.gone(ANA.identity, 0)) == [LOST_ANA]


calls = st.lists(
    st.tuples(
        st.sampled_from(
            ["request", "release", "grant", "deny", "take", "act", "move", "heard", "gone", "tick"]
        ),
        st.sampled_from([ANA, BEN, EVE, ADA, BOT, BEEP]),
        st.sampled_from([ANA, BEN, EVE, ADA, BOT, BEEP]),
        st.integers(0, 4_000_000),
        st.booleans(),
    ),
    max_size=40,
)


@given(calls, st.sampled_from(list(Mode)))
def test_whatever_happens_every_change_of_the_holder_is_told(  # noqa: PLR0912 - one a call
    story: list[tuple[str, Person, Person, int, bool]], mode: Mode
) -> None:
    lease, now_us, told = Lease(mode), 0, None
    for call, person, other, later_us, dragging in story:
        now_us += later_us
        changes: list[Change] = []
        try:
            match call:
                case "request":
                    changes = lease.request(person, now_us)
                case "release":
                    changes = lease.release(person, now_us)
                case "grant":
                    changes = lease.grant(person, other, now_us)
                case "deny":
                    changes = lease.deny(person, other.identity)
                case "take":
                    changes = lease.take(person, now_us)
                case "act":
                    changes = lease.act(person, now_us, dragging=dragging)
                case "move":
                    changes = lease.act(person, now_us, takes=False)
                case "heard":
                    changes = lease.heard(person, now_us)
                case "gone":
                    changes = lease.gone(person.identity, now_us)
                case _:
                    changes = lease.tick(now_us)
        except LeaseRefused:
            assert call != "tick"
        for change in changes:
            if change.what is What.LOST:
                assert told == change.person
                told = None
            elif change.what is What.GRANTED:
                assert told is None
                told = change.person
        assert told == lease.holder
        assert (lease.number == 0) == (lease.holder is None)
        assert lease.holder is None or lease.holder.role != "observer"
