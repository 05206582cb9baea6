"""The store of one process. No method awaits anything, so each is atomic on the event loop."""

from dataclasses import replace
from typing import Any

from .clock import Clock
from .expiring import Expiring
from .memory_access import MemoryAccess
from .store import (
    GRANT_TTL_S,
    LINK_MEMORY_S,
    TOMBSTONE_TTL_S,
    Bounds,
    Grant,
    Link,
    LinkUse,
    SessionRecord,
    StoreFullError,
    Thumbnail,
)


class MemoryStore(MemoryAccess):
    """Obeys `store.Store`; all is lost with the process, which agents survive (see sessions.py)."""

    def __init__(self, clock: Clock, bounds: Bounds | None = None) -> None:
        super().__init__(clock, bounds or Bounds())
        self._sessions: Expiring[SessionRecord] = Expiring(clock)
        self._links: Expiring[Link] = Expiring(clock)  # by digest of the secret
        self._link_digests: dict[str, dict[str, str]] = {}  # session → link id → digest
        self._grants: Expiring[Grant] = Expiring(clock)  # by digest
        self._grant_digests: Expiring[set[str]] = Expiring(clock)  # by session
        self._thumbnails: Expiring[Thumbnail] = Expiring(clock)
        self._usage: Expiring[dict[str, Any]] = Expiring(clock)

    async def create_session(self, record: SessionRecord) -> tuple[SessionRecord, bool]:
        """See Store."""
        known = self._sessions.get(record.session)
        if known is not None:
            return known, False
        if len(self._sessions) >= self._bounds.sessions:
            raise StoreFullError(f"there are {self._bounds.sessions} sessions")
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
        digests = self._grant_digests.get(session)
        if digests is not None:
            self._grant_digests.put(session, digests, GRANT_TTL_S)
        self._forget_people(session)
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
        if len(digests) >= self._bounds.links:
            raise StoreFullError(f"the session has {self._bounds.links} join links")
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

    async def close_link(self, session: str, link_id: str) -> bool:
        """See Store."""
        digest = self._link_digests.get(session, {}).pop(link_id, None)
        return digest is not None and self._links.pop(digest) is not None

    async def delete_link(self, session: str, link_id: str) -> bool:
        """See Store."""
        found = await self.close_link(session, link_id)
        grants = self._grant_digests.get(session) or set()
        for given in list(grants):
            grant = self._grants.get(given)
            if grant is None or grant.link_id == link_id:
                self._grants.pop(given)
                grants.discard(given)
        return found

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
        digests = self._grant_digests.get(link.session)
        if digests is None:
            digests = set()
            self._grant_digests.put(link.session, digests, None)
        if len(digests) >= self._bounds.grants:
            digests.intersection_update({d for d in digests if self._grants.get(d) is not None})
        if len(digests) >= self._bounds.grants:
            raise StoreFullError(f"the session has {self._bounds.grants} browsers with a grant")
        given_name = link.name if name is None else name
        grant = Grant(link.session, link.role, given_name, link.id, link.may_ask)
        digests.add(grant_digest)
        self._grants.put(grant_digest, grant, GRANT_TTL_S)
        self._links.replace(secret_digest, replace(link, uses=link.uses + 1))
        return LinkUse.OK, grant

    async def undo_redeem(self, secret_digest: str, grant_digest: str) -> None:
        """See Store."""
        grant = self._grants.pop(grant_digest)
        if grant is not None:
            (self._grant_digests.get(grant.session) or set()).discard(grant_digest)
        link = self._links.get(secret_digest)
        if link is not None and link.uses > 0:
            self._links.replace(secret_digest, replace(link, uses=link.uses - 1))

    async def grant(self, digest: str) -> Grant | None:
        """See Store."""
        grant = self._grants.get(digest)
        if grant is not None:
            self._grants.put(digest, grant, GRANT_TTL_S)
        return grant

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

    def _is_running(self, session: str) -> bool:
        record = self._sessions.get(session)
        return record is not None and not record.ended
