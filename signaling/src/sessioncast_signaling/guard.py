"""The outermost layer: limits before anything is parsed, headers on everything, one log line.

Plain ASGI. It reads the whole body (bounded in size and time) before the app sees the request.
"""

import asyncio
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Problem
from .metrics import Metrics
from .policy import WRONG_HOST, BrowserPolicy
from .problems import INTERNAL, problem_response

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024  # the HTTP parser lets more through when it comes all at once
BODY_DEADLINE_S = 10.0

JSON_TYPES = {"application/json", "application/webhook+json"}  # the latter is LiveKit's

TOO_LARGE = Problem(
    413,
    "body-too-large",
    "Body too large",
    f"The body is larger than {MAX_BODY_BYTES // 1024} KiB: nothing here needs more.",
    headers={"Connection": "close"},
)
TOO_SLOW = Problem(
    408,
    "body-too-slow",
    "Body too slow",
    f"The body did not arrive within {BODY_DEADLINE_S:.0f} s: send it again.",
    headers={"Connection": "close"},
)
HEADERS_TOO_LARGE = Problem(
    431,
    "headers-too-large",
    "Headers too large",
    f"The headers are larger than {MAX_HEADER_BYTES // 1024} KiB: nothing here needs more.",
    headers={"Connection": "close"},
)
NOT_JSON = Problem(
    415,
    "not-json",
    "Not JSON",
    "The body must be JSON: send it with `Content-Type: application/json`.",
)


class _GoneError(Exception):
    """The client left before its body was complete; nobody waits for an answer."""


class Guard:
    """Wraps the app; see the module."""

    def __init__(self, app: ASGIApp, *, policy: BrowserPolicy, metrics: Metrics) -> None:
        self._app = app
        self._policy = policy
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "websocket":
            if self._policy.is_for_us(Headers(scope=scope).get("host", ""), scope["path"]):
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        more = self._policy.cors_headers(asked.get("origin"))
        started_s = time.monotonic()
        status = 0

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in (self._policy.headers() | more).items():
                    if name == "Vary":
                        headers.add_vary_header(value)
                    else:
                        headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
                await problem_response(HEADERS_TOO_LARGE)(scope, receive, guarded_send)
            elif not self._policy.is_for_us(asked.get("host", ""), scope["path"]):
                await problem_response(WRONG_HOST)(scope, receive, guarded_send)
            elif (preflight := self._preflight(scope, asked)) is not None:
                await preflight(scope, receive, guarded_send)
            else:
                await self._handle(scope, receive, guarded_send)
        except Exception:
            log.exception("request failed route=%s", _route(scope))
            if status == 0:
                await problem_response(INTERNAL)(scope, receive, guarded_send)
        finally:
            self._note(scope, status, time.monotonic() - started_s)

    def _preflight(self, scope: Scope, asked: Headers) -> Response | None:
        if scope["method"] != "OPTIONS" or "access-control-request-method" not in asked:
            return None
        headers = self._policy.preflight_headers(asked.get("origin"))
        return None if headers is None else Response(status_code=204, headers=headers)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read_body(scope, receive)
        except _GoneError:
            return
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = _route(scope), scope["method"]
        if method not in {"GET", "HEAD", "POST", "DELETE"}:
            method = "other"
        self._metrics.request(method, route, status, seconds)
        level = logging.WARNING if status >= 500 else logging.DEBUG
        log.log(
            level,
            "request method=%s route=%s status=%d ms=%.1f",
            method,
            route,
            status,
            seconds * 1e3,
        )


def _route(scope: Scope) -> str:
    """Return the route's template: the path itself may hold anything."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not length.isdigit() or len(length) > 10 or int(length) > MAX_BODY_BYTES:
        raise TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise TOO_LARGE
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise TOO_SLOW from None
    if body and scope["method"] not in {"GET", "HEAD"}:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in JSON_TYPES:
            raise NOT_JSON
    return bytes(body)
