"""Scopes, patterns of sessions, and the roles that follow from them."""

import pytest

from sessioncast_signaling.errors import Problem
from sessioncast_signaling.rights import (
    Caller,
    Permit,
    Right,
    Scope,
    is_pattern,
    permits_of,
)
from sessioncast_signaling.roles import Role

pytestmark = pytest.mark.unit


def caller(*permits: Permit, session: str | None = None) -> Caller:
    return Caller("somebody", permits, session=session)


@pytest.mark.parametrize("good", ["*", "demo", "team-a-*", "*-qa", "a*b*c", "a"])
def test_patterns(good: str) -> None:
    assert is_pattern(good)


@pytest.mark.parametrize("bad", ["", "-a", "A*", "a?", "[a]", "a.b", "a" * 64, "a\n", "*/..", "é"])
def test_what_is_no_pattern(bad: str) -> None:
    assert not is_pattern(bad)


def test_a_scope_is_its_rights_and_no_more() -> None:
    enroll = caller(*permits_of([Scope.ENROLL]))
    assert {right for right in Right if enroll.may(right, "demo")} == {Right.CREATE}
    assert enroll.highest_role("demo") is None
    look = caller(*permits_of([Scope.READ]))
    assert not look.may(Right.OFFER, "demo")
    assert not look.may(Right.END, "demo")
    assert look.may(Right.LIST)
    everything = caller(*permits_of([Scope.ADMIN]))
    assert all(everything.may(right, "demo") for right in Right)


def test_rights_end_at_the_pattern() -> None:
    team = caller(*permits_of([Scope.READ, Scope.OPERATE], ["team-a-*", "shared"]))
    for session in ["team-a-1", "shared"]:
        team.require(Right.OFFER, session)
    for session in ["team-b-1", "team-a", "sharedx", "xshared"]:
        with pytest.raises(Problem) as refused:
            team.require(Right.OFFER, session)
        assert refused.value.status == 403
        assert team.highest_role(session) is None


def test_the_highest_of_several_permits_counts_for_each_session() -> None:
    both = caller(
        *permits_of([Scope.OBSERVE], ["*"]),
        *permits_of([Scope.OBSERVE, Scope.OPERATE], ["mine-*"]),
    )
    assert both.highest_role("mine-1") is Role.OPERATOR
    assert both.highest_role("yours") is Role.OBSERVER
    assert both.role_or(None, "mine-1") is Role.OBSERVER
    assert both.role_or(Role.OPERATOR, "mine-1") is Role.OPERATOR
    with pytest.raises(Problem) as refused:
        both.role_or(Role.OPERATOR, "yours")
    assert refused.value.name == "role-above-right"


def test_a_role_that_was_raised() -> None:
    observer = caller(Permit(frozenset({Right.OFFER}), Role.OBSERVER, "demo", may_ask=True))
    assert observer.may_ask("demo")
    assert not observer.may_ask("other")
    assert observer.role_or(None, "demo", raised=Role.OPERATOR) is Role.OPERATOR
    assert observer.role_or(Role.OBSERVER, "demo", raised=Role.OPERATOR) is Role.OBSERVER
    admin = caller(*permits_of([Scope.ADMIN]))
    assert admin.role_or(Role.ADMIN, "demo", raised=Role.OPERATOR) is Role.ADMIN


def test_the_browser_of_a_link_gets_the_links_role() -> None:
    browser = caller(Permit(frozenset({Right.OFFER}), Role.OPERATOR, "demo"), session="demo")
    assert browser.role_or(None, "demo") is Role.OPERATOR
