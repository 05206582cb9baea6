"""LiveKit's signalling, led through this process, so that its requests can be mended (`terms.py`).

The library makes its descriptions inside, so they are met on their way: it joins at an address of
this process, on the loopback and behind a secret path, and each message is passed on to the SFU.
Media do not come by here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web
from yarl import URL

from sessioncast_agent.addresses import http_url
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.link import terms

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 8.0
CLOSE_TIMEOUT_S = 1.0
MAX_MESSAGE_BYTES = 16_000_000  # the SFU's word about a full room is long
_PASSED_ON = ("Authorization", "User-Agent")

Change = Callable[[bytes], bytes]


class SignalRelay:
    """`to` gives the address to join at instead of the SFU's."""

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(16)
        self._port = 0
        self._server_url = ""

    def to(self, server_url: str) -> str:
        """Return where to join, from now on for this SFU."""
        self._server_url = http_url(server_url).rstrip("/")
        return f"ws://127.0.0.1:{self._port}/{self._secret}"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Pass on for the body; raises CannotStart when the loopback has no port for it."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S)
        http = aiohttp.ClientSession(timeout=timeout)

        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, http)

        application = web.Application()
        application.router.add_get(f"/{self._secret}/{{rest:.*}}", answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
            except OSError as error:
                raise CannotStart(f"no port on 127.0.0.1 to be had: {error.strerror}") from error
            self._port = runner.addresses[0][1]
            yield
        finally:
            await http.close()
            await runner.cleanup()

    async def _answer(
        self, request: web.Request, http: aiohttp.ClientSession
    ) -> web.StreamResponse:
        rest = request.raw_path.removeprefix(f"/{self._secret}")
        url = URL(self._server_url + rest, encoded=True)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _pass_on(request, http, url, headers)
            async with http.get(url, headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status, text=error.message)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.debug("the SFU does not answer: %s", type(error).__name__)
            return web.Response(status=502, text="the SFU does not answer")


async def _pass_on(
    request: web.Request, http: aiohttp.ClientSession, url: URL, headers: dict[str, str]
) -> web.StreamResponse:
    async with http.ws_connect(url, headers=headers, max_msg_size=MAX_MESSAGE_BYTES) as server:
        library = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_TIMEOUT_S)
        await library.prepare(request)
        ways = [
            asyncio.create_task(_carry(library, server, terms.asked), name="signals-out"),
            asyncio.create_task(_carry(server, library, _as_it_is), name="signals-in"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await library.close()
    return library


def _as_it_is(message: bytes) -> bytes:
    return message


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _carry(source: _Socket, target: _Socket, change: Change) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(change(message.data))
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
