"""What the doctor asks the shim: the time, and offers to try with."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sessioncast_agent.errors import LinkLost

DEADLINE_S = 6.0


class Refusal(LinkLost):
    """The shim answered, and said no; the message has its words."""


@dataclass(frozen=True)
class Ticket:
    """A way into the room."""

    url: str
    token: str = field(repr=False)
    state: str = "live"
    fallback: bool | None = None  # whether a VNC fallback is offered; None: nobody said


async def clock_offset_s(http: aiohttp.ClientSession, url: str) -> float:
    """Return how far the shim's clock is ahead of ours; raises LinkLost."""
    began = time.time()
    body = await _json(http, "GET", f"{url}/api/v1/time", None, None)
    middle = (began + time.time()) / 2
    unix_us = body.get("unix_us")
    if not isinstance(unix_us, int):
        raise LinkLost("its /api/v1/time answers no time: is that a sessioncast shim?")
    return unix_us / 1e6 - middle


async def offer(http: aiohttp.ClientSession, url: str, session: str, key: str) -> Ticket:
    """Get an observer's offer; raises Refusal and LinkLost."""
    path = f"{url}/api/v1/sessions/{session}/webrtc/offer"
    body = await _json(http, "POST", path, {"role": "observer", "name": "doctor"}, key)
    try:
        return Ticket(
            str(body["server_url"]),
            str(body["participant_token"]),
            str(body.get("state", "live")),
            bool(body.get("fallback")),
        )
    except KeyError:
        raise LinkLost("the offer's answer cannot be used") from None


async def _json(
    http: aiohttp.ClientSession, method: str, url: str, body: object, key: str | None
) -> dict[str, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            http.request(method, url, json=body, headers=headers, allow_redirects=False) as answer,
        ):
            content = await answer.json(content_type=None)
            if answer.status >= 400:
                detail = content.get("detail") if isinstance(content, dict) else None
                raise Refusal(f"{answer.status}: {detail or answer.reason}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise LinkLost(f"{type(error).__name__}: no usable answer") from None
    return content if isinstance(content, dict) else {}
