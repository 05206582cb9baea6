"""A real Firefox by WebDriver BiDi, its own protocol: no driver program, any build will do."""

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from support.livekit import free_ports

START_DEADLINE_S = 60.0
CALL_DEADLINE_S = 30.0


class Firefox:
    """One window with one page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self._page = ""

    async def begin(self, width: int, height: int) -> None:
        """Start the session and take the window that is there."""
        await self.call("session.new", capabilities={})
        tree = await self.call("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]
        size = {"width": width, "height": height}
        await self.call("browsingContext.setViewport", context=self._page, viewport=size)

    async def call(self, method: str, **params: Any) -> Any:
        """One command; raises RuntimeError with Firefox's words."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        async with asyncio.timeout(CALL_DEADLINE_S):
            while True:
                answer = await self._socket.receive_json()
                if answer.get("id") == self._last:
                    break
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    async def goto(self, url: str) -> None:
        """Load a page."""
        await self.call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """What an expression (or its promise) comes to, by way of JSON."""
        result = await self.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._page},
            awaitPromise=True,
        )
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return json.loads(result["result"].get("value", "null"))

    async def until(self, expression: str, within_s: float = 20.0) -> None:
        """Wait until it is true."""
        deadline = time.monotonic() + within_s
        while True:
            if await self.evaluate(f"Boolean({expression})"):
                return
            if time.monotonic() > deadline:
                text = await self.evaluate("document.body.innerText")
                raise AssertionError(f"not within {within_s} s: {expression}; the page:\n{text}")
            await asyncio.sleep(0.1)

    async def picture(self, path: Path) -> None:
        """Save what it shows."""
        shot = await self.call("browsingContext.captureScreenshot", context=self._page)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


def _program() -> str:
    for name in ("firefox-esr", "firefox"):
        if path := shutil.which(name):
            return path
    raise RuntimeError("no Firefox: `make setup` installs it")


@contextlib.asynccontextmanager
async def firefox(directory: Path, width: int = 1440, height: int = 900) -> AsyncIterator[Firefox]:
    """Run Firefox with a profile of its own for the body."""
    profile = directory / "firefox"
    profile.mkdir()
    port = free_ports(1)[0]
    process = await asyncio.create_subprocess_exec(
        _program(), "--headless", "--no-remote", "--profile", str(profile),
        "--remote-debugging-port", str(port), "about:blank",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as http, await _connect(http, port) as socket:
            browser = Firefox(socket)
            await browser.begin(width, height)
            yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _connect(http: aiohttp.ClientSession, port: int) -> aiohttp.ClientWebSocketResponse:
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            return await http.ws_connect(
                f"ws://127.0.0.1:{port}/session", max_msg_size=64 * 1024 * 1024
            )
        except aiohttp.ClientError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
