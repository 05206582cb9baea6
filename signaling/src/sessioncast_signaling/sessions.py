"""Sessions: made, looked at, and ended for good."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .agentrpc import AgentClient
from .clock import Clock
from .errors import AgentError, Problem, SfuError, session_ended, session_unknown
from .presence import JUST_COME_S, Presence, Snapshot
from .roles import Detail, Kind, State
from .sfu import Participant, Sfu
from .store import SessionRecord, Store, StoreFullError

log = logging.getLogger(__name__)

# An agent that was in the room this short while ago is on its way back; later it is waited for.
RECONNECT_WINDOW_S = 300.0
SEEN_PERIOD_S = 5.0
JANITOR_PERIOD_S = 2.0
_MAX_SIDE_PX = 32_768


@dataclass(frozen=True)
class SessionStatus:
    """A session and what the SFU says of it."""

    record: SessionRecord
    state: State
    detail: Detail | None = None
    size_px: tuple[int, int] | None = None
    watching: int = 0
    control: Mapping[str, str | None] | None = None
    recording: bool = False


class Sessions:
    """Owns the life of sessions; rooms of ended ones are deleted until that has succeeded."""

    def __init__(
        self, store: Store, sfu: Sfu, presence: Presence, agent: AgentClient, clock: Clock
    ) -> None:
        self._store = store
        self._sfu = sfu
        self._presence = presence
        self._agent = agent
        self._clock = clock
        self._rooms_to_delete: set[str] = set()

    def now_s(self) -> float:
        """Wall time in seconds."""
        return self._clock.unix_us() / 1e6

    async def create(
        self,
        session: str,
        *,
        kind: Kind | None,
        labels: Mapping[str, str] | None,
        ttl_seconds: int | None,
    ) -> tuple[SessionRecord, bool]:
        """Make a session, or return the one there is (and what is given anew is taken over).

        Raises Problem: 410 for one that has ended, 503 when there are too many.
        """
        now = self.now_s()
        changes: dict[str, Any] = {}
        if kind is not None:
            changes["kind"] = kind
        if labels is not None:
            changes["labels"] = dict(labels)
        if ttl_seconds is not None:
            changes["ends_at"] = now + ttl_seconds
        fresh = SessionRecord(session, changes.pop("kind", Kind.DESKTOP), now, **changes)
        try:
            record, created = await self._store.create_session(fresh)
        except StoreFullError as error:
            raise Problem(
                503,
                "too-many-sessions",
                "Too many sessions",
                f"No session was made, since {error}: end some with DELETE first.",
            ) from None
        if created:
            log.info("session created session=%s kind=%s", session, record.kind)
            await self._store.publish("created", session, {})
            return record, True
        record = await self.running(session)
        if kind is not None:
            changes["kind"] = kind
        if changes:
            record = await self._store.update_session(session, **changes) or record
            await self._store.publish("changed", session, {})
        return record, False

    async def adopt(self, session: str) -> SessionRecord:
        """Return the session of an agent with a right credential, making it anew if forgotten.

        That is how sessions survive a restart of a shim that keeps them in memory. Raises Problem.
        """
        if await self._store.session(session) is None:
            await self.create(session, kind=None, labels=None, ttl_seconds=None)
        return await self.running(session)

    async def known(self, session: str, record: SessionRecord | None = None) -> SessionRecord:
        """Return the record or tombstone (`record` is what was just read); raises Problem 404."""
        record = record or await self._store.session(session)
        if record is None:
            raise session_unknown(session)
        if not record.ended and record.ends_at is not None and record.ends_at <= self.now_s():
            await self.end(session, "its time is over")
            record = await self._store.session(session) or record
        return record

    async def running(self, session: str, record: SessionRecord | None = None) -> SessionRecord:
        """Return the record of a session that has not ended; raises Problem 404 or 410."""
        record = await self.known(session, record)
        if record.ended:
            raise session_ended(session)
        return record

    async def status(self, record: SessionRecord) -> SessionStatus:
        """Look at a session. When the SFU is away, `detail` says so."""
        if record.ended:
            return SessionStatus(record, State.ENDED)
        try:
            snapshot = await self._presence.snapshot(record.session)
        except SfuError:
            state = self._state_without_agent(record)
            return SessionStatus(record, state, detail=Detail.SFU_UNREACHABLE)
        return await self.status_from(record, snapshot)

    async def status_from(self, record: SessionRecord, snapshot: Snapshot) -> SessionStatus:
        """Say what a look into the room means for the session."""
        agent = snapshot.agent
        if agent is None:
            return SessionStatus(
                record, self._state_without_agent(record), watching=len(snapshot.viewers)
            )
        now = self.now_s()
        if record.agent_seen_at is None or now - record.agent_seen_at >= SEEN_PERIOD_S:
            await self._store.update_session(record.session, agent_seen_at=now)
        holder = agent.attributes.get("control.holder")
        return SessionStatus(
            record,
            State.LIVE,
            detail=_detail(agent),
            size_px=parse_size(agent.attributes.get("size", "")),
            watching=len(snapshot.viewers),
            control=_control(agent) if holder else None,
            recording=agent.attributes.get("recording") == "true",
        )

    async def statuses(self, records: list[SessionRecord]) -> list[SessionStatus]:
        """Look at many: what is known of them by webhooks, or by a few questions at once."""
        now = self.now_s()
        running = [record for record in records if not record.ended]
        just_come = {
            record.session
            for record in running
            if record.agent_token_at is not None and now - record.agent_token_at < JUST_COME_S
        }
        seen: Mapping[str, Snapshot] | None = None
        if running:
            try:
                seen = await self._presence.glance(
                    [record.session for record in running], just_come=just_come
                )
            except SfuError:
                seen = None
        statuses = []
        for record in records:
            if record.ended:
                statuses.append(SessionStatus(record, State.ENDED))
            elif seen is None:
                state = self._state_without_agent(record)
                statuses.append(SessionStatus(record, state, detail=Detail.SFU_UNREACHABLE))
            else:
                statuses.append(await self.status_from(record, seen[record.session]))
        return statuses

    def _state_without_agent(self, record: SessionRecord) -> State:
        seen = record.agent_seen_at
        if seen is not None and self.now_s() - seen < RECONNECT_WINDOW_S:
            return State.RECONNECTING
        return State.WAITING

    async def end(self, session: str, reason: str) -> None:
        """End it for good; repeating does nothing. Raises Problem 404.

        The tombstone comes first, so that nobody gets a token while the rest is under way.
        """
        before = await self._store.session(session)
        if before is None:
            raise session_unknown(session)
        if before.ended:
            return
        await self._store.end_session(session, self.now_s())
        await self._store.publish("ended", session, {})
        log.info("session ended session=%s reason=%r", session, reason)
        try:
            snapshot = await self._presence.snapshot(session)
            if snapshot.agent is not None:
                usage = await self._agent.end(session, reason)
                if usage is not None:
                    await self._store.put_usage(session, usage)
        except (AgentError, SfuError) as error:
            log.warning("agent not told of the end session=%s error=%s", session, error)
        self._rooms_to_delete.add(session)
        await self._delete_room(session)

    async def forbid_room(self, session: str) -> None:
        """Delete a room that a request raised while its session was being ended."""
        self._rooms_to_delete.add(session)
        await self._delete_room(session)

    async def _delete_room(self, session: str) -> None:
        try:
            await self._sfu.delete_room(session)
        except SfuError as error:
            log.warning("room not deleted yet session=%s error=%s", session, error)
            return
        self._rooms_to_delete.discard(session)
        self._presence.invalidate(session)

    async def tidy(self) -> None:
        """End what is over and delete rooms that could not be deleted before."""
        now = self.now_s()
        for session in list(self._rooms_to_delete):
            await self._delete_room(session)
        for record in await self._store.sessions():
            if not record.ended and record.ends_at is not None and record.ends_at <= now:
                await self.end(record.session, "its time is over")


def _control(agent: Participant) -> dict[str, str | None]:
    return {
        "holder": agent.attributes.get("control.holder"),
        "name": agent.attributes.get("control.name"),
        "actor": agent.attributes.get("control.actor"),
        "mode": agent.attributes.get("control.mode"),
    }


def _detail(agent: Participant) -> Detail | None:
    lost = agent.attributes.get("state") == Detail.DISPLAY_LOST
    return Detail.DISPLAY_LOST if lost else None


def parse_size(text: str) -> tuple[int, int] | None:
    """Return (width, height) of "1280x720"; None for anything else an agent may say."""
    width, _, height = text.partition("x")
    if not (width.isascii() and height.isascii() and width.isdigit() and height.isdigit()):
        return None
    if len(width) > 5 or len(height) > 5:
        return None
    size = (int(width), int(height))
    return size if all(0 < side <= _MAX_SIDE_PX for side in size) else None
