"""What the routes share: the caller, documented problems, pages of lists."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from ..auth import Caller, Right, bearer
from ..errors import Problem, removed, unauthorized
from ..ids import is_session_id
from ..problems import MEDIA_TYPE
from ..services import Services, services
from ..store import SessionRecord

T = TypeVar("T")
Responses = dict[int | str, dict[str, Any]]

ServicesDep = Annotated[Services, Depends(services)]

# auto_error off: a missing key gets the same answer as a wrong one. Here for the OpenAPI document.
_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key, an enrolment key, an OpenID Connect token, or a join link's grant.",
)
agent_scheme = HTTPBearer(
    auto_error=False, scheme_name="agent", description="The session's agent credential."
)


async def count_address(request: Request, parts: ServicesDep) -> None:
    """Count one more request of its address; a dependency of everything under /api."""
    parts.limits.address(request)


@dataclass(frozen=True)
class Entered:
    """Who asks, and the session's record as it was then (None: no session's route, or unknown)."""

    caller: Caller
    record: SessionRecord | None = None


async def _enter(
    request: Request, parts: ServicesDep, _: Annotated[Any, Security(_scheme)]
) -> Entered:
    try:
        caller = await parts.auth.caller(request.headers.get("authorization"))
    except Problem as problem:
        if problem.status != HTTPStatus.UNAUTHORIZED:
            raise
        raise await parts.limits.failure(request, problem) from None
    session = request.path_params.get("session")
    if not isinstance(session, str) or not is_session_id(session):
        await parts.limits.caller(caller)
        return Entered(caller)
    entry = await parts.limits.enter(caller, session)
    if entry.banned and not caller.may(Right.REMOVE, session):  # who may, is never kept out
        raise removed()
    return Entered(caller, entry.record)


EnteredDep = Annotated[Entered, Depends(_enter)]


async def _caller(entered: EnteredDep) -> Caller:
    return entered.caller


CallerDep = Annotated[Caller, Depends(_caller)]

_MEANINGS = {
    401: "No key, or not a valid one.",
    403: "The key does not allow this.",
    404: "No such thing.",
    410: "It has ended.",
    413: "The body is larger than 64 KiB.",
    415: "The body is not JSON.",
    409: "Somebody else has control.",
    422: "The request breaks a rule; `errors` says which.",
    429: "Too often; `Retry-After` says when to try again.",
    503: "The media server does not answer; try again.",
}


def bearer_or_refused(request: Request) -> str:
    """Return an agent's bearer; raises Problem 401."""
    try:
        return bearer(request.headers.get("authorization"))
    except Problem:
        raise unauthorized("credential-refused") from None


def problems(*statuses: int) -> Responses:
    """Return the OpenAPI description of these problem answers."""
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, 429)
    }


def page_of(
    items: Sequence[T],
    key: Callable[[T], list[Any]],
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool = False,
) -> tuple[list[T], str | None]:
    """Return the items after the cursor, at most `limit`, and the next cursor.

    `items` are in the order of their unique keys. The cursor is the last key one was shown, so that
    items which come and go between two pages do not disturb. Raises Problem 422.
    """
    rest = list(items)
    if cursor is not None:
        last = _decode(cursor)
        try:
            rest = [i for i in items if (key(i) < last if newest_first else key(i) > last)]
        except TypeError:
            raise _bad_cursor() from None
    page = rest[:limit]
    return page, _encode(key(page[-1])) if len(rest) > limit else None


def _encode(value: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(value, list):
        raise _bad_cursor()
    return value


def _bad_cursor() -> Problem:
    return Problem(
        422,
        "bad-cursor",
        "Bad cursor",
        "The cursor is not one from here: start without it, and then use `next` as it is.",
    )
