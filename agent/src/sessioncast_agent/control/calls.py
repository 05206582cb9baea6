"""LiveKit RPC methods, guarded: who calls, how often, and that the body is what it should be."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.control.limits import MAX_SENDERS, Bucket
from sessioncast_agent.control.people import People
from sessioncast_agent.errors import AgentError, ControlRefused
from sessioncast_agent.stages import RpcHandler

log = logging.getLogger(__name__)

MALFORMED, NOT_ALLOWED, TOO_LARGE, TOO_OFTEN, UNAVAILABLE = 1400, 1403, 1413, 1429, 1503
CALLS_PER_S, CALL_BURST = 60.0, 120.0
MAX_CALL_CHARS = 65_536

Body = dict[str, Any]
Method = Callable[[Person, Body], Awaitable[Body]]


class Calls:
    """Wraps methods; the buckets are one for all methods of one caller."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._buckets: dict[str, Bucket] = {}

    def guarded(self, method: Method) -> RpcHandler:
        """A handler that answers refusals with the error codes of docs/protocol.md."""

        async def handler(call: rtc.RpcInvocationData) -> str:
            try:
                person = self._caller(call.caller_identity)
                return json.dumps(await method(person, _body(call.payload)), ensure_ascii=False)
            except ControlRefused as error:
                raise rtc.RpcError(error.code, str(error)) from error
            except AgentError as error:
                raise rtc.RpcError(UNAVAILABLE, str(error)) from error

        return handler

    def _caller(self, identity: str) -> Person:
        person = self._people.get(identity)
        if person is None:
            raise ControlRefused(NOT_ALLOWED, "the agent does not know you; join again")
        bucket = self._buckets.pop(identity, None) or Bucket(CALLS_PER_S, CALL_BURST)
        if len(self._buckets) >= MAX_SENDERS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[identity] = bucket
        if not bucket.take(monotonic_us()):
            raise ControlRefused(TOO_OFTEN, "too many requests; wait a moment")
        return person


def _body(payload: str) -> Body:
    if len(payload) > MAX_CALL_CHARS:
        raise ControlRefused(TOO_LARGE, "the request is too large")
    try:
        body = json.loads(payload or "{}")
    except (ValueError, RecursionError) as error:
        raise ControlRefused(MALFORMED, "the request is not JSON") from error
    if not isinstance(body, dict):
        raise ControlRefused(MALFORMED, "the request is not a JSON object")
    return body


def number(body: Body, key: str, most: float, default: float | None = None) -> float:
    """A finite number within ±`most`."""
    value: Any = body.get(key, default)
    if type(value) not in {int, float} or not -most <= value <= most or not math.isfinite(value):
        raise ControlRefused(MALFORMED, f"{key} must be a number within {most:g}")
    return float(value)


def whole(body: Body, key: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number in a range."""
    value = body.get(key, default)
    if type(value) is not int or not low <= value <= high:
        raise ControlRefused(MALFORMED, f"{key} must be a whole number, {low} to {high}")
    return value


def word(body: Body, key: str, most_chars: int = 256) -> str:
    """A short text that is not empty."""
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= most_chars:
        raise ControlRefused(MALFORMED, f"{key} must be a text of 1 to {most_chars} characters")
    return value
