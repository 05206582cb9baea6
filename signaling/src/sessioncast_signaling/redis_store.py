"""The store that replicas share, in Redis: the same promises as MemoryStore, each step one script.

Layout, under the prefix `sessioncast:` (`{}` is a session or a digest): `s:{}` record, `sessions`
their index, `l:{}` link, `ls:{}` a session's links, `g:{}` grant, `gs:{}` a session's grants,
`t:{}` thumbnail, `u:{}` usage; `redis_access` has the rest.
"""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from .clock import Clock
from .redis_access import RedisAccess
from .redis_link import RedisLink, open_link
from .redis_records import fields_of, flat, grant_of, link_of, pairs, record_of, text_of
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


class RedisStore(RedisAccess):
    """Obeys `store.Store`; raises StoreUnavailableError when Redis is away."""

    def __init__(self, link: RedisLink, clock: Clock, bounds: Bounds | None = None) -> None:
        super().__init__(link, clock, bounds or Bounds())

    async def create_session(self, record: SessionRecord) -> tuple[SessionRecord, bool]:
        """See Store."""
        created, fields = await self.redis.run(
            "create_session",
            [f"s:{record.session}", "sessions"],
            [
                self._bounds.sessions,
                repr(record.created_at),
                record.session,
                *flat(fields_of(vars(record))),
            ],
        )
        if created < 0:
            raise StoreFullError(f"there are {self._bounds.sessions} sessions")
        found = record_of(fields)
        return (record if found is None else found), bool(created)

    async def session(self, session: str) -> SessionRecord | None:
        """See Store."""
        return record_of(await self.redis.do("HGETALL", f"s:{session}"))

    async def sessions(self) -> list[SessionRecord]:
        """See Store."""
        found = await self.redis.run("list_sessions", ["sessions"])
        records = [record for record in map(record_of, found) if record is not None]
        return sorted(records, key=lambda r: (r.created_at, r.session), reverse=True)

    async def update_session(self, session: str, **changes: Any) -> SessionRecord | None:
        """See Store."""
        return record_of(
            await self.redis.run("update_session", [f"s:{session}"], flat(fields_of(changes, "")))
        )

    async def end_session(self, session: str, ended_at: float) -> SessionRecord | None:
        """See Store."""
        args: list[str | float] = [
            session,
            repr(ended_at),
            TOMBSTONE_TTL_S * 1000,
            GRANT_TTL_S * 1000,
        ]
        return record_of(await self.redis.run("end_session", [f"s:{session}"], args))

    async def add_link(self, link: Link, secret_digest: str, ttl_s: float) -> None:
        """See Store."""
        fields = {name: text_of(value) for name, value in vars(link).items()}
        ttl_ms = int((ttl_s + LINK_MEMORY_S) * 1000)
        args: list[str | float] = [
            self._bounds.links,
            ttl_ms,
            link.id,
            secret_digest,
            *flat(fields),
        ]
        if not await self.redis.run("add_link", [f"l:{secret_digest}", f"ls:{link.session}"], args):
            raise StoreFullError(f"the session has {self._bounds.links} join links")

    async def links(self, session: str) -> list[Link]:
        """See Store."""
        found = await self.redis.run("list_links", [f"ls:{session}"])
        links = [link_of(pairs(fields)) for fields in found]
        return sorted(links, key=lambda k: (k.created_at, k.id))

    async def link(self, session: str, link_id: str) -> Link | None:
        """See Store."""
        digest = await self.redis.do("HGET", f"ls:{session}", link_id)
        fields = None if digest is None else await self.redis.do("HGETALL", f"l:{digest}")
        return link_of(pairs(fields)) if fields else None

    async def close_link(self, session: str, link_id: str) -> bool:
        """See Store."""
        keys = [f"ls:{session}", f"gs:{session}"]
        return bool(await self.redis.run("delete_link", keys, [link_id, 0]))

    async def delete_link(self, session: str, link_id: str) -> bool:
        """See Store."""
        keys = [f"ls:{session}", f"gs:{session}"]
        return bool(await self.redis.run("delete_link", keys, [link_id, 1]))

    async def redeem_link(
        self, secret_digest: str, now: float, *, grant_digest: str, name: str | None
    ) -> tuple[LinkUse, Grant | None]:
        """See Store."""
        use, fields = await self.redis.run(
            "redeem_link",
            [f"l:{secret_digest}", f"g:{grant_digest}"],
            [
                repr(now),
                grant_digest,
                int(name is not None),
                name or "",
                self._bounds.grants,
                GRANT_TTL_S * 1000,
            ],
        )
        if use == "full":
            raise StoreFullError(f"the session has {self._bounds.grants} browsers with a grant")
        return LinkUse(use), grant_of(pairs(fields)) if fields else None

    async def undo_redeem(self, secret_digest: str, grant_digest: str) -> None:
        """See Store."""
        keys = [f"g:{grant_digest}", f"l:{secret_digest}"]
        await self.redis.run("undo_redeem", keys, [grant_digest])

    async def grant(self, digest: str) -> Grant | None:
        """See Store."""
        fields = await self.redis.run("use_grant", [f"g:{digest}"], [GRANT_TTL_S * 1000])
        return grant_of(pairs(fields)) if fields else None

    async def put_thumbnail(self, session: str, thumbnail: Thumbnail) -> None:
        """See Store."""
        jpeg = base64.b64encode(thumbnail.jpeg).decode()
        await self._keep("t", session, [thumbnail.captured_at, jpeg])

    async def thumbnail(self, session: str) -> Thumbnail | None:
        """See Store."""
        text = await self.redis.do("GET", f"t:{session}")
        if text is None:
            return None
        captured_at, jpeg = json.loads(text)
        return Thumbnail(base64.b64decode(jpeg), captured_at)

    async def put_usage(self, session: str, usage: dict[str, Any]) -> None:
        """See Store."""
        await self._keep("u", session, usage)

    async def usage(self, session: str) -> dict[str, Any] | None:
        """See Store."""
        text = await self.redis.do("GET", f"u:{session}")
        found: dict[str, Any] | None = None if text is None else json.loads(text)
        return found

    async def _keep(self, kind: str, session: str, value: Any) -> None:
        args: list[str | float] = [json.dumps(value), TOMBSTONE_TTL_S * 1000]
        await self.redis.run("keep_last", [f"{kind}:{session}", f"s:{session}"], args)


@contextlib.asynccontextmanager
async def open_redis_store(
    url: str, clock: Clock, bounds: Bounds | None = None
) -> AsyncIterator[RedisStore]:
    """Connect for the block; raises ConfigError when this Redis cannot be used at all."""
    async with open_link(url) as link:
        store = RedisStore(link, clock, bounds)
        await store.begin()
        yield store
