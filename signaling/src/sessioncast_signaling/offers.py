"""Offers: a token for one viewer, and the agent told of it first.

Needs only a store, an SFU and a key; it can be used without the HTTP layer.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from .agentrpc import AgentClient
from .auth import grant_subject
from .delivery import Delivery
from .errors import (
    AgentError,
    AgentGoneError,
    AgentTimeoutError,
    Problem,
    SfuError,
    removed,
    session_ended,
    sfu_problem,
)
from .ids import agent_identity, digest, new_grant, new_ticket, new_viewer_identity
from .presence import Presence, Snapshot
from .roles import Actor, Role, State
from .sessions import Sessions
from .store import (
    Admission,
    ExpectedViewer,
    Grant,
    LinkUse,
    SessionRecord,
    Store,
    StoreFullError,
)
from .tokens import TOKEN_TTL_S, TokenMinter

log = logging.getLogger(__name__)

# A viewer may connect until its token ends, and the SFU allows a minute of skew beyond.
EXPECTED_TTL_S = TOKEN_TTL_S + 60
TICKET_TTL_S = TOKEN_TTL_S


@dataclass(frozen=True)
class Applicant:
    """Whose viewer it will be: see rights.Caller."""

    subject: str
    link_id: str = ""
    may_ask: bool = False
    trusted: bool = False  # it may remove people itself


@dataclass(frozen=True)
class Offer:
    """What a viewer needs to connect. `expires_at` is Unix seconds."""

    token: str
    session: str
    identity: str
    role: Role
    state: State
    expires_at: float
    may_ask: bool = False  # an observer who may ask for control
    ticket: str | None = None  # for the fallback's WebSocket, once, until `expires_at`

    def __repr__(self) -> str:
        return f"Offer({self.session!r}, {self.identity!r}, {self.role})"


@dataclass(frozen=True)
class AgentOffer:
    """What an agent needs to connect, and the viewers that it may meet there."""

    token: str
    session: str
    identity: str
    expires_at: float
    expected: list[ExpectedViewer]
    banned: list[str]  # identities that get no media

    def __repr__(self) -> str:
        return f"AgentOffer({self.session!r})"


@dataclass(frozen=True)
class Offers:
    """Gives tokens to viewers and agents, and browsers their grants."""

    store: Store
    sessions: Sessions
    presence: Presence
    agent: AgentClient
    delivery: Delivery
    minter: TokenMinter
    count: Callable[[str, str], None]  # role, state
    fallback: bool = False  # whether offers carry a ticket for the fallback

    async def offer(
        self,
        session: str,
        *,
        role: Role,
        actor: Actor,
        name: str,
        applicant: Applicant,
        record: SessionRecord | None = None,
    ) -> Offer:
        """Return a viewer's way in.

        The agent hears of the viewer first, if it is in the room; otherwise it is told when it
        asks for its own token. `record` is the session's, where it was read just now. Raises
        Problem: 403, 404, 410, 502, 503.
        """
        record = await self.sessions.running(session, record)
        snapshot = await self._open(session)
        now = self.sessions.now_s()
        viewer = ExpectedViewer(
            new_viewer_identity(),
            role,
            actor,
            name,
            now + TOKEN_TTL_S,
            applicant.subject,
            applicant.link_id,
            applicant.may_ask,
            applicant.trusted,
        )
        ticket = await self._admit(session, viewer)
        state = (await self.sessions.status_from(record, snapshot)).state
        if snapshot.agent is None:
            self.delivery.later(session, viewer)
        else:
            if not await self._announce(session, viewer):
                state = State.RECONNECTING
            await self._still_running(session)
        token = self.minter.viewer(
            session, identity=viewer.identity, role=role, actor=actor, name=name
        )
        self.count(role.value, state.value)
        asks = applicant.may_ask and role is Role.OBSERVER
        return Offer(token, session, viewer.identity, role, state, viewer.expires_at, asks, ticket)

    async def _admit(self, session: str, viewer: ExpectedViewer) -> str | None:
        """Let the viewer in, in one step; return its ticket, if it gets one.

        From then on a removal finds it, so what follows need not look for one again. It comes after
        the SFU was asked, since the session may have ended meanwhile. Raises Problem: 403, 410.
        """
        ticket = new_ticket() if self.fallback else None
        outcome = await self.store.admit(
            session,
            viewer,
            EXPECTED_TTL_S,
            ticket=digest(ticket) if ticket else "",
            ticket_ttl_s=TICKET_TTL_S,
        )
        if outcome is Admission.ENDED:
            await self.sessions.forbid_room(session)
            raise session_ended(session)
        if outcome is Admission.BANNED:
            raise removed()
        if outcome is Admission.WITHOUT_TICKET:
            log.warning("an offer goes without a ticket: there are too many")
            return None
        return ticket

    async def agent_token(self, session: str) -> AgentOffer:
        """Return the agent's way in; its credential was checked before. Raises Problem."""
        await self.sessions.adopt(session)
        now = self.sessions.now_s()
        await self.store.update_session(session, agent_token_at=now)
        self.presence.invalidate(session)
        try:
            await self.presence.ensure_room(session)
        except SfuError as error:
            raise sfu_problem(error) from None
        await self._still_running(session)
        self.delivery.told(session)
        return AgentOffer(
            token=self.minter.agent(session),
            session=session,
            identity=agent_identity(session),
            expires_at=now + TOKEN_TTL_S,
            expected=await self.store.expected(session),
            banned=[b.who for b in await self.store.bans(session) if b.identity],
        )

    async def join(self, secret: str, *, name: str | None) -> tuple[Offer, str]:
        """Use a join link once; return the offer and the browser's grant in clear.

        A use that comes to nothing is given back. Raises Problem.
        """
        grant_text, secret_digest = new_grant(), digest(secret)
        try:
            use, grant = await self.store.redeem_link(
                secret_digest, self.sessions.now_s(), grant_digest=digest(grant_text), name=name
            )
        except StoreFullError as error:
            raise Problem(
                503,
                "too-many-grants",
                "Too many browsers",
                f"The link was not used, since {error}.",
            ) from None
        if grant is None:
            raise _link_problem(use)
        try:
            offer = await self._offer_for(grant, digest(grant_text))
        except Problem:
            await self.store.undo_redeem(secret_digest, digest(grant_text))
            raise
        return offer, grant_text

    async def _offer_for(self, grant: Grant, grant_digest: str) -> Offer:
        return await self.offer(
            grant.session,
            role=grant.role,
            actor=Actor.PERSON,
            name=grant.name,
            applicant=Applicant(grant_subject(grant_digest), grant.link_id, grant.may_ask),
        )

    async def _open(self, session: str) -> Snapshot:
        try:
            snapshot, _ = await asyncio.gather(
                self.presence.snapshot(session), self.presence.ensure_room(session)
            )
        except SfuError as error:
            raise sfu_problem(error) from None
        return snapshot

    async def _announce(self, session: str, viewer: ExpectedViewer) -> bool:
        """Tell the agent; False when it is not there after all.

        The viewer gets its token all the same, and the agent is told again later.
        """
        try:
            await self.agent.expect(session, viewer)
        except (AgentGoneError, AgentTimeoutError) as error:
            log.info("agent not told of a viewer session=%s error=%s", session, error)
            self.presence.invalidate(session)
            self.delivery.later(session, viewer)
            return False
        except (AgentError, SfuError) as error:
            log.warning("agent not told of a viewer session=%s error=%s", session, error)
            self.delivery.later(session, viewer)
        return True

    async def _still_running(self, session: str) -> SessionRecord:
        """Ended while we spoke with the SFU? Then the room that we may have raised goes again."""
        record = await self.store.session(session)
        if record is None or record.ended:
            await self.sessions.forbid_room(session)
            raise session_ended(session)
        return record


def _link_problem(use: LinkUse) -> Problem:
    if use is LinkUse.USED_UP:
        return Problem(
            410,
            "link-used",
            "Link already used",
            "This link has been used as often as it may be: ask for a new one.",
        )
    if use is LinkUse.EXPIRED:
        return Problem(410, "link-expired", "Link expired", "This link is over: ask for a new one.")
    return Problem(
        404,
        "link-unknown",
        "Link unknown",
        "This link is not known here, or was called back, or its session has ended: "
        "ask for a new one.",
    )
