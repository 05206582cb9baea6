"""Ways in: offers, join links, and the agent's own token."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response, Security

from ..auth import Right
from ..clock import at
from ..credentials import is_agent_credential
from ..errors import Problem, unauthorized
from ..ids import digest, new_link_id, new_link_secret
from ..models import PAGE_DEFAULT, Cursor, Limit, LinkPath, SessionPath
from ..models_access import (
    AgentTokenAnswer,
    CreateLink,
    ExpectedView,
    Fallback,
    JoinAnswer,
    JoinRequest,
    LinkCreated,
    LinkList,
    LinkView,
    OfferAnswer,
    OfferRequest,
)
from ..offers import Applicant, Offer
from ..services import Services
from ..store import GRANT_TTL_S, Link, StoreFullError
from .common import (
    CallerDep,
    EnteredDep,
    ServicesDep,
    agent_scheme,
    bearer_or_refused,
    page_of,
    problems,
)

router = APIRouter(prefix="/api/v1", tags=["access"])

_OURS = ("participant_identity", "participant_metadata", "participant_attributes", "room_config")


@router.post(
    "/sessions/{session}/webrtc/offer",
    status_code=201,
    responses=problems(401, 403, 404, 410, 413, 415, 422, 503),
)
async def offer(
    session: SessionPath, entered: EnteredDep, parts: ServicesDep, body: OfferRequest | None = None
) -> OfferAnswer:
    """Get a token to watch with. It takes the place of SDP, which client and SFU exchange.

    Answers at once, with `state: waiting`, when the session's agent is not there yet. Any LiveKit
    SDK's `TokenSource.endpoint` can be pointed at it.
    """
    caller = entered.caller
    caller.require(Right.OFFER, session)
    wanted = body or OfferRequest()
    _check_token_source(session, wanted)
    raised = None
    if caller.may_ask(session):
        raised = await parts.store.raised_role(session, caller.subject)
    made = await parts.offers.offer(
        session,
        role=caller.role_or(wanted.role, session, raised=raised),
        actor=wanted.actor,
        name=wanted.name or wanted.participant_name or caller.name,
        applicant=Applicant(
            caller.subject,
            caller.link_id,
            may_ask=caller.may_ask(session),
            trusted=caller.may(Right.REMOVE, session),
        ),
        record=entered.record,
    )
    return OfferAnswer(**_offer_fields(parts, made))


@router.post("/join", status_code=201, responses=problems(404, 410, 413, 415, 422, 503))
async def join(body: JoinRequest, request: Request, parts: ServicesDep) -> JoinAnswer:
    """Use a join link: an offer, and a grant with which this browser comes back without it."""
    try:
        made, grant = await parts.offers.join(body.secret, name=body.name or None)
    except Problem as problem:
        if not problem.name.startswith("link-"):
            raise
        raise await parts.limits.failure(request, problem) from None
    return JoinAnswer(
        **_offer_fields(parts, made),
        session=made.session,
        grant=grant,
        grant_expires_at=at(parts.sessions.now_s() + GRANT_TTL_S),
    )


@router.post(
    "/sessions/{session}/join-links",
    status_code=201,
    responses=problems(401, 403, 404, 410, 413, 415, 422),
)
async def create_link(
    session: SessionPath, caller: CallerDep, parts: ServicesDep, body: CreateLink | None = None
) -> LinkCreated:
    """Make a link to share. Its secret is in the fragment, and never shown again."""
    caller.require(Right.LINKS, session)
    wanted = body or CreateLink()
    role = caller.role_or(wanted.role, session)
    await parts.sessions.running(session)
    now, secret = parts.sessions.now_s(), new_link_secret()
    link = Link(
        id=new_link_id(),
        session=session,
        role=role,
        name=wanted.name or "",
        created_at=now,
        expires_at=now + wanted.ttl_seconds,
        max_uses=wanted.max_uses,
        may_ask=wanted.may_ask,
    )
    try:
        await parts.store.add_link(link, digest(secret), wanted.ttl_seconds)
    except StoreFullError as error:
        raise Problem(
            503,
            "too-many-links",
            "Too many links",
            f"No link was made, since {error}: delete some.",
        ) from None
    url = f"{parts.public_url}/sessions/{session}#join={secret}"
    return LinkCreated(**_link_fields(link), url=url)


@router.get("/sessions/{session}/join-links", responses=problems(401, 403, 404, 422))
async def list_links(
    session: SessionPath,
    caller: CallerDep,
    parts: ServicesDep,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> LinkList:
    """List the session's links, without their secrets."""
    caller.require(Right.LINKS, session)
    await parts.sessions.known(session)
    page, following = page_of(
        await parts.store.links(session),
        lambda k: [k.created_at, k.id],
        limit=limit,
        cursor=cursor,
    )
    return LinkList(items=[LinkView(**_link_fields(k)) for k in page], next=following)


@router.get("/sessions/{session}/join-links/{link_id}", responses=problems(401, 403, 404, 422))
async def show_link(
    session: SessionPath, link_id: LinkPath, caller: CallerDep, parts: ServicesDep
) -> LinkView:
    """Show one link, without its secret."""
    caller.require(Right.LINKS, session)
    await parts.sessions.known(session)
    link = await parts.store.link(session, link_id)
    if link is None:
        raise _no_such_link(session, link_id)
    return LinkView(**_link_fields(link))


@router.delete(
    "/sessions/{session}/join-links/{link_id}",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 422),
)
async def delete_link(
    session: SessionPath, link_id: LinkPath, caller: CallerDep, parts: ServicesDep
) -> Response:
    """Call a link back, with the grants of all who came by it."""
    caller.require(Right.LINKS, session)
    await parts.sessions.known(session)
    if not await parts.store.delete_link(session, link_id):
        raise _no_such_link(session, link_id)
    return Response(status_code=204)


@router.post(
    "/sessions/{session}/agent/token", responses=problems(401, 404, 410, 422, 503), tags=["agent"]
)
async def agent_token(
    session: SessionPath,
    request: Request,
    parts: ServicesDep,
    _: Annotated[Any, Security(agent_scheme)],
) -> AgentTokenAnswer:
    """Get the agent's next token, and the viewers it may meet. Asked before every connect."""
    presented = bearer_or_refused(request)
    if not is_agent_credential(parts.settings.api_secret, session, presented):
        raise await parts.limits.failure(request, unauthorized("credential-refused"))
    made = await parts.offers.agent_token(session)
    return AgentTokenAnswer(
        server_url=parts.settings.agent_sfu_url,
        participant_token=made.token,
        room_name=session,
        identity=made.identity,
        expires_at=at(made.expires_at),
        expected=[
            ExpectedView(
                identity=v.identity,
                role=v.role,
                actor=v.actor,
                name=v.name,
                expires_at=at(v.expires_at),
            )
            for v in made.expected
        ],
        banned=made.banned,
    )


def _check_token_source(session: str, wanted: OfferRequest) -> None:
    for field in _OURS:
        if getattr(wanted, field) not in (None, "", {}):
            raise Problem(
                422,
                "field-refused",
                "Field refused",
                f"{field} is decided here, not by the client: leave it out.",
                errors=[{"field": f"body.{field}", "rule": "may not be set"}],
            )
    if wanted.room_name not in (None, "", session):
        raise Problem(
            422,
            "room-differs",
            "Another room",
            f"room_name is not {session}, the session of this address: leave it out.",
            errors=[{"field": "body.room_name", "rule": "must be the session's id"}],
        )


def _offer_fields(parts: Services, made: Offer) -> dict[str, Any]:
    return {
        "server_url": parts.settings.viewer_sfu_url,
        "participant_token": made.token,
        "room_name": made.session,
        "identity": made.identity,
        "role": made.role,
        "may_ask": made.may_ask,
        "state": made.state,
        "expires_at": at(made.expires_at),
        "fallback": _fallback(parts, made),
    }


def _fallback(parts: Services, made: Offer) -> Fallback | None:
    if made.ticket is None:
        return None
    return Fallback(
        url=f"ws{parts.public_url.removeprefix('http')}/api/v1/sessions/{made.session}/fallback",
        ticket=made.ticket,
        expires_at=at(made.expires_at),
    )


def _link_fields(link: Link) -> dict[str, Any]:
    return {
        "id": link.id,
        "role": link.role,
        "name": link.name,
        "created_at": at(link.created_at),
        "expires_at": at(link.expires_at),
        "max_uses": link.max_uses,
        "uses": link.uses,
        "may_ask": link.may_ask,
    }


def _no_such_link(session: str, link_id: str) -> Problem:
    return Problem(
        404,
        "link-unknown",
        "Link unknown",
        f"The session {session} has no join link {link_id}: GET …/join-links lists them.",
    )
