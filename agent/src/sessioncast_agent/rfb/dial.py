"""The way out: this agent opens the WebSocket, since nothing can come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin, urlsplit

import aiohttp

from sessioncast_agent.errors import FallbackRefused, LinkLost

CONNECT_S = 4.0
RETRY_S = 0.1
HEARTBEAT_S = 20.0
MAX_MESSAGE_BYTES = 1 << 20
_NOT_HERE = frozenset({404, 421})  # another replica of the shim than the one that asked


class Dialler:
    """Connects to the shim that `base_url` names; a whole address in `shim.dial` wins."""

    def __init__(self, base_url: str | None) -> None:
        self._base_url = base_url

    def address(self, url: str) -> str:
        """Where to go; raises FallbackRefused."""
        whole = urljoin(f"{self._base_url or ''}/", url)
        parts = urlsplit(whole)
        if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
            raise FallbackRefused("shim.dial names no address of a WebSocket")
        if parts.username or parts.query:
            raise FallbackRefused("shim.dial's address holds a user or a query")
        return whole

    @asynccontextmanager
    async def connect(
        self, url: str, ticket: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open for the body; raises LinkLost when the shim cannot be reached or refuses."""
        address = self.address(url)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            socket = await _open(http, address, ticket)
            try:
                yield socket
            finally:
                await socket.close()


async def _open(
    http: aiohttp.ClientSession, address: str, ticket: str
) -> aiohttp.ClientWebSocketResponse:
    try:
        async with asyncio.timeout(CONNECT_S):
            while True:
                try:
                    return await http.ws_connect(
                        address,
                        protocols=(ticket,),
                        heartbeat=HEARTBEAT_S,
                        max_msg_size=MAX_MESSAGE_BYTES,
                        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                    )
                except aiohttp.WSServerHandshakeError as error:
                    if error.status not in _NOT_HERE:
                        raise LinkLost(f"the shim refuses the fallback: {error.status}") from None
                    await asyncio.sleep(RETRY_S)  # round robin gets there
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LinkLost(f"the shim does not take the fallback: {type(error).__name__}") from None
