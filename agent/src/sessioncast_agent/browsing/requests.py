"""The browser's requests over RPC: who may, what is malformed, what the answer is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from livekit import rtc

from sessioncast_agent.cdp.commands import BadArguments
from sessioncast_agent.errors import BrowserLost, BrowserRefused, ControlRefused
from sessioncast_agent.stages import RpcHandler

MALFORMED, NOT_ALLOWED, UNAVAILABLE = 1400, 1403, 1503
MAX_REQUEST_CHARS = 14_000
ANSWER_TIMEOUT_S = 25.0

Work = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def awaited(future: Future[Any]) -> Any:
    """What the browser's thread answers, with a deadline."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await asyncio.wrap_future(future)
    except TimeoutError as error:
        raise BrowserRefused("the browser does not answer") from error


def handler(work: Work) -> RpcHandler:
    """One method: JSON object in, JSON object out, refusals as RPC errors with one sentence."""

    async def handle(call: rtc.RpcInvocationData) -> str:
        try:
            body = json.loads(call.payload or "{}") if len(call.payload) <= MAX_REQUEST_CHARS else 0
            if not isinstance(body, dict):
                raise BadArguments("the request must be one JSON object")
            answer = await work(call.caller_identity, body)
        except (BadArguments, ValueError, RecursionError) as error:
            words = str(error) if isinstance(error, BadArguments) else "malformed request"
            raise rtc.RpcError(MALFORMED, words) from error
        except ControlRefused as error:
            raise rtc.RpcError(error.code, str(error)) from error
        except (BrowserRefused, BrowserLost) as error:
            raise rtc.RpcError(UNAVAILABLE, str(error)) from error
        return json.dumps(answer, separators=(",", ":"))

    return handle
