"""`/healthz`, `/readyz` and `/metrics` of the agent, on loopback unless told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from sessioncast_agent.errors import CannotStart

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def health_server(
    host: str, port: int, *, problems: Callable[[], list[str]], metrics: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port (port 0: a free one).

    `problems` says what keeps the session from being live; none means ready. Raises CannotStart
    when the port is taken.
    """

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok"})

    async def readyz(request: web.Request) -> web.Response:
        del request
        found = problems()
        status = "waiting" if found else "ready"
        return web.json_response(
            {"status": status, "problems": found}, status=503 if found else 200
        )

    async def metricsz(request: web.Request) -> web.Response:
        del request
        return web.Response(body=metrics(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metricsz)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, shutdown_timeout=1.0)
        try:
            await site.start()
        except OSError as error:
            raise CannotStart(
                f"--http-port {port} on {host} cannot be opened: {error.strerror}; "
                "choose another, or 0 for any"
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
