"""Control for those who have no data channel to the agent: viewers of the fallback, and observers
whose link lets them ask. The agent decides; an observer whom it gave control becomes an operator.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from .agentrpc import AgentClient
from .errors import (
    AgentError,
    AgentGoneError,
    AgentRefusedError,
    Problem,
    SfuError,
    SfuNotFoundError,
    forbidden,
)
from .offers import EXPECTED_TTL_S
from .presence import Presence
from .rights import Caller, Right
from .roles import Actor, ControlAction, Role
from .sessions import Sessions
from .sfu import Sfu
from .store import Admission, ExpectedViewer, Store

log = logging.getLogger(__name__)

POLL_S = 0.5
MAX_PENDING_S = 120.0
MAX_PENDING = 1_000
_BY_CODE = {1403: (403, "forbidden", "Not allowed"), 1404: (404, "nobody-such", "Nobody such"),
            1409: (409, "control-taken", "Somebody else has control"),
            1413: (413, "too-large", "Too large"), 1429: (429, "too-often", "Too often"),
            1400: (422, "invalid-request", "Invalid request")}  # fmt: skip


@dataclass(frozen=True)
class ControlDesk:
    """Carries requests for control to agents, and raises observers who were given it."""

    store: Store
    sessions: Sessions
    presence: Presence
    agent: AgentClient
    sfu: Sfu
    _pending: set[asyncio.Task[None]] = field(default_factory=set)

    async def act(
        self, session: str, caller: Caller, action: ControlAction, identity: str | None
    ) -> dict[str, Any]:
        """Do what the caller asks; return the agent's answer. Raises Problem.

        `identity` is whom a grant or a denial is about, else which of the caller's viewers acts.
        """
        await self.sessions.running(session)
        about = identity if action in {ControlAction.GRANT, ControlAction.DENY} else None
        if about is None and action in {ControlAction.GRANT, ControlAction.DENY}:
            raise Problem(
                422,
                "invalid-request",
                "Invalid request",
                "body.identity: name whom it is about.",
                errors=[{"field": "body.identity", "rule": "is needed for this action"}],
            )
        viewer = await self._own_viewer(session, caller, None if about else identity)
        asks = viewer.role is Role.OBSERVER
        may = action is ControlAction.RELEASE or (
            viewer.may_ask and action is ControlAction.REQUEST
        )
        if asks and not may:
            raise forbidden("Observers cannot have control: ask for a link that lets you.")
        body = {
            "action": action.value,
            "identity": viewer.identity,
            "target": about or "",
            "role": Role.OPERATOR.value if asks and viewer.may_ask else viewer.role.value,
            "name": viewer.name,
            "actor": viewer.actor.value,
        }
        answer = await self._ask(session, body)
        if asks and action is ControlAction.REQUEST:
            if answer.get("state") == "granted":
                await self.raise_observer(session, viewer)
            else:
                self._watch(session, viewer, answer)
        return answer

    async def raise_observer(self, session: str, viewer: ExpectedViewer) -> None:
        """Make an operator of an observer who holds control now, there and from now on."""
        raised = replace(
            viewer, role=Role.OPERATOR, expires_at=self.sessions.now_s() + EXPECTED_TTL_S
        )
        if await self.store.admit(session, raised, EXPECTED_TTL_S) is not Admission.IN:
            return  # removed, or all is over
        await self.store.raise_role(session, viewer.subject, Role.OPERATOR)
        with suppress(SfuNotFoundError):  # on the fallback, or gone: its next offer is another
            await self.sfu.raise_to_operator(session, viewer.identity)
        await self.agent.expect(session, raised)
        self.presence.invalidate(session)
        await self.store.publish("raised", session, {"identity": viewer.identity})
        log.info("an observer was given control session=%s", session)

    async def close(self) -> None:
        """Stop waiting for answers."""
        for task in list(self._pending):
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _own_viewer(
        self, session: str, caller: Caller, identity: str | None
    ) -> ExpectedViewer:
        own = await self.store.admitted_by(session, caller.subject)
        if identity is not None:
            own = [viewer for viewer in own if viewer.identity == identity]
        elif own:
            present = {p.identity for p in (await self.presence.snapshot(session)).viewers}
            own.sort(key=lambda viewer: viewer.identity in present)  # stable: the newest of them
        if own:
            return own[-1]
        if identity is None and caller.may(Right.REMOVE, session):  # whoever runs it may decide
            return ExpectedViewer(
                "shim", Role.ADMIN, Actor.PERSON, caller.name, 0.0, caller.subject
            )
        raise Problem(
            404,
            "nobody-such",
            "Nobody such",
            "There is no such viewer of yours here: get an offer first, and use its identity.",
        )

    async def _ask(self, session: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.agent.control(session, body)
        except AgentRefusedError as error:
            known = _BY_CODE.get(error.code or 0)
            if known is None:
                raise _unavailable() from None
            status, name, title = known
            headers = {"Retry-After": "1"} if status == 429 else None
            sentence = error.sentence or title
            raise Problem(
                status, name, title, sentence[:1].upper() + sentence[1:], headers=headers
            ) from None
        except AgentGoneError:
            raise _unavailable() from None
        except (AgentError, SfuError) as error:
            log.info("control not asked session=%s error=%s", session, error)
            raise _unavailable() from None

    def _watch(self, session: str, viewer: ExpectedViewer, answer: dict[str, Any]) -> None:
        """Somebody else decides, in the room: see whether it did, for as long as it may."""
        if len(self._pending) >= MAX_PENDING:
            return
        timeout_ms = answer.get("timeout_ms")
        known = isinstance(timeout_ms, int | float) and not isinstance(timeout_ms, bool)
        wait_s = min(float(timeout_ms) / 1e3 if known else 30.0, MAX_PENDING_S)  # type: ignore[arg-type]  # known says so
        task = asyncio.get_running_loop().create_task(self._await_grant(session, viewer, wait_s))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _await_grant(self, session: str, viewer: ExpectedViewer, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s + 2 * POLL_S):
                while True:
                    if await self._holds(session, viewer.identity):
                        break
                    await asyncio.sleep(POLL_S)
            await self.raise_observer(session, viewer)
        except TimeoutError:
            await self._stay_observer(session, viewer)
        except (AgentError, SfuError) as error:
            log.warning("an observer could not be raised session=%s error=%s", session, error)

    async def _holds(self, session: str, identity: str) -> bool:
        self.presence.invalidate(session)
        try:
            agent = (await self.presence.snapshot(session)).agent
        except SfuError:
            return False
        return agent is not None and agent.attributes.get("control.holder") == identity

    async def _stay_observer(self, session: str, viewer: ExpectedViewer) -> None:
        """Nobody gave it control: the agent forgets that it might have had it."""
        try:
            await self.agent.expect(session, viewer)
        except (AgentError, SfuError) as error:
            log.info("agent not told session=%s error=%s", session, error)


def _unavailable() -> Problem:
    return Problem(
        503,
        "agent-unreachable",
        "Session not there",
        "The session's agent does not answer now: try again in a few seconds.",
        headers={"Retry-After": "2"},
    )
