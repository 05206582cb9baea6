"""Removing people, and keeping them out.

A token cannot be called back, and the SFU gives each one who connects a fresh one: who was removed
could come back for as long as that lives. So the identity is banned until all of them have died, is
removed again whenever it is seen in the room (which gives it another fresh token, and so starts the
ban's time anew), and its agent gives it no media meanwhile. Whose viewer it was (a browser with a
grant, a person, a key) is kept out for BAN_S, and the link that it came by lets nobody in any more.
"""

import asyncio
import logging
from dataclasses import dataclass

from .agentrpc import AgentClient
from .errors import AgentError, Problem, SfuError
from .ids import agent_identity, digest
from .presence import Presence
from .sessions import Sessions
from .sfu import Sfu
from .store import Ban, Store
from .tokens import TOKEN_TTL_S

log = logging.getLogger(__name__)

# The SFU refreshes tokens for 10 minutes, and lets a clock be a minute off.
REFRESHED_TTL_S = 600
IDENTITY_BAN_S = max(REFRESHED_TTL_S, TOKEN_TTL_S) + 120
BAN_S = 24 * 3600
WATCH_PERIOD_S = 0.5


@dataclass(frozen=True)
class KeptOut:
    """One who is kept out: a person, key or browser with all its viewers, or one viewer alone."""

    ban: Ban
    name: str
    identities: tuple[str, ...]

    @property
    def id(self) -> str:
        """What it is called by: whose ban it is may be no path, and nobody's business."""
        return f"ban-{digest(f'{self.ban.session} {self.ban.who}')[:16]}"


@dataclass(frozen=True)
class Removals:
    """Removes, and watches over those who were removed."""

    store: Store
    sessions: Sessions
    presence: Presence
    agent: AgentClient
    sfu: Sfu

    async def remove(self, session: str, identity: str) -> None:
        """Remove one viewer, and all others that are the same one's, for good.

        One who may remove people itself would be back at once: of it only this viewer goes. Raises
        Problem: 404, 410.
        """
        record = await self.sessions.running(session)
        viewer = await self.store.admitted(session, identity)
        if identity == agent_identity(session) or (
            viewer is None and not await self._is_present(session, identity)
        ):
            raise Problem(
                404,
                "participant-unknown",
                "No such participant",
                f"Nobody of this identity watches {session}: GET …/participants lists who does.",
            )
        now = self.sessions.now_s()
        identities = [identity]
        if viewer is not None and viewer.link_id:
            await self.store.close_link(session, viewer.link_id)
        if viewer is not None and viewer.subject and not viewer.trusted:
            await self.store.ban(Ban(session, viewer.subject, now + BAN_S, identity=False))
            await self.store.raise_role(session, viewer.subject, None)
            same = await self.store.admitted_by(session, viewer.subject)
            present = await self._present(session)
            identities += [
                v.identity
                for v in same
                if v.identity != identity and (v.identity in present or v.expires_at > now)
            ]
        await asyncio.gather(*(self._keep_out(session, each) for each in identities))
        log.info("removed session=%s identities=%d", record.session, len(identities))

    async def kept_out(self, session: str) -> list[KeptOut]:
        """Return who is kept out of a session now, each with all that was theirs."""
        now = self.sessions.now_s()
        bans = {ban.who: ban for ban in await self.store.bans(session)}
        found: list[KeptOut] = []
        for ban in [ban for ban in bans.values() if not ban.identity]:
            same = await self.store.admitted_by(session, ban.who)
            theirs = [v for v in same if v.identity in bans or v.expires_at > now] or same[-1:]
            identities = tuple(v.identity for v in theirs)
            found.append(KeptOut(ban, same[-1].name if same else "", identities))
        named = {identity for one in found for identity in one.identities}
        for ban in [ban for ban in bans.values() if ban.identity and ban.who not in named]:
            viewer = await self.store.admitted(session, ban.who)
            found.append(KeptOut(ban, viewer.name if viewer else "", (ban.who,)))
        return sorted(found, key=lambda one: one.id)

    async def let_back(self, session: str, ban_id: str) -> None:
        """Lift a ban, and those of all viewers who were the same one's. Raises Problem 404.

        The join link that they came by stays closed, and a role that was raised stays lowered.
        """
        for one in await self.kept_out(session):
            if one.id == ban_id:
                break
        else:
            raise Problem(
                404,
                "ban-unknown",
                "No such ban",
                f"Nobody is kept out of {session} by this ban: GET …/bans lists who is.",
            )
        for who in {one.ban.who, *one.identities}:
            await self.store.lift_ban(session, who)
        log.info("let back session=%s identities=%d", session, len(one.identities))
        told = await asyncio.gather(
            *(self.agent.pardon(session, identity) for identity in one.identities),
            return_exceptions=True,
        )
        for error in told:
            if isinstance(error, AgentError | SfuError):  # its own ban ends by itself
                log.info("agent not told of a pardon session=%s error=%s", session, error)
            elif isinstance(error, BaseException):
                raise error

    async def seen(self, session: str, identity: str) -> bool:
        """Somebody has joined: remove it again if it is kept out; tell whether it is."""
        if not await self.store.banned(session, identity):
            return False
        await self._keep_out(session, identity)
        return True

    async def tidy(self) -> None:
        """Look for those who are back, whatever was missed."""
        banned: dict[str, set[str]] = {}
        for ban in await self.store.bans():
            if ban.identity:
                banned.setdefault(ban.session, set()).add(ban.who)
        await asyncio.gather(*(self._look(session, who) for session, who in banned.items()))

    async def _look(self, session: str, banned: set[str]) -> None:
        record = await self.store.session(session)
        if record is None or record.ended:
            return
        self.presence.invalidate(session)
        for identity in banned & await self._present(session):
            log.info("removed again session=%s identity=%s", session, identity)
            await self._keep_out(session, identity)

    async def _keep_out(self, session: str, identity: str) -> None:
        until = self.sessions.now_s() + IDENTITY_BAN_S
        await self.store.ban(Ban(session, identity, until, identity=True))
        await self.store.drop_tickets(session, identity)
        await self.store.publish("removed", session, {"identity": identity})
        done = await asyncio.gather(
            self.agent.ban(session, identity, IDENTITY_BAN_S),
            self.sfu.remove_participant(session, identity),
            return_exceptions=True,
        )
        for error in done:
            if isinstance(error, AgentError | SfuError):
                log.info("not told of a removal session=%s error=%s", session, error)
            elif isinstance(error, BaseException):
                raise error
        self.presence.invalidate(session)

    async def _is_present(self, session: str, identity: str) -> bool:
        return identity in await self._present(session)

    async def _present(self, session: str) -> set[str]:
        try:
            return {p.identity for p in (await self.presence.snapshot(session)).viewers}
        except SfuError:
            return set()
