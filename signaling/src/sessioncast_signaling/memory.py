"""The store of one process. No method awaits anything, so each is atomic on the event loop."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from .clock import Clock
from .store import (
    GRANT_TTL_S,
    LINK_MEMORY_S,
    MAX_EXPECTED_PER_SESSION,
    MAX_GRANTS_PER_SESSION,
    MAX_LINKS_PER_SESSION,
    MAX_SESSIONS,
    TOMBSTONE_TTL_S,
    ExpectedViewer,
    Grant,
    Link,
    LinkUse,
    SessionRecord,
    StoreFullError,
    Thumbnail,
)

V = TypeVar("V")


@dataclass
class _Entry(Generic[V]):
    value: V
    dies_at_s: float | None  # monotonic


class _Expiring(Generic[V]):
    """A dict whose values may have a last moment. Dead ones are never seen, and swept on writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry[V]] = {}
        self._swept_at_s = clock.monotonic_s()

    def put(self, key: str, value: V, ttl_s: float | None) -> None:
        now = self._clock.monotonic_s()
        if now - self._swept_at_s >= 60:
            self._swept_at_s = now
            for dead in [k for k, e in self._entries.items() if self._is_dead(e)]:
                del self._entries[dead]
        self._entries[key] = _Entry(value, None if ttl_s is None else now + ttl_s)

    def replace(self, key: str, value: V) -> None:
        """Change a value and leave its time as it is."""
        self._entries[key].value = value

    def get(self, key: str) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._is_dead(entry):
            del self._entries[key]
            return None
        return entry.value

    def pop(self, key: str) -> V | None:
        value = self.get(key)
        self._entries.pop(key, None)
        return value

    def items(self) -> Iterator[tuple[str, V]]:
        for key, entry in list(self._entries.items()):
            if not self._is_dead(entry):
                yield key, entry.value

    def __len__(self) -> int:
        return len(self._entries)

    def _is_dead(self, entry: _Entry[V]) -> bool:
        return entry.dies_at_s is not None and entry.dies_at_s <= self._clock.monotonic_s()


class MemoryStore:
    """Obeys `store.Store`; all is lost with the process, which agents survive (see sessions.py)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: _Expiring[SessionRecord] = _Expiring(clock)
        self._links: _Expiring[Link] = _Expiring(clock)  # by digest of the secret
        self._link_digests: dict[str, dict[str, str]] = {}  # session → link id → digest
        self._grants: _Expiring[Grant] = _Expiring(clock)  # by digest
        self._grant_digests: dict[str, set[str]] = {}  # session → digests
        self._expected: dict[str, _Expiring[ExpectedViewer]] = {}
        self._thumbnails: _Expiring[Thumbnail] = _Expiring(clock)
        self._usage: _Expiring[dict[str, Any]] = _Expiring(clock)

    async def create_session(self, record: SessionRecord) -> tuple[SessionRecord, bool]:
        """See Store."""
        known = self._sessions.get(record.session)
        if known is not None:
            return known, False
        if len(self._sessions) >= MAX_SESSIONS:
            raise StoreFullError(f"there are {MAX_SESSIONS} sessions")
        self._sessions.put(record.session, record, None)
        return record, True

    async def session(self, session: str) -> SessionRecord | None:
        """See Store."""
        return self._sessions.get(session)

    async def sessions(self) -> list[SessionRecord]:
        """See Store."""
        records = [record for _, record in self._sessions.items()]
        return sorted(records, key=lambda r: (r.created_at, r.session), reverse=True)

    async def update_session(self, session: str, **changes: Any) -> SessionRecord | None:
        """See Store."""
        record = self._sessions.get(session)
        if record is None or record.ended:
            return record
        record = replace(record, **changes)
        self._sessions.replace(session, record)
        return record

    async def end_session(self, session: str, ended_at: float) -> SessionRecord | None:
        """See Store."""
        record = self._sessions.get(session)
        if record is None or record.ended:
            return record
        record = replace(record, ended_at=ended_at)
        self._sessions.put(session, record, TOMBSTONE_TTL_S)
        for digest in self._link_digests.pop(session, {}).values():
            self._links.pop(digest)
        # grants stay until they expire: whoever reloads is told that the session has ended
        self._expected.pop(session, None)
        for keep in (self._thumbnails, self._usage):
            value = keep.get(session)
            if value is not None:
                keep.put(session, value, TOMBSTONE_TTL_S)  # type: ignore[arg-type]
        return record

    async def add_link(self, link: Link, secret_digest: str, ttl_s: float) -> None:
        """See Store."""
        digests = self._link_digests.setdefault(link.session, {})
        for link_id in [i for i, d in digests.items() if self._links.get(d) is None]:
            del digests[link_id]
        if len(digests) >= MAX_LINKS_PER_SESSION:
            raise StoreFullError(f"the session has {MAX_LINKS_PER_SESSION} join links")
        digests[link.id] = secret_digest
        self._links.put(secret_digest, link, ttl_s + LINK_MEMORY_S)

    async def links(self, session: str) -> list[Link]:
        """See Store."""
        found = [self._links.get(d) for d in self._link_digests.get(session, {}).values()]
        return sorted((k for k in found if k is not None), key=lambda k: (k.created_at, k.id))

    async def link(self, session: str, link_id: str) -> Link | None:
        """See Store."""
        digest = self._link_digests.get(session, {}).get(link_id)
        return None if digest is None else self._links.get(digest)

    async def delete_link(self, session: str, link_id: str) -> bool:
        """See Store."""
        digest = self._link_digests.get(session, {}).pop(link_id, None)
        link = None if digest is None else self._links.pop(digest)
        grants = self._grant_digests.get(session, set())
        for given in list(grants):
            grant = self._grants.get(given)
            if grant is None or grant.link_id == link_id:
                self._grants.pop(given)
                grants.discard(given)
        return link is not None

    async def redeem_link(
        self, secret_digest: str, now: float, *, grant_digest: str, name: str | None
    ) -> tuple[LinkUse, Grant | None]:
        """See Store."""
        link = self._links.get(secret_digest)
        if link is None:
            return LinkUse.UNKNOWN, None
        if link.expires_at <= now:
            return LinkUse.EXPIRED, None
        if link.uses >= link.max_uses:
            return LinkUse.USED_UP, None
        digests = self._grant_digests.setdefault(link.session, set())
        if len(digests) >= MAX_GRANTS_PER_SESSION:
            digests.intersection_update({d for d in digests if self._grants.get(d) is not None})
        if len(digests) >= MAX_GRANTS_PER_SESSION:
            raise StoreFullError(f"the session has {MAX_GRANTS_PER_SESSION} browsers with a grant")
        grant = Grant(link.session, link.role, link.name if name is None else name, link.id)
        digests.add(grant_digest)
        self._grants.put(grant_digest, grant, GRANT_TTL_S)
        self._links.replace(secret_digest, replace(link, uses=link.uses + 1))
        return LinkUse.OK, grant

    async def undo_redeem(self, secret_digest: str, grant_digest: str) -> None:
        """See Store."""
        grant = self._grants.pop(grant_digest)
        if grant is not None:
            self._grant_digests.get(grant.session, set()).discard(grant_digest)
        link = self._links.get(secret_digest)
        if link is not None and link.uses > 0:
            self._links.replace(secret_digest, replace(link, uses=link.uses - 1))

    async def grant(self, digest: str) -> Grant | None:
        """See Store."""
        grant = self._grants.get(digest)
        if grant is not None:
            self._grants.put(digest, grant, GRANT_TTL_S)
        return grant

    async def expect(self, session: str, viewer: ExpectedViewer, ttl_s: float) -> None:
        """See Store."""
        record = self._sessions.get(session)
        if record is None or record.ended:
            return
        viewers = self._expected.setdefault(session, _Expiring(self._clock))
        if len(viewers) >= MAX_EXPECTED_PER_SESSION:
            oldest = next(viewers.items(), None)
            if oldest is not None:
                viewers.pop(oldest[0])
        viewers.put(viewer.identity, viewer, ttl_s)

    async def expected(self, session: str) -> list[ExpectedViewer]:
        """See Store."""
        viewers = self._expected.get(session)
        return [] if viewers is None else [viewer for _, viewer in viewers.items()]

    async def put_thumbnail(self, session: str, thumbnail: Thumbnail) -> None:
        """See Store."""
        self._thumbnails.put(session, thumbnail, self._life_s(session))

    async def thumbnail(self, session: str) -> Thumbnail | None:
        """See Store."""
        return self._thumbnails.get(session)

    async def put_usage(self, session: str, usage: dict[str, Any]) -> None:
        """See Store."""
        self._usage.put(session, usage, self._life_s(session))

    async def usage(self, session: str) -> dict[str, Any] | None:
        """See Store."""
        return self._usage.get(session)

    def _life_s(self, session: str) -> float | None:
        record = self._sessions.get(session)
        return TOMBSTONE_TTL_S if record is None or record.ended else None
