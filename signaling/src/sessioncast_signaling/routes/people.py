"""People who are there: removing them, control, and what agents and the SFU say of them."""

import logging
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response, Security
from livekit import api
from livekit.protocol.webhook import WebhookEvent
from pydantic import ValidationError

from ..auth import Right
from ..credentials import is_agent_credential
from ..errors import Problem, unauthorized
from ..ids import is_session_id
from ..models import PAGE_DEFAULT, Cursor, Limit, SessionPath
from ..models_people import (
    AgentMute,
    AgentState,
    BanList,
    BanPath,
    ControlAnswer,
    ControlRequest,
    as_control_answer,
)
from ..services import Services
from ..sfu import participant_of
from ..views import ban_view
from .common import CallerDep, ServicesDep, agent_scheme, bearer_or_refused, page_of, problems

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1", tags=["people"])

Identity = Annotated[
    str, Path(min_length=1, max_length=128, examples=["viewer-2f00c1a9d7e3b45f60718293"])
]


@router.delete(
    "/sessions/{session}/participants/{identity}",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 410, 422),
)
async def remove_participant(
    session: SessionPath, identity: Identity, caller: CallerDep, parts: ServicesDep
) -> Response:
    """Remove somebody and keep them out: no way in, no media, no control with what they have.

    All viewers of the same browser, person or key go with it, and the join link that it came by
    lets nobody in any more. A key that may remove people itself is not kept out, only its viewer.
    """
    caller.require(Right.REMOVE, session)
    await parts.removals.remove(session, identity)
    return Response(status_code=204)


@router.get("/sessions/{session}/bans", responses=problems(401, 403, 404, 422))
async def list_bans(
    session: SessionPath,
    caller: CallerDep,
    parts: ServicesDep,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> BanList:
    """List who was removed and is kept out."""
    caller.require(Right.REMOVE, session)
    await parts.sessions.known(session)
    page, following = page_of(
        await parts.removals.kept_out(session), lambda one: [one.id], limit=limit, cursor=cursor
    )
    return BanList(items=[ban_view(one) for one in page], next=following)


@router.delete(
    "/sessions/{session}/bans/{ban}",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 410, 422),
)
async def lift_ban(
    session: SessionPath, ban: BanPath, caller: CallerDep, parts: ServicesDep
) -> Response:
    """Let somebody who was removed back in, with the grant, key or sign-in that they had.

    The join link that they came by stays closed.
    """
    caller.require(Right.REMOVE, session)
    await parts.sessions.running(session)
    await parts.removals.let_back(session, ban)
    return Response(status_code=204)


@router.post(
    "/sessions/{session}/control",
    responses=problems(401, 403, 404, 409, 410, 413, 415, 422, 503),
)
async def control(
    session: SessionPath, body: ControlRequest, caller: CallerDep, parts: ServicesDep
) -> ControlAnswer:
    """Ask for control, give it, take it: for those who have no data channel to the agent.

    That is a viewer of the fallback, or an observer whose link lets it ask; it becomes an operator
    when it is given control.
    """
    caller.require(Right.CONTROL, session)
    answer = await parts.control.act(session, caller, body.action, body.identity)
    try:
        return as_control_answer(answer)
    except ValidationError:
        log.warning("the agent's answer is not one session=%s", session)
        raise Problem(
            503,
            "agent-unreachable",
            "Session not there",
            "The session's agent answers what this server does not know: update the older one.",
        ) from None


@router.post(
    "/sessions/{session}/agent/state",
    status_code=204,
    response_class=Response,
    responses=problems(401, 404, 410, 413, 415, 422),
    tags=["agent"],
)
async def agent_state(
    session: SessionPath,
    body: AgentState,
    request: Request,
    parts: ServicesDep,
    _: Annotated[Any, Security(agent_scheme)],
) -> Response:
    """Say what has changed, for lists and listeners; only a hint, the room is the truth."""
    await _agent_only(session, request, parts)
    await parts.sessions.adopt(session)  # a shim that has forgotten it is told so
    await parts.store.publish("state", session, body.attributes)
    return Response(status_code=204)


@router.post(
    "/sessions/{session}/agent/mute",
    status_code=204,
    response_class=Response,
    responses=problems(401, 404, 410, 413, 415, 422, 503),
    tags=["agent"],
)
async def agent_mute(
    session: SessionPath,
    body: AgentMute,
    request: Request,
    parts: ServicesDep,
    _: Annotated[Any, Security(agent_scheme)],
) -> Response:
    """Silence a viewer who floods the agent: the SFU drops what it sends until it is let again."""
    await _agent_only(session, request, parts)
    await parts.sessions.running(session)
    await parts.sfu.allow_data(session, body.identity, not body.muted)
    return Response(status_code=204)


async def _agent_only(session: str, request: Request, parts: Services) -> None:
    presented = bearer_or_refused(request)
    if not is_agent_credential(parts.settings.api_secret, session, presented):
        raise await parts.limits.failure(request, unauthorized("credential-refused"))


@router.post("/livekit/webhook", include_in_schema=False)
async def livekit_webhook(request: Request, parts: ServicesDep) -> Response:
    """Hear from the SFU who comes and goes."""
    settings = parts.settings
    receiver = api.WebhookReceiver(api.TokenVerifier(settings.livekit_api_key, settings.api_secret))
    try:
        text = (await request.body()).decode()
        event = receiver.receive(text, request.headers.get("authorization", ""))
    except Exception as error:  # the SDK raises bare ones
        log.warning("a webhook is refused: %s", type(error).__name__)
        raise await parts.limits.failure(request, unauthorized("webhook-refused")) from None
    await _hear(parts, event)
    return Response(status_code=200)


async def _hear(parts: Services, event: WebhookEvent) -> None:
    session = event.room.name
    if not is_session_id(session):
        return
    who = event.participant
    if event.event == "participant_joined":
        if await parts.removals.seen(session, who.identity):
            return
        data = asdict(participant_of(who))
        await parts.store.publish("joined", session, data)
    elif event.event in {"participant_left", "participant_connection_aborted"}:
        data = {"identity": who.identity, "sid": who.sid}
        await parts.store.publish("left", session, data)
    elif event.event in {"room_started", "room_finished"}:
        await parts.store.publish("room", session, {})
