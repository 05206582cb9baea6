"""The store's promises; a Redis store will have to pass the same tests."""

from dataclasses import replace

import pytest

from sessioncast_signaling import memory, store
from sessioncast_signaling.memory import MemoryStore
from sessioncast_signaling.roles import Actor, Kind, Role
from sessioncast_signaling.store import (
    GRANT_TTL_S,
    LINK_MEMORY_S,
    TOMBSTONE_TTL_S,
    ExpectedViewer,
    Link,
    LinkUse,
    SessionRecord,
    StoreFullError,
    Thumbnail,
)
from support.shim import FakeClock

pytestmark = pytest.mark.unit

NOW = 1_795_420_800.0
RECORD = SessionRecord("demo", Kind.DESKTOP, NOW)
LINK = Link("jl-000000000001", "demo", Role.OPERATOR, "Ana", NOW, NOW + 60, max_uses=2)
PICTURE = Thumbnail(b"\xff\xd8\xff", NOW)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def kept(clock: FakeClock) -> MemoryStore:
    made = MemoryStore(clock)
    await made.create_session(RECORD)
    return made


async def test_create_is_idempotent_and_a_tombstone_stays(
    kept: MemoryStore, clock: FakeClock
) -> None:
    assert await kept.create_session(replace(RECORD, kind=Kind.BROWSER)) == (RECORD, False)
    ended = await kept.end_session("demo", NOW + 5)
    assert ended == replace(RECORD, ended_at=NOW + 5)
    assert await kept.end_session("demo", NOW + 9) == ended
    assert await kept.update_session("demo", kind=Kind.BROWSER) == ended
    clock.turn(TOMBSTONE_TTL_S - 1)
    assert await kept.create_session(RECORD) == (ended, False)
    assert await kept.sessions() == [ended]
    clock.turn(1)
    assert await kept.session("demo") is None
    assert await kept.sessions() == []
    assert TOMBSTONE_TTL_S >= 24 * 3600


async def test_sessions_are_newest_first_and_bounded(
    kept: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.create_session(SessionRecord("later", Kind.DESKTOP, NOW + 1))
    assert [r.session for r in await kept.sessions()] == ["later", "demo"]
    monkeypatch.setattr(memory, "MAX_SESSIONS", 2)
    with pytest.raises(StoreFullError, match="2 sessions"):
        await kept.create_session(SessionRecord("third", Kind.DESKTOP, NOW))


async def redeem(kept: MemoryStore, now: float, grant: str = "g") -> LinkUse:
    use, given = await kept.redeem_link("digest", now, grant_digest=grant, name=None)
    assert (given is not None) == (use is LinkUse.OK)
    return use


async def test_a_link_is_used_as_often_as_it_may_be(kept: MemoryStore) -> None:
    await kept.add_link(LINK, "digest", 60)
    assert await redeem(kept, NOW, "g1") is LinkUse.OK
    assert await redeem(kept, NOW, "g2") is LinkUse.OK
    assert await redeem(kept, NOW, "g3") is LinkUse.USED_UP
    assert await kept.grant("g3") is None
    await kept.undo_redeem("digest", "g2")
    assert await kept.grant("g2") is None
    assert await redeem(kept, NOW, "g3") is LinkUse.OK
    assert await kept.links("demo") == [replace(LINK, uses=2)]


async def test_a_link_expires_and_is_forgotten_later(kept: MemoryStore, clock: FakeClock) -> None:
    await kept.add_link(LINK, "digest", 60)
    assert await redeem(kept, NOW + 60) is LinkUse.EXPIRED
    clock.turn(60 + LINK_MEMORY_S)
    assert await redeem(kept, NOW + 60) is LinkUse.UNKNOWN
    assert await kept.links("demo") == []


async def test_a_grant_slides_and_dies_with_its_link(kept: MemoryStore, clock: FakeClock) -> None:
    await kept.add_link(replace(LINK, expires_at=NOW + 10**6), "digest", 10**6)
    await redeem(kept, NOW)
    for _ in range(3):
        clock.turn(GRANT_TTL_S - 1)
        grant = await kept.grant("g")
        assert grant is not None
        assert (grant.session, grant.role, grant.name) == ("demo", Role.OPERATOR, "Ana")
    assert await kept.delete_link("demo", LINK.id)
    assert await kept.grant("g") is None
    assert not await kept.delete_link("demo", LINK.id)
    assert await redeem(kept, NOW) is LinkUse.UNKNOWN


async def test_a_grant_that_is_not_used_dies(kept: MemoryStore, clock: FakeClock) -> None:
    await kept.add_link(LINK, "digest", 60)
    await redeem(kept, NOW)
    clock.turn(GRANT_TTL_S)
    assert await kept.grant("g") is None


async def test_the_end_of_a_session_ends_what_led_to_it(
    kept: MemoryStore, clock: FakeClock
) -> None:
    await kept.add_link(LINK, "digest", 60)
    await redeem(kept, NOW)
    await kept.expect("demo", viewer("viewer-1"), 60)
    await kept.put_thumbnail("demo", PICTURE)
    await kept.put_usage("demo", {"bytes_sent": 1})
    await kept.end_session("demo", NOW)
    assert await kept.grant("g") is not None, "so that a reload learns of the end"
    assert await redeem(kept, NOW) is LinkUse.UNKNOWN
    assert await kept.expected("demo") == []
    assert await kept.thumbnail("demo") == PICTURE
    assert await kept.usage("demo") == {"bytes_sent": 1}
    clock.turn(TOMBSTONE_TTL_S)
    assert await kept.grant("g") is None
    assert await kept.thumbnail("demo") is None
    assert await kept.usage("demo") is None


def viewer(identity: str) -> ExpectedViewer:
    return ExpectedViewer(identity, Role.OBSERVER, Actor.PERSON, "", NOW + 60)


async def test_expected_viewers_are_forgotten_and_bounded(
    kept: MemoryStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_EXPECTED_PER_SESSION", 2)
    for number in range(3):
        await kept.expect("demo", viewer(f"viewer-{number}"), 60)
    assert [v.identity for v in await kept.expected("demo")] == ["viewer-1", "viewer-2"]
    clock.turn(60)
    assert await kept.expected("demo") == []
    await kept.expect("nowhere", viewer("viewer-1"), 60)
    assert await kept.expected("nowhere") == []


async def test_links_are_bounded(kept: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_LINKS_PER_SESSION", 1)
    await kept.add_link(LINK, "digest", 60)
    with pytest.raises(StoreFullError):
        await kept.add_link(replace(LINK, id="jl-2"), "digest2", 60)


def test_memory_obeys_the_protocol() -> None:
    promise: type[store.Store] = MemoryStore
    assert promise is MemoryStore
