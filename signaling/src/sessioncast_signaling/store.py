"""What replicas must agree on, behind one Protocol: memory now, Redis when it comes.

Every method is one atomic step. What lives for a limited time says so in seconds; the store forgets
it by itself. Nothing here is a secret in clear: links and grants are kept by their SHA-256.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from .roles import Actor, Kind, Role

TOMBSTONE_TTL_S = 24 * 3600  # no token lives this long, so nothing old can bring a session back
GRANT_TTL_S = 12 * 3600  # sliding: each use starts it again
LINK_MEMORY_S = 24 * 3600  # a link is remembered after its end, to say "expired", not "unknown"
MAX_SESSIONS = 10_000
MAX_LINKS_PER_SESSION = 1_000
MAX_GRANTS_PER_SESSION = 10_000
MAX_EXPECTED_PER_SESSION = 2_000  # the oldest are forgotten: they only speed an agent's start up


@dataclass(frozen=True)
class SessionRecord:
    """What is known of a session without asking the SFU. Times are Unix seconds."""

    session: str
    kind: Kind
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    ends_at: float | None = None
    ended_at: float | None = None
    agent_seen_at: float | None = None  # last time its agent was in the room
    agent_token_at: float | None = None  # last time its agent asked for a token

    @property
    def ended(self) -> bool:
        """Whether this is a tombstone."""
        return self.ended_at is not None


@dataclass(frozen=True)
class Link:
    """A join link without its secret. Times are Unix seconds."""

    id: str
    session: str
    role: Role
    name: str
    created_at: float
    expires_at: float
    max_uses: int
    uses: int = 0


class LinkUse(StrEnum):
    """What came of using a link."""

    OK = "ok"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED_UP = "used-up"


@dataclass(frozen=True)
class Grant:
    """What a join link left with one browser."""

    session: str
    role: Role
    name: str
    link_id: str


@dataclass(frozen=True)
class ExpectedViewer:
    """A viewer who was given a token and may turn up in the room until `expires_at` (Unix s)."""

    identity: str
    role: Role
    actor: Actor
    name: str
    expires_at: float


@dataclass(frozen=True)
class Thumbnail:
    """The last picture of a session: a small JPEG."""

    jpeg: bytes
    captured_at: float


class StoreFullError(Exception):
    """A bound of the store is reached; the message names what there is too much of."""


class Store(Protocol):
    """See the module. Unknown sessions are None or a no-op, never an exception."""

    async def create_session(self, record: SessionRecord) -> tuple[SessionRecord, bool]:
        """Put the record unless there is one (or a tombstone); return what is there, and if new.

        Raises StoreFullError.
        """
        ...

    async def session(self, session: str) -> SessionRecord | None:
        """Return the record or tombstone."""
        ...

    async def sessions(self) -> list[SessionRecord]:
        """Return all, tombstones too, newest first."""
        ...

    async def update_session(self, session: str, **changes: Any) -> SessionRecord | None:
        """Change fields of a session that has not ended; return it as it is then."""
        ...

    async def end_session(self, session: str, ended_at: float) -> SessionRecord | None:
        """Make it a tombstone for TOMBSTONE_TTL_S; its links and viewers are forgotten; its
        grants stay, so that whoever reloads is told that it has ended.

        Returns the tombstone. Repeating changes nothing.
        """
        ...

    async def add_link(self, link: Link, secret_digest: str, ttl_s: float) -> None:
        """Keep a link for ttl_s and LINK_MEMORY_S more; raises StoreFullError."""
        ...

    async def links(self, session: str) -> list[Link]:
        """Return the links of a session that are not forgotten, oldest first."""
        ...

    async def link(self, session: str, link_id: str) -> Link | None:
        """Return one link."""
        ...

    async def delete_link(self, session: str, link_id: str) -> bool:
        """Forget a link and every grant it gave; False when there is none."""
        ...

    async def redeem_link(
        self, secret_digest: str, now: float, *, grant_digest: str, name: str | None
    ) -> tuple[LinkUse, Grant | None]:
        """Count one use, if it has one left, and keep a grant for it for GRANT_TTL_S.

        `name` is the grant's name; None takes the link's. Raises StoreFullError.
        """
        ...

    async def undo_redeem(self, secret_digest: str, grant_digest: str) -> None:
        """Take a use and its grant back when nothing came of them."""
        ...

    async def grant(self, digest: str) -> Grant | None:
        """Return a grant, and start its time anew."""
        ...

    async def expect(self, session: str, viewer: ExpectedViewer, ttl_s: float) -> None:
        """Remember a viewer for ttl_s."""
        ...

    async def expected(self, session: str) -> list[ExpectedViewer]:
        """Return the viewers who may still turn up, oldest first."""
        ...

    async def put_thumbnail(self, session: str, thumbnail: Thumbnail) -> None:
        """Keep the last picture as long as the session or its tombstone."""
        ...

    async def thumbnail(self, session: str) -> Thumbnail | None:
        """Return the last picture."""
        ...

    async def put_usage(self, session: str, usage: dict[str, Any]) -> None:
        """Keep the last usage as long as the session or its tombstone."""
        ...

    async def usage(self, session: str) -> dict[str, Any] | None:
        """Return the last usage."""
        ...
