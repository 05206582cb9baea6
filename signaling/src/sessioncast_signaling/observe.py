"""What can be seen of a session besides its stream: a small picture, and what it costs.

Both are asked of the agent, and at most once in a while however many look.
"""

import logging
from typing import Any

from pydantic import ValidationError

from .agentrpc import AgentClient
from .clock import Clock
from .coalesce import Coalescer
from .errors import AgentAnswerError, AgentError, AgentGoneError, Problem, SfuError
from .models import Usage
from .presence import Presence
from .sessions import Sessions
from .store import Store, Thumbnail

log = logging.getLogger(__name__)

THUMBNAIL_MAX_AGE_S = 5.0
USAGE_MAX_AGE_S = 1.0


class Observe:
    """Asks agents; the last answers are in the store."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        presence: Presence,
        agent: AgentClient,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._presence = presence
        self._agent = agent
        errors = (AgentError, SfuError)
        self._thumbnails: Coalescer[None] = Coalescer(clock, THUMBNAIL_MAX_AGE_S, errors)
        self._usages: Coalescer[None] = Coalescer(clock, USAGE_MAX_AGE_S, errors)

    async def thumbnail(self, session: str) -> Thumbnail:
        """Return the present picture, or the last one; raises Problem 404 when there is none."""
        record = await self._sessions.known(session)
        if not record.ended:
            try:
                await self._thumbnails.get(session, lambda: self._ask_thumbnail(session))
            except (AgentError, SfuError) as error:
                log.debug("no new thumbnail session=%s error=%s", session, error)
        thumbnail = await self._store.thumbnail(session)
        if thumbnail is None:
            raise Problem(
                404,
                "no-picture-yet",
                "No picture yet",
                f"The session {session} has shown no picture yet: try again when it is live.",
            )
        return thumbnail

    async def usage(self, session: str) -> dict[str, Any]:
        """Return what it costs, or cost when last asked; raises Problem 404 when never asked."""
        record = await self._sessions.known(session)
        if not record.ended:
            try:
                await self._usages.get(session, lambda: self._ask_usage(session))
            except (AgentError, SfuError) as error:
                log.debug("no new usage session=%s error=%s", session, error)
        usage = await self._store.usage(session)
        if usage is None:
            raise Problem(
                404,
                "no-usage-yet",
                "No usage yet",
                f"The agent of session {session} has not been here yet: try again when it is live.",
            )
        return as_usage(session, usage)

    async def _ask_thumbnail(self, session: str) -> None:
        await self._agent_present(session)
        await self._store.put_thumbnail(session, await self._agent.thumbnail(session))

    async def _ask_usage(self, session: str) -> None:
        await self._agent_present(session)
        usage = as_usage(session, await self._agent.usage(session))
        await self._store.put_usage(session, usage)

    async def _agent_present(self, session: str) -> None:
        if (await self._presence.snapshot(session)).agent is None:
            raise AgentGoneError("the agent is not in the room")


def as_usage(session: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an agent's answer as the API gives it; raises AgentAnswerError."""
    try:
        return Usage.model_validate({**answer, "session": session}).model_dump(mode="json")
    except ValidationError:
        raise AgentAnswerError("shim.usage: not a usage object") from None
