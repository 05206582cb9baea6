"""How the one WebSocket at a DevTools address is found.

The given host and port are the only ones ever spoken to: what the browser says of itself in
`/json/version` gives no more than a path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from sessioncast_agent.cdp.address import CdpAddress
from sessioncast_agent.errors import BrowserLost

DISCOVERY_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Endpoint:
    """A WebSocket to connect to now."""

    url: str = field(repr=False)
    headers: dict[str, str]
    page: bool


async def find_endpoint(
    http: aiohttp.ClientSession, address: CdpAddress, *, given_failed: bool
) -> Endpoint:
    """The WebSocket; a given one is tried as it is first, since a restart gives it a new path.

    Raises BrowserLost.
    """
    parts = urlsplit(address.url)
    if parts.scheme in {"ws", "wss"} and not given_failed:
        return Endpoint(address.url, {}, address.page)
    secure = parts.scheme in {"https", "wss"}
    base = ("https" if secure else "http", parts.netloc)
    answer, headers = await _discover(http, base, address)
    try:
        path = urlsplit(answer["webSocketDebuggerUrl"]).path
    except (KeyError, TypeError, ValueError) as error:
        raise BrowserLost(f"what answers at {address.place} is no DevTools port") from error
    url = urlunsplit(("wss" if secure else "ws", parts.netloc, path, parts.query, ""))
    return Endpoint(url, headers, address.page)


async def _discover(
    http: aiohttp.ClientSession, base: tuple[str, str], address: CdpAddress
) -> tuple[dict[str, Any], dict[str, str]]:
    """`/json/version`, or the first page of `/json/list`.

    Chromium refuses host names (a defence against rebinding), so behind a name, as a service in a
    cluster has one, it is asked again as `localhost`.
    """
    path = "/json/list" if address.page else "/json/version"
    url = urlunsplit((*base, path, urlsplit(address.url).query, ""))
    timeout = aiohttp.ClientTimeout(total=DISCOVERY_TIMEOUT_S)
    attempts: tuple[dict[str, str], ...] = ({}, {"Host": "localhost"})
    status = 0
    for headers in attempts:
        try:
            async with http.get(
                url, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                status = answer.status
                if status == 500 and not headers:
                    continue
                body = await answer.json(content_type=None) if status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BrowserLost(
                f"no browser answers at {address.place}; start it with --remote-debugging-port"
            ) from error
        if isinstance(body, list):
            body = next((item for item in body if item.get("type") == "page"), None)
        if isinstance(body, dict):
            return body, headers
        break
    raise BrowserLost(f"the DevTools port at {address.place} answers with status {status}")
