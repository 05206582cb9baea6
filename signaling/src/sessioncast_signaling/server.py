"""One uvicorn in this process: a socket of our own, no access log, a graceful and quick end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from .errors import ConfigError
from .http_parser import BoundedHttp

GRACE_S = 3  # for answers under way when the end is asked for
KEEP_ALIVE_S = 30
MAX_CONNECTIONS = 2_000
MAX_WEBSOCKET_MESSAGE_BYTES = 1 << 20
PING_S = 20


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises ConfigError when the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=512)
        # asyncio sets it only on sockets that name their protocol, and accepted ones do not:
        # without it an answer's head and body are 40 ms apart (Nagle, delayed acknowledgement)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Cannot listen on {host} port {port} ({reason}): choose another with --host or --port."
        ) from None


class _Server(uvicorn.Server):
    """Ends with status 0 on SIGTERM and SIGINT; uvicorn itself would die of the signal again."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Also end what would else wait until it is cancelled."""
        self._on_exit()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def serve(app: ASGIApp, listener: socket.socket, on_exit: Callable[[], None]) -> bool:
    """Serve until SIGTERM or SIGINT, then call `on_exit`; False when the app could not start."""
    config = uvicorn.Config(
        app,
        access_log=False,  # it would hold whole addresses
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # what is relayed is compressed already
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MAX_CONNECTIONS,
        http=BoundedHttp,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    server = _Server(config, on_exit)
    asyncio.run(server.serve(sockets=[listener]))
    return server.started
