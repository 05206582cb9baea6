"""What every store promises. A test module with a `make` fixture runs these on its store:

from support.store_promises import *
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sessioncast_signaling.roles import Actor, Kind, Role
from sessioncast_signaling.store import (
    ADMITTED_TTL_S,
    GRANT_TTL_S,
    LINK_MEMORY_S,
    TOMBSTONE_TTL_S,
    Admission,
    Ban,
    Bounds,
    Entry,
    ExpectedViewer,
    Link,
    LinkUse,
    SessionRecord,
    Store,
    StoreFullError,
    Thumbnail,
    Ticket,
)

NOW = 1_795_420_800.0
RECORD = SessionRecord("demo", Kind.DESKTOP, NOW, {"team": "qa"})
LINK = Link(
    "jl-000000000001", "demo", Role.OPERATOR, "Ana", NOW, NOW + 60, max_uses=2, may_ask=True
)
PICTURE = Thumbnail(b"\xff\xd8\xff", NOW)

Make = Callable[[Bounds], Awaitable[Store]]
Turn = Callable[[float], Awaitable[None]]


@pytest.fixture
async def kept(make: Make) -> Store:
    made = await make(Bounds())
    await made.create_session(RECORD)
    return made


async def test_create_is_idempotent_and_a_tombstone_stays(kept: Store, turn: Turn) -> None:
    assert await kept.create_session(replace(RECORD, kind=Kind.BROWSER)) == (RECORD, False)
    ended = await kept.end_session("demo", NOW + 5)
    assert ended == replace(RECORD, ended_at=NOW + 5)
    assert await kept.end_session("demo", NOW + 9) == ended
    assert await kept.update_session("demo", kind=Kind.BROWSER) == ended
    await turn(TOMBSTONE_TTL_S - 1)
    assert await kept.create_session(RECORD) == (ended, False)
    assert await kept.sessions() == [ended]
    await turn(1)
    assert await kept.session("demo") is None
    assert await kept.sessions() == []
    assert TOMBSTONE_TTL_S >= 24 * 3600
    assert await kept.create_session(RECORD) == (RECORD, True)


async def test_a_session_is_changed_field_by_field(kept: Store) -> None:
    await asyncio.gather(
        kept.update_session("demo", agent_seen_at=NOW + 1.25),
        kept.update_session("demo", labels={}, ends_at=NOW + 99),
    )
    expected = replace(RECORD, agent_seen_at=NOW + 1.25, labels={}, ends_at=NOW + 99)
    assert await kept.session("demo") == expected
    assert await kept.update_session("demo", ends_at=None) == replace(expected, ends_at=None)
    assert await kept.update_session("nowhere", ends_at=NOW) is None
    assert await kept.session("nowhere") is None
    assert await kept.end_session("nowhere", NOW) is None


async def test_of_many_who_create_at_once_one_is_first(kept: Store) -> None:
    record = replace(RECORD, session="race")
    made = await asyncio.gather(*(kept.create_session(record) for _ in range(20)))
    assert sum(created for _, created in made) == 1


async def test_sessions_are_newest_first_and_bounded(make: Make) -> None:
    kept = await make(Bounds(sessions=2))
    await kept.create_session(RECORD)
    await kept.create_session(SessionRecord("later", Kind.DESKTOP, NOW + 1))
    assert [r.session for r in await kept.sessions()] == ["later", "demo"]
    with pytest.raises(StoreFullError, match="2 sessions"):
        await kept.create_session(SessionRecord("third", Kind.DESKTOP, NOW))


async def redeem(kept: Store, now: float, grant: str = "g") -> LinkUse:
    use, given = await kept.redeem_link("digest", now, grant_digest=grant, name=None)
    assert (given is not None) == (use is LinkUse.OK)
    return use


async def test_a_link_is_used_as_often_as_it_may_be(kept: Store) -> None:
    await kept.add_link(LINK, "digest", 60)
    assert await redeem(kept, NOW, "g1") is LinkUse.OK
    assert await redeem(kept, NOW, "g2") is LinkUse.OK
    assert await redeem(kept, NOW, "g3") is LinkUse.USED_UP
    assert await kept.grant("g3") is None
    await kept.undo_redeem("digest", "g2")
    assert await kept.grant("g2") is None
    assert await redeem(kept, NOW, "g3") is LinkUse.OK
    assert await kept.links("demo") == [replace(LINK, uses=2)]
    assert await kept.link("demo", LINK.id) == replace(LINK, uses=2)
    assert await kept.link("demo", "jl-other") is None


async def test_of_many_who_use_a_link_at_once_only_as_many_as_may(kept: Store) -> None:
    await kept.add_link(LINK, "digest", 60)
    uses = await asyncio.gather(*(redeem(kept, NOW, f"g{n}") for n in range(20)))
    assert uses.count(LinkUse.OK) == LINK.max_uses


async def test_a_link_expires_and_is_forgotten_later(kept: Store, turn: Turn) -> None:
    await kept.add_link(LINK, "digest", 60)
    assert await redeem(kept, NOW + 60) is LinkUse.EXPIRED
    await turn(60 + LINK_MEMORY_S)
    assert await redeem(kept, NOW + 60) is LinkUse.UNKNOWN
    assert await kept.links("demo") == []


async def test_a_grant_slides_and_dies_with_its_link(kept: Store, turn: Turn) -> None:
    await kept.add_link(replace(LINK, expires_at=NOW + 10**6), "digest", 10**6)
    await redeem(kept, NOW)
    for _ in range(3):
        await turn(GRANT_TTL_S - 1)
        grant = await kept.grant("g")
        assert grant is not None
        assert (grant.session, grant.role, grant.name) == ("demo", Role.OPERATOR, "Ana")
        assert (grant.link_id, grant.may_ask) == (LINK.id, True)
    assert await kept.delete_link("demo", LINK.id)
    assert await kept.grant("g") is None
    assert not await kept.delete_link("demo", LINK.id)
    assert await redeem(kept, NOW) is LinkUse.UNKNOWN


async def test_a_closed_link_leaves_its_grants(kept: Store) -> None:
    await kept.add_link(LINK, "digest", 60)
    await redeem(kept, NOW, "g1")
    await redeem(kept, NOW, "g2")
    assert await kept.close_link("demo", LINK.id)
    assert not await kept.close_link("demo", LINK.id)
    assert await redeem(kept, NOW) is LinkUse.UNKNOWN
    assert await kept.grant("g1") is not None
    assert await kept.grant("g2") is not None


async def test_a_grant_that_is_not_used_dies(kept: Store, turn: Turn) -> None:
    await kept.add_link(LINK, "digest", 60)
    await redeem(kept, NOW)
    await turn(GRANT_TTL_S)
    assert await kept.grant("g") is None


async def test_the_end_of_a_session_ends_what_led_to_it(kept: Store, turn: Turn) -> None:
    await kept.add_link(LINK, "digest", 60)
    await redeem(kept, NOW)
    await kept.admit("demo", viewer("viewer-1"), 60)
    await kept.raise_role("demo", "grant:1", Role.OPERATOR)
    await put_ticket(kept, "t", "viewer-2")
    await kept.put_thumbnail("demo", PICTURE)
    await kept.put_usage("demo", {"bytes_sent": 1})
    await kept.end_session("demo", NOW)
    assert await kept.grant("g") is not None, "so that a reload learns of the end"
    assert await redeem(kept, NOW) is LinkUse.UNKNOWN
    assert await kept.expected("demo") == []
    assert await kept.admitted("demo", "viewer-1") is None
    assert await kept.raised_role("demo", "grant:1") is None
    assert await kept.take_ticket("t") is None
    assert await kept.thumbnail("demo") == PICTURE
    assert await kept.usage("demo") == {"bytes_sent": 1}
    await turn(TOMBSTONE_TTL_S)
    assert await kept.grant("g") is None
    assert await kept.thumbnail("demo") is None
    assert await kept.usage("demo") is None


async def test_links_and_grants_are_bounded(make: Make) -> None:
    kept = await make(Bounds(links=1, grants=1))
    await kept.create_session(RECORD)
    await kept.add_link(LINK, "digest", 60)
    with pytest.raises(StoreFullError, match="1 join links"):
        await kept.add_link(replace(LINK, id="jl-2"), "digest2", 60)
    assert await redeem(kept, NOW, "g1") is LinkUse.OK
    with pytest.raises(StoreFullError, match="1 browsers"):
        await redeem(kept, NOW, "g2")
    assert (await kept.links("demo"))[0].uses == 1
    await kept.undo_redeem("digest", "g1")
    assert await redeem(kept, NOW, "g2") is LinkUse.OK


def viewer(identity: str, subject: str = "") -> ExpectedViewer:
    return ExpectedViewer(
        identity, Role.OBSERVER, Actor.PERSON, "Ana", NOW + 60, subject, LINK.id, may_ask=True
    )


async def test_expected_viewers_are_forgotten_but_not_whose_they_were(
    kept: Store, turn: Turn
) -> None:
    await kept.admit("demo", viewer("viewer-1", "grant:1"), 60)
    await turn(1)
    await kept.admit("demo", viewer("viewer-2", "grant:2"), 60)
    await kept.admit("demo", viewer("viewer-3", "grant:1"), 60)
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-1", "viewer-2", "viewer-3"]
    await turn(59)
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-2", "viewer-3"]
    assert await kept.admitted("demo", "viewer-1") == viewer("viewer-1", "grant:1")
    assert [v.identity for v in await kept.admitted_by("demo", "grant:1")] == [
        "viewer-1",
        "viewer-3",
    ]
    await turn(ADMITTED_TTL_S)
    assert await kept.expected("demo") == []
    assert await kept.admitted_by("demo", "grant:1") == []
    await kept.admit("nowhere", viewer("viewer-1"), 60)
    assert await kept.expected("nowhere") == []
    assert await kept.admitted("nowhere", "viewer-1") is None


async def test_of_too_many_viewers_the_oldest_are_forgotten(make: Make, turn: Turn) -> None:
    kept = await make(Bounds(admitted=2))
    await kept.create_session(RECORD)
    for number in range(3):
        await turn(1)
        await kept.admit("demo", viewer(f"viewer-{number}"), 60)
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-1", "viewer-2"]
    assert await kept.admitted("demo", "viewer-0") is None


async def test_a_role_is_raised_and_taken_back(kept: Store) -> None:
    await kept.raise_role("demo", "grant:1", Role.OPERATOR)
    assert await kept.raised_role("demo", "grant:1") is Role.OPERATOR
    assert await kept.raised_role("demo", "grant:2") is None
    assert await kept.raised_role("other", "grant:1") is None
    await kept.raise_role("demo", "grant:1", None)
    assert await kept.raised_role("demo", "grant:1") is None


async def test_bans_last_until_their_time_and_only_grow(kept: Store, turn: Turn) -> None:
    ban = Ban("demo", "viewer-1", NOW + 60, identity=True)
    await kept.ban(ban)
    await kept.ban(replace(ban, until=NOW + 30))
    await kept.ban(Ban("other", "oidc:x", NOW + 90, identity=False))
    assert await kept.banned("demo", "viewer-1")
    assert not await kept.banned("other", "viewer-1")
    assert await kept.bans("demo") == [ban]
    assert len(await kept.bans()) == 2
    await turn(30)
    await kept.ban(replace(ban, until=NOW + 120))
    await turn(60)
    assert await kept.banned("demo", "viewer-1")
    assert await kept.bans() == [replace(ban, until=NOW + 120)]
    assert await kept.lift_ban("demo", "viewer-1")
    assert not await kept.lift_ban("demo", "viewer-1")
    assert not await kept.banned("demo", "viewer-1")
    await kept.ban(replace(ban, until=NOW + 120))
    await turn(30)
    assert await kept.bans() == []
    assert not await kept.banned("demo", "viewer-1")


async def put_ticket(kept: Store, digest: str, identity: str, session: str = "demo") -> Admission:
    return await kept.admit(session, viewer(identity), 60, ticket=digest, ticket_ttl_s=60)


async def test_a_ticket_is_good_once_and_for_its_time(kept: Store, turn: Turn) -> None:
    ana = replace(viewer("viewer-1", "key:a"), role=Role.OPERATOR, actor=Actor.AI)
    assert await kept.admit("demo", ana, 60, ticket="t1", ticket_ttl_s=60) is Admission.IN
    await put_ticket(kept, "t2", "viewer-2")
    taken = await asyncio.gather(*(kept.take_ticket("t1") for _ in range(20)))
    assert [t for t in taken if t is not None] == [Ticket.of("demo", ana)]
    assert await kept.take_ticket("unknown") is None
    await turn(60)
    assert await kept.take_ticket("t2") is None


async def test_tickets_are_dropped_with_their_holder(kept: Store) -> None:
    await kept.create_session(replace(RECORD, session="other"))
    await put_ticket(kept, "t1", "viewer-1")
    await put_ticket(kept, "t2", "viewer-2")
    await put_ticket(kept, "t3", "viewer-1", "other")
    await kept.drop_tickets("demo", "viewer-1")
    assert await kept.take_ticket("t1") is None
    assert await kept.take_ticket("t2") is not None
    await put_ticket(kept, "t2", "viewer-2")
    await kept.drop_tickets("demo")
    assert await kept.take_ticket("t2") is None
    assert await kept.take_ticket("t3") is not None


async def test_tickets_are_bounded(make: Make) -> None:
    kept = await make(Bounds(tickets=1))
    await kept.create_session(RECORD)
    await put_ticket(kept, "t1", "viewer-1")
    assert await put_ticket(kept, "t2", "viewer-2") is Admission.WITHOUT_TICKET
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-1", "viewer-2"]
    assert await kept.take_ticket("t2") is None
    assert await kept.take_ticket("t1") is not None
    assert await put_ticket(kept, "t2", "viewer-2") is Admission.IN


async def test_nobody_is_admitted_where_it_must_not_be(kept: Store, turn: Turn) -> None:
    await kept.ban(Ban("demo", "grant:1", NOW + 30, identity=False))
    kept_out = viewer("viewer-1", "grant:1")
    banned = await kept.admit("demo", kept_out, 60, ticket="t", ticket_ttl_s=60)
    assert banned is Admission.BANNED
    trusted = replace(kept_out, identity="viewer-2", trusted=True)
    assert await kept.admit("demo", trusted, 60) is Admission.IN
    assert await kept.admit("demo", viewer("viewer-3", "grant:2"), 60) is Admission.IN
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-2", "viewer-3"]
    assert await kept.take_ticket("t") is None
    await turn(30)
    assert await kept.admit("demo", kept_out, 60) is Admission.IN
    await kept.end_session("demo", NOW + 30)
    ended = await kept.admit("demo", kept_out, 60, ticket="t", ticket_ttl_s=60)
    assert ended is Admission.ENDED
    assert await kept.take_ticket("t") is None


async def test_one_look_at_the_door_tells_all(kept: Store) -> None:
    await kept.ban(Ban("demo", "grant:1", NOW + 30, identity=False))

    async def enter(session: str, subject: str) -> Entry:
        return await kept.enter(session, subject, f"c:{subject}", per_minute=60, burst=2)

    assert await enter("demo", "grant:1") == Entry(0.0, True, RECORD)
    assert await enter("demo", "grant:2") == Entry(0.0, False, RECORD)
    assert await enter("nowhere", "grant:1") == Entry(0.0, False, None)
    assert (await enter("demo", "grant:1")).wait_s > 0
    assert await kept.allow("c:grant:2", per_minute=60, burst=2) == 0.0
    assert await kept.allow("c:grant:2", per_minute=60, burst=2) > 0, "both count the same"


async def test_a_burst_may_be_and_then_the_rate(kept: Store, turn: Turn) -> None:
    async def ask(key: str = "a") -> float:
        return await kept.allow(key, per_minute=60, burst=5)

    at_once = await asyncio.gather(*(ask() for _ in range(20)))
    assert at_once.count(0.0) == 5
    assert all(0 < wait_s <= 1 for wait_s in at_once if wait_s)
    assert await ask("b") == 0.0, "others are counted apart"
    await turn(1)
    assert await ask() == 0.0
    assert await ask() > 0
    await turn(60)
    assert [await ask() for _ in range(6)].count(0.0) == 5


async def test_news_reach_those_who_wait_and_those_who_come_back(kept: Store) -> None:
    start = await kept.last_event_id()
    assert await kept.events_after(start, 0) == []
    waiting = asyncio.ensure_future(kept.events_after(start, 10))
    await asyncio.sleep(0.05)
    await kept.publish("state", "demo", {"state": "live"})
    first = await asyncio.wait_for(waiting, 5)
    assert first is not None
    assert [(e.kind, e.session, e.data) for e in first] == [("state", "demo", {"state": "live"})]
    await kept.publish("ended", "demo", {})
    both = await kept.events_after(start, 0)
    assert both is not None
    assert [e.kind for e in both] == ["state", "ended"]
    assert await kept.events_after(both[0].id, 0) == [both[1]]
    assert await kept.last_event_id() == both[1].id
    for unknown in ["", "x", "1-1", "0-0", "99999999999999-0"]:
        assert await kept.events_after(unknown, 0) is None


async def test_what_was_missed_for_too_long_is_said_to_be_lost(make: Make) -> None:
    kept = await make(Bounds(events=3))
    start = await kept.last_event_id()
    for number in range(4):
        await kept.publish("state", "demo", {"n": number})
    assert await kept.events_after(start, 0) is None
    await kept.ping()
