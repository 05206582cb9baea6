"""Every error as application/problem+json: ours, FastAPI's and Starlette's."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .errors import Problem, SfuError, sfu_problem
from .store import StoreUnavailableError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 10
_MAX_TEXT = 160

NOT_FOUND = Problem(
    404, "not-found", "Not found", "There is nothing here: see /api/v1/openapi.json."
)
STORE_AWAY = Problem(
    503,
    "store-unreachable",
    "Store unreachable",
    "The database of this server does not answer: try again in a few seconds, or check REDIS_URL.",
    headers={"Retry-After": "2"},
)
INTERNAL = Problem(
    500,
    "internal",
    "Internal error",
    "Something failed here: see this server's log, and try again.",
)


def problem_response(problem: Problem) -> JSONResponse:
    """Return the answer for a problem."""
    return JSONResponse(
        problem.body(), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Make the app answer all errors in this way."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SfuError, _on_sfu)
    app.add_exception_handler(StoreUnavailableError, _on_store)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - for the type checker
    return problem_response(error)


async def _on_sfu(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SfuError)  # noqa: S101 - for the type checker
    return problem_response(sfu_problem(error))


async def _on_store(_: Request, error: Exception) -> JSONResponse:
    log.warning("%s", error)
    return problem_response(STORE_AWAY)


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
    if error.status_code == 404:
        return problem_response(NOT_FOUND)
    if error.status_code == 405:
        problem = Problem(
            405,
            "method-not-allowed",
            "Method not allowed",
            "This address does not take this method: see /api/v1/openapi.json.",
            headers=dict(error.headers or {}),
        )
    else:
        problem = Problem(
            error.status_code,
            "bad-request",
            "Bad request",
            "The request could not be read: see /api/v1/openapi.json.",
        )
    return problem_response(problem)


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
    return problem_response(invalid(error.errors()))


def invalid(found: Sequence[Any]) -> Problem:
    """422 with the fields and the rules they break, never with what was sent."""
    errors = [
        {"field": _field(item.get("loc", ())), "rule": _rule(item)} for item in found[:_MAX_ERRORS]
    ]
    first = errors[0] if errors else {"field": "body", "rule": "not valid"}
    return Problem(
        422,
        "invalid-request",
        "Invalid request",
        f"{first['field']}: {first['rule']}.",
        errors=errors,
    )


def _rule(item: dict[str, Any]) -> str:
    if item.get("type") == "json_invalid":
        return "the body is not JSON"
    if item.get("type") == "extra_forbidden":
        return "there is no such field"
    if item.get("type") == "string_pattern_mismatch":
        pattern = item.get("ctx", {}).get("pattern", "")
        return f"does not follow the rule {pattern}"[:_MAX_TEXT]
    return str(item.get("msg", "not valid")).removeprefix("Value error, ")[:_MAX_TEXT]


def _field(loc: Sequence[Any]) -> str:
    # a part may be a key that the caller made up
    parts = [str(part)[:40] for part in loc[:4]]
    text = ".".join("".join(c if c.isprintable() else "?" for c in part) for part in parts)
    return text[:_MAX_TEXT] or "body"
