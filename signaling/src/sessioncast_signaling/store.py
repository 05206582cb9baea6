"""What replicas must agree on, behind one Protocol: in memory, or in Redis.

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
ADMITTED_TTL_S = 7 * 24 * 3600  # who came by what is remembered this long, to keep them out


@dataclass(frozen=True)
class Bounds:
    """How much a store holds; beyond it the oldest are forgotten, or StoreFullError is raised."""

    sessions: int = 10_000
    links: int = 1_000  # in one session
    grants: int = 10_000  # in one session
    admitted: int = 10_000  # in one session; the oldest are forgotten
    tickets: int = 100_000
    rates: int = 50_000  # the oldest are forgotten
    events: int = 1_000  # the oldest are forgotten


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
    may_ask: bool = False  # an observer who comes by it may ask for control


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
    may_ask: bool = False


@dataclass(frozen=True)
class ExpectedViewer:
    """A viewer who was given a token and may turn up in the room until `expires_at` (Unix s).

    `subject` is whose viewer it is (see rights.Caller), `link_id` the join link it came by.
    """

    identity: str
    role: Role
    actor: Actor
    name: str
    expires_at: float
    subject: str = ""
    link_id: str = ""
    may_ask: bool = False
    trusted: bool = False  # its subject may remove people itself


@dataclass(frozen=True)
class Ban:
    """One who is kept out of a session until a time (Unix s): an identity, or a whole subject."""

    session: str
    who: str  # an identity, or a subject
    until: float
    identity: bool  # whether `who` is an identity that may turn up in the room


@dataclass(frozen=True)
class Ticket:
    """A viewer's right to open one WebSocket of the fallback, once."""

    session: str
    identity: str
    role: Role = Role.OBSERVER
    actor: Actor = Actor.PERSON
    name: str = ""
    subject: str = ""

    @classmethod
    def of(cls, session: str, viewer: ExpectedViewer) -> "Ticket":
        """Return this viewer's."""
        return cls(session, viewer.identity, viewer.role, viewer.actor, viewer.name, viewer.subject)


@dataclass(frozen=True)
class Event:
    """One piece of news for all replicas and those who listen; `id` orders them."""

    id: str
    kind: str
    session: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Thumbnail:
    """The last picture of a session: a small JPEG."""

    jpeg: bytes
    captured_at: float


class Admission(StrEnum):
    """What came of admitting a viewer."""

    IN = "in"
    WITHOUT_TICKET = "without-ticket"  # there are too many tickets
    BANNED = "banned"
    ENDED = "ended"  # or never was


@dataclass(frozen=True)
class Entry:
    """What one look at the door tells of somebody who asks for something in a session."""

    wait_s: float  # as `allow` has it
    banned: bool
    record: SessionRecord | None


class StoreFullError(Exception):
    """A bound of the store is reached; the message names what there is too much of."""


class StoreUnavailableError(Exception):
    """The store cannot be reached, or did not answer in time."""


class SessionStore(Protocol):
    """Sessions, links, grants, and what was last seen of a session."""

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

    async def close_link(self, session: str, link_id: str) -> bool:
        """Forget a link so that nobody comes by it any more; the grants it gave stay."""
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


class AdmissionStore(Protocol):
    """Who was let in, who is kept out, and the roles that were raised since."""

    async def enter(
        self, session: str, subject: str, key: str, *, per_minute: float, burst: int
    ) -> Entry:
        """Count one more under the key as `allow` does, and look up the rest in the same step."""
        ...

    async def admit(
        self,
        session: str,
        viewer: ExpectedViewer,
        ttl_s: float,
        *,
        ticket: str = "",
        ticket_ttl_s: float = 0.0,
    ) -> Admission:
        """Expect a viewer for ttl_s; remember whose it is for ADMITTED_TTL_S.

        `ticket` is the digest under which its ticket for the fallback is kept for ticket_ttl_s.
        Nothing is kept when the session has ended, or the viewer's subject is kept out (unless it
        is trusted).
        """
        ...

    async def expected(self, session: str) -> list[ExpectedViewer]:
        """Return the viewers who may still turn up, oldest first."""
        ...

    async def admitted(self, session: str, identity: str) -> ExpectedViewer | None:
        """Return what is remembered of one who was given a token."""
        ...

    async def admitted_by(self, session: str, subject: str) -> list[ExpectedViewer]:
        """Return all who were let in as this subject's viewers, oldest first."""
        ...

    async def raise_role(self, session: str, subject: str, role: Role | None) -> None:
        """From now on this subject's role there is this one; None takes it back."""
        ...

    async def raised_role(self, session: str, subject: str) -> Role | None:
        """Return the role that it was raised to."""
        ...

    async def ban(self, ban: Ban) -> None:
        """Keep somebody out until `ban.until`; a later end replaces an earlier one."""
        ...

    async def lift_ban(self, session: str, who: str) -> bool:
        """Let them in again; False when they were not kept out."""
        ...

    async def bans(self, session: str | None = None) -> list[Ban]:
        """Return who is kept out now, of one session or of all."""
        ...

    async def banned(self, session: str, who: str) -> bool:
        """Tell whether this identity or subject is kept out now."""
        ...


class TicketStore(Protocol):
    """Single-use tickets (`AdmissionStore.admit` puts them), and how often somebody has asked."""

    async def take_ticket(self, digest: str) -> Ticket | None:
        """Return the ticket and forget it: of many who ask at once, one gets it."""
        ...

    async def drop_tickets(self, session: str, identity: str | None = None) -> None:
        """Forget the tickets of a session, or of one identity in it."""
        ...

    async def allow(self, key: str, *, per_minute: float, burst: int) -> float:
        """Count one more under the key: 0 when it may be, else the seconds until it may.

        At most `burst` at once, and `per_minute` in the long run.
        """
        ...


class EventStore(Protocol):
    """News that every replica hears."""

    async def publish(self, kind: str, session: str, data: Mapping[str, Any]) -> None:
        """Tell everybody."""
        ...

    async def last_event_id(self) -> str:
        """Return the id of the newest event; only later ones are news."""
        ...

    async def events_after(self, event_id: str, wait_s: float) -> list[Event] | None:
        """Return what came after that event, oldest first, waiting up to wait_s for some.

        None when that event is not known (any more): something may have been missed.
        """
        ...


class Store(SessionStore, AdmissionStore, TicketStore, EventStore, Protocol):
    """See the module. Unknown sessions are None or a no-op, never an exception."""

    async def ping(self) -> None:
        """Return when the store answers; raises StoreUnavailableError."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
