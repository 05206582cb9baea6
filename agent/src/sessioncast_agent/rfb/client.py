"""One viewer of the fallback: its WebSocket on one side, picture and input of the session on the
other. Lives on the event loop; encoding happens on the encode thread or the stage's worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.control.messages import ResetMessage
from sessioncast_agent.errors import RfbBroken
from sessioncast_agent.rfb import side
from sessioncast_agent.rfb.cursor import Shape, blend, cursor_rect, draws_pointer
from sessioncast_agent.rfb.flow import Window
from sessioncast_agent.rfb.h264 import UnitQueue, h264_rect
from sessioncast_agent.rfb.host import Host
from sessioncast_agent.rfb.pixels import words_of
from sessioncast_agent.rfb.pointer import ButtonMask, key_messages
from sessioncast_agent.rfb.server import (
    RESIZED_BY_CLIENT,
    RESIZED_BY_SERVER,
    Event,
    FenceReturned,
    Ready,
    Rect,
    RfbServer,
)
from sessioncast_agent.rfb.tight import RectEncoder, Wish
from sessioncast_agent.rfb.wire import (
    CutText,
    Encoding,
    KeyEvent,
    PointerEvent,
    SetDesktopSize,
)
from sessioncast_agent.video.convert import even

log = logging.getLogger(__name__)
T = TypeVar("T")

HANDSHAKE_S = 10.0
SEND_S = 15.0
STUCK_US = 20_000_000  # a client that has not drawn anything for so long is gone
CHUNK_BYTES = 64 * 1024
KEYFRAME_GAP_US = 1_000_000  # one slow client must not make IDRs for everybody
WATCH_S = 0.25
# when a silent holder's keys go up, and when it loses control
PAGE_SILENCE_US, CLIENT_SILENCE_US = (1_000_000, 2_000_000), (3_000_000, 6_000_000)
RECT_GAP_US = 50_000  # at most 20 updates of rectangles a second
RESIZE_DONE, RESIZE_FORBIDDEN, RESIZE_REFUSED = 0, 1, 3
_STILL_PICTURES = (Encoding.TIGHT, Encoding.ZLIB, Encoding.RAW)


class FallbackClient:
    """See the module. `run` returns when the viewer is gone, and raises RfbBroken."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, person: Person, title: str, host: Host
    ) -> None:
        self.person = person
        self.units = UnitQueue()
        self.letters = side.Letters()
        self._socket, self._host = socket, host
        self._server = RfbServer(title, host.size_px(), self)
        self._buttons = ButtonMask()
        self._window = Window()
        self._rects = RectEncoder()
        self._wake = asyncio.Event()
        self._h264: bool | None = None
        self._reset = True
        self._heard_us = monotonic_us()
        self._asked_us = self._updated_us = -KEYFRAME_GAP_US
        self._shown: tuple[int, tuple[int, int] | None] | None = None
        self._shape: Shape | None = None
        self._resizing: asyncio.Task[None] | None = None
        self._resize_reason = RESIZED_BY_SERVER

    # -- the session's news ------------------------------------------------------------------

    def wake(self) -> None:
        """Something may be due: a unit, a frame, a pointer."""
        self._wake.set()

    def clip_changed(self) -> None:
        """A program of the session copied something."""
        self._server.clip_changed()
        self._wake.set()

    def readable(self) -> str | None:
        """See ClipboardSource."""
        return self._host.clipboard(self.person)

    # -- life --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until either side ends it."""
        work = (self._read(), self._write(), self._watch())
        jobs = [asyncio.create_task(job) for job in work]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            for job in [*jobs, *([self._resizing] if self._resizing else [])]:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            self._heard_us = monotonic_us()
            if message.type is aiohttp.WSMsgType.BINARY:
                for event in self._server.receive(message.data):
                    self._heard(event)
                self._wake.set()
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._asked(message.data)
            elif message.type is aiohttp.WSMsgType.ERROR:
                return

    def _asked(self, text: str) -> None:
        match side.read(text):
            case side.Hello():
                self.letters.open = True
                self._host.greet(self)
            case side.Call() as call:
                self.letters.put(self._host.call(self.person, call))
        self._wake.set()

    async def _watch(self) -> None:
        """A holder who is not heard any more keeps no key down, and then not the lease.

        Our page beats; other clients are heard by the fences that they send back.
        """
        let_go = False
        while True:
            await asyncio.sleep(WATCH_S)
            if not self._host.holds(self.person):
                let_go = False
                continue
            now_us = monotonic_us()
            silent_us = now_us - self._heard_us
            keys_us, lease_us = PAGE_SILENCE_US if self.letters.open else CLIENT_SILENCE_US
            if not self.letters.open:
                if not self._server.fences:
                    continue
                if silent_us >= keys_us // 3 and self._window.is_empty:
                    self._server.fence(self._window.sent(now_us, 0))
                    self._wake.set()
            if silent_us >= lease_us:
                self._host.silent(self.person)
            elif silent_us < keys_us:
                let_go = False
            elif not let_go:
                let_go = True
                self._host.act(self.person, [ResetMessage()])

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HANDSHAKE_S
        wait_s: float | None = None
        await self._flush()  # the server speaks first
        while True:
            if not self._server.ready:
                wait_s = max(0.0, deadline - loop.time())
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                if not self._server.ready and loop.time() >= deadline:
                    raise RfbBroken("the VNC client did not finish its handshake") from None
            self._wake.clear()
            wait_s = await self._step()
            await self._flush()

    async def _flush(self) -> None:
        for text in self.letters.take():
            await self._sent(self._socket.send_str(text))
        data = self._server.take_output()
        for at in range(0, len(data), CHUNK_BYTES):
            await self._sent(self._socket.send_bytes(data[at : at + CHUNK_BYTES]))

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await sending
        except TimeoutError:
            raise RfbBroken("the VNC client takes nothing any more") from None
        except (ConnectionError, aiohttp.ClientError) as error:
            raise RfbBroken("the VNC client is gone") from error

    # -- what the client said ----------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        match event:
            case Ready():
                log.info("the fallback shows the session identity=%s", self.person.identity)
            case FenceReturned():
                self._window.returned(event.number, monotonic_us())
            case KeyEvent():
                self._host.act(self.person, key_messages(event))
            case PointerEvent():
                self._host.act(self.person, self._buttons.messages(event))
            case CutText():
                self._host.cut(self.person, event.text)
            case SetDesktopSize():
                if self._resizing is None or self._resizing.done():
                    self._resizing = asyncio.create_task(self._resize(event))

    async def _resize(self, wanted: SetDesktopSize) -> None:
        size_px = (wanted.width_px, wanted.height_px)
        status = RESIZE_FORBIDDEN
        if self._host.may_act(self.person):
            self._resize_reason = RESIZED_BY_CLIENT
            status = RESIZE_DONE if await self._host.resize(self.person, size_px) else (
                RESIZE_REFUSED
            )  # fmt: skip
        if status != RESIZE_DONE or self._host.size_px() == self._server.size_px:
            self._resize_reason = RESIZED_BY_SERVER
            self._server.resize_answer(status)
        self._wake.set()

    # -- what the client is sent -------------------------------------------------------------

    async def _step(self) -> float | None:
        """Send what is due and possible; the seconds after which to look again."""
        server, now_us = self._server, monotonic_us()
        if not server.ready:
            return None
        if not self._window.is_open(now_us):
            if now_us - self._updated_us > STUCK_US:
                raise RfbBroken("the VNC client draws nothing any more")
            return STUCK_US / 1e6
        if not server.may_update:
            return None
        self._choose()
        self._draw_pointer()
        rects: list[Rect] = []
        wait_s: float | None = None
        if self._h264:
            rects = self._units_due(now_us)
            wait_s = KEYFRAME_GAP_US / 1e6 if self.units.starved else None
        elif (rest_us := self._updated_us + RECT_GAP_US - now_us) > 0 and not server.refresh:
            wait_s = rest_us / 1e6
        else:
            rects = await self._rects_due()
        if rects or server.has_extras:
            server.update(rects)
            self._updated(now_us)
        return wait_s

    def _updated(self, now_us: int) -> None:
        self._updated_us = now_us
        if self._server.fences:
            size_bytes = self._server.pending_bytes
            self._server.fence(self._window.sent(now_us, size_bytes))

    def _choose(self) -> None:
        server = self._server
        h264 = server.knows(Encoding.H264) and draws_pointer(server) and server.can_resize
        if h264 is not self._h264:
            self._h264 = h264
            self._host.wants(self, units=h264, frames=not h264)

    def _draw_pointer(self) -> None:
        shape = self._host.shape()
        if shape is None or (shape is self._shape and not self._server.refresh):
            return
        rect = cursor_rect(self._server, shape)
        if rect is not None:
            self._shape = shape
            self._server.announce(rect)

    def _resized(self, size_px: tuple[int, int]) -> bool:
        """Tell the client of another size, where it can follow."""
        if size_px == self._server.size_px or not self._server.can_resize:
            return False
        self._server.resize(size_px, self._resize_reason)
        self._resize_reason = RESIZED_BY_SERVER
        self._updated(monotonic_us())
        return True

    def _units_due(self, now_us: int) -> list[Rect]:
        server = self._server
        if server.refresh:
            server.refresh = False
            self._reset = True
            self.units.restart()
        if self.units.starved:
            if now_us - self._asked_us >= KEYFRAME_GAP_US:
                self._asked_us = now_us
                self._host.want_keyframe()
            return []
        coded_px = self.units.size_px()
        if coded_px is None:
            return []
        if coded_px != _padded(server.size_px):
            if coded_px != _padded(self._host.size_px()):
                self.units.restart()  # of a size that is over already
            elif self._resized(self._host.size_px()):
                server.refresh = False  # what waits begins with an IDR
                self._reset = True
                self._wake.set()
            return []
        units = self.units.take()
        reset, self._reset = self._reset, False
        return [h264_rect(units, server.size_px, reset=reset)]

    async def _rects_due(self) -> list[Rect]:
        server, host = self._server, self._host
        frame = host.frame()
        if frame is None:
            return []
        if self._resized((frame.width_px, frame.height_px)):
            self._rects.forget()
            self._wake.set()
            return []
        pointer_px = None if draws_pointer(server) else host.pointer_px()
        if server.refresh:
            self._rects.forget()
        elif self._shown == (frame.captured_us, pointer_px):
            return []
        server.refresh = False
        self._shown = (frame.captured_us, pointer_px)
        shape, size_px = host.shape(), server.size_px
        chosen = next((e for e in server.preferred if e in _STILL_PICTURES), Encoding.RAW)
        wish = Wish(chosen, server.pixel_format, server.quality, server.compression)

        def encode() -> list[Rect]:
            words = words_of(frame.picture).copy()  # the capture wants its memory back
            if pointer_px is not None and shape is not None:
                blend(words, shape, pointer_px)
            return self._rects.encode(words[: size_px[1], : size_px[0]], wish)

        rects = await asyncio.wrap_future(host.in_worker(encode))
        if (server.pixel_format, server.quality) != (wish.format, wish.quality):
            return []  # asked for differently meanwhile: the refresh that this caused comes next
        return rects


def _padded(size_px: tuple[int, int]) -> tuple[int, int]:
    return even(size_px[0]), even(size_px[1])
