"""Screencast JPEGs as they are over a WebSocket: the way of hosted browser products.

python -m bench.jpegrelay CDP_HTTP_URL PORT
"""

import asyncio
import base64
import json
import sys

import aiohttp
from aiohttp import web

QUALITY = 85  # the agent's


async def relay(cdp_url: str, port: int) -> None:
    """Serve ws://127.0.0.1:PORT/ until the browser goes away."""
    viewers: set[web.WebSocketResponse] = set()

    async def view(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        viewers.add(socket)
        if last:
            await socket.send_bytes(last[0])
        async for _ in socket:
            pass
        viewers.discard(socket)
        return socket

    last: list[bytes] = []
    application = web.Application()
    application.router.add_get("/", view)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{cdp_url}/json/list") as answer:
            targets = await answer.json()
        url = next(item["webSocketDebuggerUrl"] for item in targets if item["type"] == "page")
        async with http.ws_connect(url, max_msg_size=0) as browser:
            commands = [
                ("Page.enable", {}),
                ("Emulation.setDeviceMetricsOverride",
                 {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}),
                ("Page.startScreencast",
                 {"format": "jpeg", "quality": QUALITY, "maxWidth": 1280, "maxHeight": 720}),
            ]  # fmt: skip
            for number, (method, params) in enumerate(commands):
                await browser.send_json({"id": number, "method": method, "params": params})
            async for message in browser:
                event = json.loads(message.data)
                if event.get("method") != "Page.screencastFrame":
                    continue
                params = event["params"]
                acknowledge = {"sessionId": params["sessionId"]}
                await browser.send_json(
                    {"id": 9, "method": "Page.screencastFrameAck", "params": acknowledge}
                )
                last[:] = [base64.b64decode(params["data"])]
                for viewer in list(viewers):
                    await viewer.send_bytes(last[0])


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1], int(sys.argv[2])))
