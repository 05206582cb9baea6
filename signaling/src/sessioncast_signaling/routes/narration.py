"""Narration: text that the session's agent speaks into the room."""

from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError

from ..errors import AgentError, AgentGoneError, Problem
from ..models import SessionPath
from ..models_narration import Narrate, Narrated, NarrationPath
from ..rights import Right
from ..services import Services
from .common import CallerDep, ServicesDep, problems

router = APIRouter(prefix="/api/v1/sessions", tags=["narration"])

_STATUS = {1404: 422, 1413: 413, 1429: 429, 1503: 503}


@router.post(
    "/{session}/narration",
    status_code=202,
    responses=problems(401, 403, 404, 410, 413, 415, 422, 503),
)
async def narrate(
    session: SessionPath, body: Narrate, caller: CallerDep, parts: ServicesDep
) -> Narrated:
    """Have a text spoken on the narration track; sentences queue."""
    caller.require(Right.NARRATE, session)
    request = {"text": body.text, "voice": body.voice, "interrupt": body.interrupt}
    return await _ask(parts, session, "shim.say", request)


@router.delete("/{session}/narration/{narration}", responses=problems(401, 403, 404, 410, 422, 503))
async def cancel_narration(
    session: SessionPath, narration: NarrationPath, caller: CallerDep, parts: ServicesDep
) -> Narrated:
    """Stop it, or take it out of the queue; one that is done stays done."""
    caller.require(Right.NARRATE, session)
    return await _ask(parts, session, "shim.say_cancel", {"id": narration})


async def _ask(parts: Services, session: str, method: str, body: dict[str, Any]) -> Narrated:
    await parts.sessions.running(session)
    try:
        answer = await parts.agent.narration(session, method, body)
    except AgentGoneError:
        raise _unavailable("its agent is not in the room: try again when it is live") from None
    except AgentError:
        raise _unavailable("its agent has no narrator, or does not answer") from None
    refused = answer.get("refused")
    if isinstance(refused, dict):
        raise _refused(method, refused)
    try:
        return Narrated.model_validate(answer)
    except ValidationError:
        raise _unavailable("its agent does not answer as it should") from None


def _unavailable(why: str) -> Problem:
    return Problem(
        503,
        "narration-unavailable",
        "Narration unavailable",
        f"The session cannot narrate now: {why}.",
        headers={"Retry-After": "2"},
    )


def _refused(method: str, refused: dict[str, Any]) -> Problem:
    """What the agent says: its own sentences, but it is somebody else's machine."""
    sentence = "".join(c for c in str(refused.get("sentence", ""))[:2_000] if c.isprintable())
    code = refused.get("code")
    if method == "shim.say_cancel" and code == 1404:
        return Problem(404, "narration-unknown", "No such narration", f"{sentence}.")
    status = _STATUS.get(code, 422) if isinstance(code, int) else 422
    return Problem(status, "narration-refused", "Narration refused", f"{sentence}.")
