"""Server-sent events: what has changed, as it changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from ..auth import Right
from ..errors import Problem
from ..events import Listener
from .common import CallerDep, Responses, ServicesDep, problems

router = APIRouter(prefix="/api/v1", tags=["events"])

HEARTBEAT_S = 15.0
CHECK_S = 30.0  # a key that was called back ends the stream within this time
RETRY_MS = 2_000

_STREAM: Responses = {
    200: {
        "description": "A stream: `session` with a session as it is now, `reset` when the list "
        "must be read again, and a comment now and then.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 18c-7\nevent: session\ndata: {"session": "demo", …}\n\n',
            }
        },
    }
}


@router.get(
    "/events",
    response_class=Response,
    response_model=None,
    responses=_STREAM | problems(401, 403, 422, 503),
)
async def events(
    request: Request,
    caller: CallerDep,
    parts: ServicesDep,
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """Listen to what changes about all sessions that this key may see.

    With `Last-Event-ID` it goes on where it stopped, or says `reset` when that is too long ago.
    """
    if not caller.may(Right.LIST):
        caller.require(Right.READ, caller.session)
    authorization = request.headers.get("authorization")

    async def still_good() -> bool:
        try:
            return (await parts.auth.caller(authorization)).subject == caller.subject
        except Problem:
            return False

    listening = parts.hub.listen(
        caller.subject, lambda session: caller.may(Right.READ, session), last_event_id
    )
    listener = await anext(listening)  # a refusal is an answer, not a broken stream

    async def stream() -> AsyncIterator[bytes]:
        async with aclosing(listening):
            yield f"retry: {RETRY_MS}\n\n".encode()
            loop = asyncio.get_running_loop()
            checked_s = loop.time()
            while True:
                if loop.time() - checked_s >= CHECK_S:
                    if not await still_good():
                        return
                    checked_s = loop.time()
                message = await _next(listener)
                if message is None:
                    return
                yield message

    return StreamingResponse(
        stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _next(listener: Listener) -> bytes | None:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            news = await listener.queue.get()
    except TimeoutError:
        return b": still here\n\n"
    return None if news is None else news.encode()
