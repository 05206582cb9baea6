"""Sessions: create, list, show, end; who watches, what it costs, what it looks like."""

from fastapi import APIRouter, Response

from ..auth import Right
from ..clock import at, rfc3339
from ..credentials import agent_credential
from ..ids import new_session_id
from ..models import (
    PAGE_DEFAULT,
    AgentAccess,
    CreateSession,
    Cursor,
    Limit,
    ParticipantList,
    SessionCreated,
    SessionList,
    SessionPath,
    SessionView,
    Usage,
)
from ..roles import State
from ..views import participant_view, view
from .common import CallerDep, Responses, ServicesDep, page_of, problems

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])

_FOUND: Responses = {
    200: {"model": SessionCreated, "description": "There is one of this name already."}
}
_PICTURE: Responses = {200: {"content": {"image/jpeg": {}}, "description": "A small picture."}}


@router.post(
    "",
    status_code=201,
    response_model=SessionCreated,
    responses=_FOUND | problems(401, 403, 410, 413, 415, 422),
)
async def create_session(
    response: Response, caller: CallerDep, parts: ServicesDep, body: CreateSession | None = None
) -> SessionCreated:
    """Make a session; a repeat returns it as it is, so that a restarted pod gets in again."""
    wanted = body or CreateSession()
    session = wanted.session or new_session_id()
    caller.require(Right.CREATE, session)
    record, created = await parts.sessions.create(
        session,
        kind=wanted.kind,
        labels=wanted.labels,
        ttl_seconds=wanted.ttl_seconds,
    )
    state = State.WAITING
    if not created:
        response.status_code = 200
        state = (await parts.sessions.status(record)).state
    return SessionCreated(
        session=record.session,
        room=record.session,
        kind=record.kind,
        state=state,
        agent=AgentAccess(
            credential=agent_credential(parts.settings.api_secret, record.session),
            expires_at=None if record.ends_at is None else at(record.ends_at),
        ),
    )


@router.get("", responses=problems(401, 403, 422))
async def list_sessions(
    caller: CallerDep, parts: ServicesDep, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> SessionList:
    """List sessions, newest first; ended ones stay for a day."""
    caller.require(Right.LIST)
    records, following = page_of(
        [r for r in await parts.store.sessions() if caller.may(Right.LIST, r.session)],
        lambda r: [r.created_at, r.session],
        limit=limit,
        cursor=cursor,
        newest_first=True,
    )
    statuses = await parts.sessions.statuses(records)
    return SessionList(items=[view(s) for s in statuses], next=following)


@router.get("/{session}", responses=problems(401, 403, 404, 422))
async def show_session(session: SessionPath, caller: CallerDep, parts: ServicesDep) -> SessionView:
    """Show one session; an ended one for a day more."""
    caller.require(Right.READ, session)
    return view(await parts.sessions.status(await parts.sessions.known(session)))


@router.delete(
    "/{session}", status_code=204, response_class=Response, responses=problems(401, 403, 404, 422)
)
async def end_session(session: SessionPath, caller: CallerDep, parts: ServicesDep) -> Response:
    """End it for good: its agent leaves, nobody gets in again. A repeat does nothing."""
    caller.require(Right.END, session)
    await parts.sessions.end(session, "ended by request")
    return Response(status_code=204)


@router.get("/{session}/participants", responses=problems(401, 403, 404, 422, 503))
async def list_participants(
    session: SessionPath,
    caller: CallerDep,
    parts: ServicesDep,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> ParticipantList:
    """List who watches, without the agent; up to a second old."""
    caller.require(Right.PARTICIPANTS, session)
    record = await parts.sessions.known(session)
    if record.ended:
        return ParticipantList(items=[], next=None)
    present = (await parts.presence.snapshot(session)).viewers
    page, following = page_of(
        sorted(present, key=lambda p: (p.joined_at, p.identity)),
        lambda p: [p.joined_at, p.identity],
        limit=limit,
        cursor=cursor,
    )
    return ParticipantList(items=[participant_view(p) for p in page], next=following)


@router.get("/{session}/usage", responses=problems(401, 403, 404, 422))
async def show_usage(session: SessionPath, caller: CallerDep, parts: ServicesDep) -> Usage:
    """Show what it costs, as its agent counts it; of an ended session, what it cost."""
    caller.require(Right.USAGE, session)
    return Usage.model_validate(await parts.observe.usage(session))


@router.get(
    "/{session}/thumbnail",
    response_class=Response,
    responses=_PICTURE | problems(401, 403, 404, 422),
)
async def show_thumbnail(session: SessionPath, caller: CallerDep, parts: ServicesDep) -> Response:
    """Show a small picture, up to five seconds old, or the last one there was."""
    caller.require(Right.THUMBNAIL, session)
    thumbnail = await parts.observe.thumbnail(session)
    return Response(
        thumbnail.jpeg,
        media_type="image/jpeg",
        headers={"X-Captured-At": rfc3339(thumbnail.captured_at)},
    )
