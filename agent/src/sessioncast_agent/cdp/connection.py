"""One WebSocket to the browser's DevTools: commands with deadlines, events, and its silent death.

Raw messages over aiohttp instead of a typed client: no deflate of base64 JPEGs, and the picture's
data is cut out of the message before the rest is parsed (docs/decisions.md has the figures).
Runs on the CDP loop only.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import aiohttp

from sessioncast_agent.cdp.discovery import Endpoint
from sessioncast_agent.errors import BrowserLost, BrowserRefused

log = logging.getLogger(__name__)

Params = dict[str, Any]
EventHandler = Callable[[str, Params, str], None]
PictureHandler = Callable[[bytes, Params, str], None]

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 5.0
MAX_MESSAGE_BYTES = 64_000_000
MAX_OUTGOING = 2_000  # commands that wait for the socket; a peer that reads nothing is lost
QUIET_ASK_S = 1.5  # after so much silence the browser is asked whether it is there
QUIET_LOST_S = 4.5
_PICTURE = b'{"method":"Page.screencastFrame","params":{"data":"'


class Connection:
    """See the module. `run` reads until the connection ends and then raises BrowserLost."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse[Literal[False]],
        *,
        on_event: EventHandler,
        on_picture: PictureHandler,
    ) -> None:
        self._socket, self._on_event, self._on_picture = socket, on_event, on_picture
        self._loop = asyncio.get_running_loop()
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Params]] = {}
        self._outgoing: deque[bytes] = deque()
        self._outgoing_due = asyncio.Event()
        self._heard_at = self._loop.time()
        self._lost: str | None = None

    @classmethod
    async def open(
        cls,
        http: aiohttp.ClientSession,
        endpoint: Endpoint,
        *,
        on_event: EventHandler,
        on_picture: PictureHandler,
    ) -> Connection:
        """Raises BrowserLost."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await http.ws_connect(
                    endpoint.url,
                    headers=endpoint.headers,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    compress=0,
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise BrowserLost(f"DevTools refuses the connection with {error.status}") from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            reason = type(error).__name__
            raise BrowserLost(f"DevTools cannot be reached ({reason})") from error
        return cls(socket, on_event=on_event, on_picture=on_picture)

    async def run(self) -> None:
        """Read, write and watch over the connection; ends only with BrowserLost."""
        jobs = [self._loop.create_task(job) for job in (self._read(), self._write(), self._watch())]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            self._fail("the connection to the browser is closed")
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(1.0):
                    await self._socket.close()

    async def send(
        self,
        method: str,
        params: Params | None = None,
        session: str = "",
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> Params:
        """One command and its answer. Raises BrowserRefused, or BrowserLost."""
        if self._lost is not None:
            raise BrowserLost(self._lost)
        number = self.post(method, params, session)
        future: asyncio.Future[Params] = self._loop.create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise BrowserRefused(f"the browser does not answer {method}") from error
        finally:
            self._waiting.pop(number, None)

    def post(self, method: str, params: Params | None = None, session: str = "") -> int:
        """One command whose answer nobody waits for; never blocks."""
        self._last_id += 1
        message: Params = {"id": self._last_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        if len(self._outgoing) >= MAX_OUTGOING:
            self._fail("the browser reads nothing any more")
        if self._lost is None:
            self._outgoing.append(json.dumps(message, separators=(",", ":")).encode())
            self._outgoing_due.set()
        return self._last_id

    # -- jobs of run -------------------------------------------------------------------------

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            self._heard_at = self._loop.time()
            try:
                self._receive(message.data)
            except Exception as error:  # one bad message, or one bad picture, ends nothing
                log.warning("a message of the browser was not understood: %r", error)
        raise BrowserLost("the browser closed the connection")

    def _receive(self, data: bytes) -> None:
        if data.startswith(_PICTURE):
            begin = len(_PICTURE)
            end = data.index(b'"', begin)
            event = json.loads(_PICTURE + data[end:])
            jpeg = binascii.a2b_base64(memoryview(data)[begin:end])
            self._on_picture(jpeg, event["params"], event.get("sessionId", ""))
            return
        message = json.loads(data)
        number = message.get("id")
        if number is None:
            params, session = message.get("params", {}), message.get("sessionId", "")
            if message["method"] == "Page.screencastFrame":
                jpeg = binascii.a2b_base64(params.pop("data"))
                self._on_picture(jpeg, params, session)
            else:
                self._on_event(message["method"], params, session)
            return
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if "error" in message:
            text = str(message["error"].get("message", "no reason given"))[:200]
            future.set_exception(BrowserRefused(f"the browser refuses: {text}"))
        else:
            future.set_result(message.get("result", {}))

    async def _write(self) -> None:
        while True:
            await self._outgoing_due.wait()
            self._outgoing_due.clear()
            while self._outgoing:
                try:
                    await self._socket.send_frame(self._outgoing.popleft(), aiohttp.WSMsgType.TEXT)
                except (aiohttp.ClientError, OSError, RuntimeError) as error:
                    raise BrowserLost("the connection to the browser broke") from error

    async def _watch(self) -> None:
        """A peer that is gone without a word: it is asked, and must answer anything at all."""
        while True:
            await asyncio.sleep(QUIET_ASK_S / 2)
            quiet_s = self._loop.time() - self._heard_at
            if quiet_s > QUIET_LOST_S:
                raise BrowserLost("the browser is silent")
            if self._lost is not None:
                raise BrowserLost(self._lost)
            if quiet_s > QUIET_ASK_S:
                self.post("Browser.getVersion")

    def _fail(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(BrowserLost(self._lost))
