"""Viewers whom no agent has heard of yet, told as soon as one is there.

An agent learns the viewers of the last minutes when it asks for its token. One who is given a token
between that moment and the agent's arrival in the room would be missed; this closes the gap.
"""

import logging
from collections import OrderedDict

from .agentrpc import AgentClient
from .clock import Clock
from .errors import AgentError, AgentGoneError, AgentTimeoutError, SfuError
from .presence import Presence
from .store import ExpectedViewer, Store

log = logging.getLogger(__name__)

PERIOD_S = 0.5
MAX_WAITING_PER_SESSION = 200


class Delivery:
    """Holds what is still to be said; `tidy` says it."""

    def __init__(self, store: Store, presence: Presence, agent: AgentClient, clock: Clock) -> None:
        self._store = store
        self._presence = presence
        self._agent = agent
        self._clock = clock
        self._waiting: dict[str, OrderedDict[str, ExpectedViewer]] = {}

    def later(self, session: str, viewer: ExpectedViewer) -> None:
        """Tell the agent of this viewer when it is there."""
        waiting = self._waiting.setdefault(session, OrderedDict())
        waiting[viewer.identity] = viewer
        while len(waiting) > MAX_WAITING_PER_SESSION:
            waiting.popitem(last=False)

    def told(self, session: str) -> None:
        """The agent was given the whole list with its token."""
        self._waiting.pop(session, None)

    async def tidy(self) -> None:
        """Say what can be said now."""
        now = self._clock.unix_us() / 1e6
        for session in list(self._waiting):
            waiting = self._waiting.get(session, OrderedDict())  # the agent may just have been told
            for identity in [i for i, v in waiting.items() if v.expires_at <= now]:
                del waiting[identity]
            record = await self._store.session(session)
            if not waiting or record is None or record.ended:
                self._waiting.pop(session, None)
                continue
            await self._tell(session, waiting)

    async def _tell(self, session: str, waiting: OrderedDict[str, ExpectedViewer]) -> None:
        try:
            if (await self._presence.snapshot(session)).agent is None:
                return
            for identity, viewer in list(waiting.items()):
                await self._agent.expect(session, viewer)
                waiting.pop(identity, None)
        except (AgentGoneError, AgentTimeoutError, SfuError):
            return  # again in a moment
        except AgentError as error:
            log.warning("agent does not take its viewers session=%s error=%s", session, error)
            self._waiting.pop(session, None)
