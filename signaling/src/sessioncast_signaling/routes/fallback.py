"""The VNC fallback's two WebSockets: the viewer's, and the one that its agent opens."""

from http import HTTPStatus

from fastapi import APIRouter, WebSocket

from ..errors import Problem
from ..models import SessionPath
from ..problems import problem_response
from ..services import Services
from ..store import Ticket

router = APIRouter(prefix="/api/v1/sessions")

MAX_SUBPROTOCOLS = 4
NOT_WAITED_FOR = Problem(
    404,
    "nobody-waits",
    "Nobody waits",
    "No viewer waits for this ticket here: it is over, or waits at another replica.",
)


@router.websocket("/{session}/fallback")
async def fallback(websocket: WebSocket, session: SessionPath) -> None:
    """RFB for a viewer; the ticket of its offer is the subprotocol (or one of two)."""
    parts = _services(websocket)
    try:
        parts.limits.address(websocket)
        ticket, subprotocol = await _admitted(parts, session, websocket)
        await parts.limits.subject(ticket.subject)
    except Problem as problem:
        await websocket.send_denial_response(problem_response(problem))
        return
    await websocket.accept(subprotocol=subprotocol)
    await parts.relays.serve(websocket, ticket)


async def _admitted(parts: Services, session: str, websocket: WebSocket) -> tuple[Ticket, str]:
    try:
        return await parts.relays.admit(session, _offered(websocket))
    except Problem as problem:
        if problem.status != HTTPStatus.UNAUTHORIZED:
            raise
        raise await parts.limits.failure(websocket, problem) from None


@router.websocket("/{session}/agent/fallback")
async def agent_fallback(websocket: WebSocket, session: SessionPath) -> None:
    """The agent's end; it was told address and ticket by `shim.dial`."""
    parts = _services(websocket)
    try:
        parts.limits.address(websocket)
        if not await parts.relays.arrived(session, _offered(websocket), websocket):
            raise NOT_WAITED_FOR
    except Problem as problem:
        await websocket.send_denial_response(problem_response(problem))


def _offered(websocket: WebSocket) -> list[str]:
    return list(websocket.scope.get("subprotocols", ()))[:MAX_SUBPROTOCOLS]


def _services(websocket: WebSocket) -> Services:
    found = websocket.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - for the type checker
    return found
