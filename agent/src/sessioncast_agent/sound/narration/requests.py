"""Narration as the shim and operators ask for it: `shim.say`, `narrate`, and their cancellation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from livekit import rtc

from sessioncast_agent.sound.narration.narrator import Narration, Narrator, as_answer
from sessioncast_agent.sound.narration.text import (
    MALFORMED,
    NOT_ALLOWED,
    UNAVAILABLE,
    NarrationRefused,
)
from sessioncast_agent.stages import RpcHandler, ShimMethod

TIMEOUT_S = 3.0
MAY_NARRATE = frozenset({"operator", "admin"})

Work = Callable[[Narrator], Coroutine[Any, Any, Narration]]
Ask = Callable[[Work], Awaitable[Narration]]


def narration_requests(
    ask: Ask, role_of: Callable[[str], str]
) -> tuple[dict[str, RpcHandler], dict[str, ShimMethod]]:
    """The RPC methods and the shim's. `ask` has the narrator do it, on its own loop."""

    async def do(method: str, body: dict[str, Any]) -> dict[str, Any]:
        async def work(narrator: Narrator) -> Narration:
            if method == "say":
                return await narrator.say(
                    body.get("text"), body.get("voice"), body.get("interrupt")
                )
            return narrator.cancel(body.get("id"))

        try:
            async with asyncio.timeout(TIMEOUT_S):
                return as_answer(await ask(work))
        except TimeoutError as error:
            raise NarrationRefused(UNAVAILABLE, "the narrator does not answer") from error

    def for_operators(method: str) -> RpcHandler:
        async def handler(call: rtc.RpcInvocationData) -> str:
            try:
                if role_of(call.caller_identity) not in MAY_NARRATE:
                    raise NarrationRefused(NOT_ALLOWED, "only operators may narrate")
                return json.dumps(await do(method, _body(call.payload)))
            except NarrationRefused as error:
                raise rtc.RpcError(error.code, str(error)) from error

        return handler

    def for_shim(method: str) -> ShimMethod:
        async def answer(body: dict[str, Any]) -> dict[str, Any]:
            # in the answer, since the SFU does not hand on the code of a refusal
            try:
                return await do(method, body)
            except NarrationRefused as error:
                return {"refused": {"code": error.code, "sentence": str(error)}}

        return answer

    return (
        {"narrate": for_operators("say"), "narrate.cancel": for_operators("cancel")},
        {"shim.say": for_shim("say"), "shim.say_cancel": for_shim("cancel")},
    )


def _body(payload: str) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise NarrationRefused(MALFORMED, "the request is not a JSON object")
    return body
