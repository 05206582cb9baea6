"""What the HTTP parser lets in: no endless heads or trailers, and no trailer among the headers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from sessioncast_signaling.http_parser import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES, BoundedHttp

pytestmark = pytest.mark.unit

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = 4096


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the headers, once the whole body is there."""
    while (await receive()).get("more_body"):
        pass
    said = json.dumps([name.decode() for name, _ in scope["headers"]]).encode()
    length = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": said})


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(echo, log_config=None, lifespan="off", http=BoundedHttp)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def send_on(writer: asyncio.StreamWriter, piece: bytes, limit: int) -> int:
    """Send the piece again and again until the server hangs up; return how many bytes it took."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < limit and not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)
            sent += len(piece)
    return sent


@pytest.mark.parametrize(
    ("begin", "piece", "most"),
    [
        (HEAD + b"X: ", b"a" * PIECE, MAX_HEAD_BYTES),  # one field without an end
        (HEAD, b"X: 1\r\n" * (PIECE // 6), MAX_HEAD_BYTES),  # fields without an end
        (b"GET /", b"a" * PIECE, MAX_HEAD_BYTES),  # an address without an end
        (CHUNKED + b"0\r\nX: ", b"a" * PIECE, MAX_MESSAGE_BYTES),  # a trailer
    ],
)
async def test_what_does_not_end_is_refused(begin: bytes, piece: bytes, most: int) -> None:
    async with connected() as (reader, writer):
        writer.write(begin)
        await writer.drain()
        await asyncio.sleep(0.05)
        sent = await send_on(writer, piece, 4 * most)
        assert sent <= most + 40 * PIECE, "it hung up soon"
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer == b"" or b" 400 " in answer.splitlines()[0]


async def test_a_trailer_is_not_among_the_headers() -> None:
    async with connected() as (reader, writer):
        body = b"2\r\n{}\r\n0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
        writer.write(CHUNKED + body)
        assert b"200" in await asyncio.wait_for(reader.readline(), 5)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert json.loads(await reader.readexactly(length)) == ["host", "transfer-encoding"]


async def test_one_connection_takes_many_requests_of_any_size() -> None:
    async with connected() as (reader, writer):
        for size in (0, 1, PIECE, 20 * PIECE):
            request = HEAD + b"Content-Length: %d\r\n\r\n" % size + b"a" * size
            for start in range(0, len(request), 3_000):
                writer.write(request[start : start + 3_000])
                await writer.drain()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(len(json.dumps(["host", "content-length"])))
