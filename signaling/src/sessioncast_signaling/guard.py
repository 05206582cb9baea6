"""The outermost layer: limits before anything is parsed, headers on everything, one log line.

Plain ASGI. It reads the whole body (bounded in size and time) before the app sees the request.
"""

import asyncio
import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Problem
from .metrics import Metrics
from .problems import INTERNAL, problem_response

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
BODY_DEADLINE_S = 10.0

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
NOT_JSON = Problem(
    415,
    "not-json",
    "Not JSON",
    "The body must be JSON: send it with `Content-Type: application/json`.",
)


def content_security_policy(viewer_sfu_url: str) -> str:
    """Return the policy of the page: only what it ships with, and the SFU it watches."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src 'self' {' '.join(sfu_origins(viewer_sfu_url))}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types sessioncast",  # the page's one policy lets its own worker through
        ]
    )


def sfu_origins(url: str) -> list[str]:
    """Return the ws and http origins of an SFU's address (livekit-client uses both)."""
    parts = urlsplit(url)
    secure = parts.scheme in {"wss", "https"}
    schemes = ("wss", "https") if secure else ("ws", "http")
    return [f"{scheme}://{parts.netloc}" for scheme in schemes]


def security_headers(viewer_sfu_url: str) -> dict[str, str]:
    """Return the headers that every answer has."""
    return {
        "Content-Security-Policy": content_security_policy(viewer_sfu_url),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": (
            "camera=(), display-capture=(), geolocation=(), payment=(), usb=(), "
            "microphone=(self), fullscreen=(self), clipboard-read=(self), clipboard-write=(self)"
        ),
    }


class _GoneError(Exception):
    """The client left before its body was complete; nobody waits for an answer."""


class Guard:
    """Wraps the app; see the module."""

    def __init__(self, app: ASGIApp, *, viewer_sfu_url: str, metrics: Metrics) -> None:
        self._app = app
        self._headers = security_headers(viewer_sfu_url)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.monotonic()
        status = 0

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._handle(scope, receive, guarded_send)
        except Exception:
            log.exception("request failed route=%s", _route(scope))
            if status == 0:
                await problem_response(INTERNAL)(scope, receive, guarded_send)
        finally:
            self._note(scope, status, time.monotonic() - started_s)

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
        if media_type != "application/json":
            raise NOT_JSON
    return bytes(body)
