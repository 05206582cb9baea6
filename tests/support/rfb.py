"""The fallback as a client meets it: over its WebSocket, or as a TCP port for VNC programs."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av
import numpy as np

from support.agent_process import call
from support.shim_process import ShimProcess
from support.xserver import Luma

RAW, H264 = 0, 50
CURSOR, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS = -239, -223, -308, -312, -313
DEADLINE_S = 15.0


def offer(shim: ShimProcess, session: str, role: str = "observer", **more: Any) -> dict[str, Any]:
    """An offer's answer, which holds the fallback's ticket."""
    body = {"role": role, **more}
    made: dict[str, Any] = call(shim, "POST", f"/sessions/{session}/webrtc/offer", body)
    return made


@contextlib.asynccontextmanager
async def stream(
    made: dict[str, Any], *, ticket: str | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The WebSocket of an offer; raises aiohttp.WSServerHandshakeError when it is refused."""
    fallback = made["fallback"]
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            fallback["url"], protocols=(ticket or fallback["ticket"],), max_msg_size=1 << 24
        ) as socket,
    ):
        yield socket


@dataclass
class RfbProbe:
    """A small client of Open H.264 and Raw that keeps what it sees."""

    socket: aiohttp.ClientWebSocketResponse
    size_px: tuple[int, int] = (0, 0)
    title: str = ""
    luma: Luma | None = None
    screen: np.ndarray | None = None
    keyframes: int = 0
    updates: int = 0
    rects: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    answer_fences: bool = True
    _buffer: bytearray = field(default_factory=bytearray)
    _decoder: av.CodecContext | None = None

    async def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            message = await asyncio.wait_for(self.socket.receive(), DEADLINE_S)
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise ConnectionError(f"closed: {self.socket.close_code} {message.extra}")
            self._buffer += message.data
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def send(self, data: bytes) -> None:
        await self.socket.send_bytes(data)

    async def begin(self, *encodings: int) -> None:
        """Handshake, pixel format as it comes, these encodings, and the first request."""
        assert await self._read(12) == b"RFB 003.008\n"
        await self.send(b"RFB 003.008\n")
        count = (await self._read(1))[0]
        assert 1 in await self._read(count), "security type None"
        await self.send(b"\x01")
        assert await self._read(4) == b"\0\0\0\0"
        await self.send(b"\x01")
        head = await self._read(24)
        self.size_px = struct.unpack(">HH", head[:4])
        self.title = (await self._read(struct.unpack(">I", head[20:])[0])).decode()
        await self.send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))
        await self.request(incremental=False)

    async def request(self, *, incremental: bool = True) -> None:
        await self.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, *self.size_px))

    async def continuous(self) -> None:
        await self.send(struct.pack(">BBHHHH", 150, 1, 0, 0, *self.size_px))

    async def key(self, keysym: int, *, down: bool) -> None:
        await self.send(struct.pack(">BB2xI", 4, down, keysym))

    async def pointer(self, mask: int, x: int, y: int) -> None:
        await self.send(struct.pack(">BBHH", 5, mask, x, y))

    async def cut(self, text: str) -> None:
        data = text.encode("latin-1")
        await self.send(struct.pack(">B3xI", 6, len(data)) + data)

    async def message(self) -> int:
        """Read one server message; its type."""
        kind = (await self._read(1))[0]
        if kind == 0:
            _, count = struct.unpack(">BH", await self._read(3))
            for _ in range(count):
                await self._rect()
            self.updates += 1
        elif kind == 3:
            (length,) = struct.unpack(">3xi", await self._read(7))
            self.texts.append((await self._read(abs(length))).decode("latin-1"))
        elif kind == 248:
            flags, length = struct.unpack(">3xIB", await self._read(8))
            payload = await self._read(length)
            if flags & 1 << 31 and self.answer_fences:
                await self.send(struct.pack(">B3xIB", 248, flags & 3, length) + payload)
        else:
            assert kind == 150, f"message {kind}"
        return kind

    async def update(self) -> None:
        """Read until one FramebufferUpdate is complete."""
        while await self.message() != 0:
            pass

    async def _rect(self) -> None:
        x, y, width, height, encoding = struct.unpack(">HHHHi", await self._read(12))
        self.rects.append(encoding)
        if encoding == RAW:
            data = np.frombuffer(await self._read(width * height * 4), np.uint8)
            if self.screen is None or self.screen.shape[:2] != self.size_px[::-1]:
                self.screen = np.zeros((*self.size_px[::-1], 4), np.uint8)
            self.screen[y : y + height, x : x + width] = data.reshape(height, width, 4)
            self.luma = luma_of(self.screen)
        elif encoding == H264:
            await self._h264(width, height)
        elif encoding == CURSOR:
            await self._read(width * height * 4 + (width + 7) // 8 * height)
        elif encoding == EXTENDED_DESKTOP_SIZE:
            screens = (await self._read(4))[0]
            await self._read(16 * screens)
            self.size_px = (width, height)
        else:
            assert encoding == DESKTOP_SIZE, f"encoding {encoding}"
            self.size_px = (width, height)

    async def _h264(self, width: int, height: int) -> None:
        length, flags = struct.unpack(">II", await self._read(8))
        data = await self._read(length)
        if flags & 3 or self._decoder is None:
            self._decoder = av.CodecContext.create("h264", "r")
        for packet in [*self._decoder.parse(data), *self._decoder.parse(b"")]:
            self.keyframes += packet.is_keyframe
            for frame in self._decoder.decode(packet):  # type: ignore[attr-defined]  # video
                plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
                luma = plane.reshape(-1, frame.planes[0].line_size)
                self.luma = luma[:height, :width].astype(np.int32)


def luma_of(bgrx: np.ndarray) -> Luma:
    """BT.601 luma of (height, width, 4) pixels, as XServer.luma has it."""
    height, width = bgrx.shape[:2]
    frame = av.VideoFrame(width, height, "bgr0")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    rows[:, : width * 4] = bgrx.reshape(height, width * 4)
    luma = frame.reformat(format="yuv420p", dst_colorspace=5, dst_color_range=1).planes[0]
    out = np.frombuffer(memoryview(luma), np.uint8).reshape(height, luma.line_size)
    return out[:, :width].astype(np.int32)


@contextlib.asynccontextmanager
async def probe(made: dict[str, Any], *encodings: int) -> AsyncIterator[RfbProbe]:
    """A probe that has got as far as its first request."""
    async with stream(made) as socket:
        made_probe = RfbProbe(socket)
        await made_probe.begin(*encodings)
        yield made_probe


@contextlib.asynccontextmanager
async def tcp_bridge(made: dict[str, Any]) -> AsyncIterator[int]:
    """A loopback port for one connection of a program that knows no WebSockets."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with stream(made) as socket, asyncio.TaskGroup() as group:

                async def up() -> None:
                    while data := await reader.read(65_536):
                        await socket.send_bytes(data)
                    await socket.close()

                job = group.create_task(up())
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.BINARY:
                        writer.write(message.data)
                        await writer.drain()
                job.cancel()
        except* (ConnectionError, aiohttp.ClientError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        serving.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
