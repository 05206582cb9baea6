"""The clipboard between the holder and the session: policy, sizes, rates, who may."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.config import ClipboardPolicy
from sessioncast_agent.control.calls import (
    MALFORMED,
    NOT_ALLOWED,
    TOO_LARGE,
    TOO_OFTEN,
    UNAVAILABLE,
    Body,
    Calls,
)
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.limits import Bucket
from sessioncast_agent.control.outbox import CLIPBOARD, NOTICE
from sessioncast_agent.control.place import Place
from sessioncast_agent.errors import AgentError, ControlRefused
from sessioncast_agent.inputs import Clip
from sessioncast_agent.stages import RpcHandler, Stage

log = logging.getLogger(__name__)

TEXT, PNG = "text/plain", "image/png"
PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
MAX_BYTES = {TEXT: 262_144, PNG: 1_000_000}
INLINE_BYTES = 10_000  # beyond, a byte stream carries it
IN_PER_S, IN_BURST = 4.0, 8.0
OUT_REST_S = 0.25  # between two that go out; the newest wins
SET_TIMEOUT_S = 2.0
STREAM_TIMEOUT_S = 10.0
MAX_STREAMS = 2


class ClipboardDesk(Stage):
    """See the module. `offer` and `check_out` are for the fallback too."""

    name = "clipboard"

    def __init__(
        self, desk: ControlDesk, place: Place, calls: Calls, policy: ClipboardPolicy
    ) -> None:
        self._desk, self._place, self._calls = desk, place, calls
        self.takes_in = policy in {ClipboardPolicy.IN, ClipboardPolicy.BOTH}
        self.gives_out = policy in {ClipboardPolicy.OUT, ClipboardPolicy.BOTH}
        self._room: rtc.Room | None = None
        self._held: Clip | None = None
        self._due = asyncio.Event()
        self._bucket = Bucket(IN_PER_S, IN_BURST)
        self._streams: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sends what programs copied to the holder."""
        while True:
            await self._due.wait()
            self._due.clear()
            clip, holder = self._held, self._desk.holder
            if clip is not None and holder is not None:
                await self._send(clip, holder)
                await asyncio.sleep(OUT_REST_S)

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._room = room
        room.register_byte_stream_handler(CLIPBOARD, self._stream)

    def left(self) -> None:
        """See Stage."""
        self._room = None

    def copied(self, clip: Clip) -> None:
        """See Stage."""
        if len(clip.data) > MAX_BYTES.get(clip.mime, 0):
            return
        self._held = clip
        if self.gives_out:
            self._due.set()

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """See Stage."""
        return {
            "clipboard.set": self._calls.guarded(self._set),
            "clipboard.get": self._calls.guarded(self._get),
        }

    async def offer(self, identity: str, clip: Clip) -> None:
        """Somebody pastes: done once the session would give it. Raises ControlRefused."""
        if not self.takes_in:
            raise ControlRefused(NOT_ALLOWED, "this session takes no clipboard from outside")
        if len(clip.data) > MAX_BYTES.get(clip.mime, 0):
            raise ControlRefused(TOO_LARGE, "that is too large, or of a kind that cannot be pasted")
        person = self._desk.check_holder(identity)
        if not self._bucket.take(monotonic_us()):
            raise ControlRefused(TOO_OFTEN, "too many pastes; wait a moment")
        try:
            async with asyncio.timeout(SET_TIMEOUT_S):
                await asyncio.wrap_future(self._place.backend.set_clipboard(clip))
        except TimeoutError as error:
            raise ControlRefused(UNAVAILABLE, "the session did not take it in time") from error
        self._held = clip
        self._desk.note("clipboard", person, {"way": "in", "mime": clip.mime,
                                              "bytes": len(clip.data)})  # fmt: skip

    async def _set(self, person: Person, body: Body) -> Body:
        text = body.get("text")
        if body.get("mime", TEXT) != TEXT or not isinstance(text, str):
            raise ControlRefused(MALFORMED, "clipboard.set takes text/plain; images are streams")
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise ControlRefused(MALFORMED, "the text is not Unicode") from error
        await self.offer(person.identity, Clip(TEXT, data))
        return {"ok": True}

    async def _get(self, person: Person, _: Body) -> Body:
        if not self.gives_out:
            raise ControlRefused(NOT_ALLOWED, "this session gives no clipboard out")
        self._desk.check_holder(person.identity)
        clip = self._held
        if clip is None or clip.mime != TEXT:
            return {"mime": TEXT, "text": ""}
        if len(clip.data) > INLINE_BYTES:
            raise ControlRefused(TOO_LARGE, "it is too large for an answer; it comes as a stream")
        return {"mime": TEXT, "text": clip.data.decode()}

    # -- byte streams --------------------------------------------------------------------------

    def _stream(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if self._desk.person(identity) is None or len(self._streams) >= MAX_STREAMS:
            reader.close()
            return
        task = asyncio.get_running_loop().create_task(self._receive(reader, identity))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    async def _receive(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        try:
            clip = await self._read(reader)
            await self.offer(identity, clip)
        except AgentError as error:
            self._desk.outbox.tell(NOTICE, ["refused", CLIPBOARD, str(error)], [identity])
        else:
            name = (reader.info.attributes or {}).get("id", "")
            self._desk.outbox.tell(CLIPBOARD, ["set", name], [identity])

    async def _read(self, reader: rtc.ByteStreamReader) -> Clip:
        mime = reader.info.mime_type.partition(";")[0]
        most = MAX_BYTES.get(mime, 0)
        data = bytearray()
        try:
            async with asyncio.timeout(STREAM_TIMEOUT_S):
                async for chunk in reader:
                    data += chunk
                    if len(data) > most:
                        raise ControlRefused(TOO_LARGE, "that is too large to be pasted")
        except (TimeoutError, StreamError) as error:
            raise ControlRefused(UNAVAILABLE, "the clipboard did not arrive whole") from error
        finally:
            reader.close()
        if mime == PNG and not data.startswith(PNG_BEGINS):
            raise ControlRefused(MALFORMED, "that is no PNG")
        if mime == TEXT:
            data = bytearray(data.decode("utf-8", "replace").encode())
        return Clip(mime, bytes(data))

    async def _send(self, clip: Clip, holder: Person) -> None:
        note = {"way": "out", "mime": clip.mime, "bytes": len(clip.data)}
        self._desk.note("clipboard", holder, note)
        if clip.mime == TEXT and len(clip.data) <= INLINE_BYTES:
            message: list[object] = ["text", clip.data.decode()]
            self._desk.outbox.tell(CLIPBOARD, message, [holder.identity])
            return
        room = self._room
        if room is None or not room.isconnected():
            return
        try:
            async with asyncio.timeout(STREAM_TIMEOUT_S):
                writer = await room.local_participant.stream_bytes(
                    "clipboard",
                    topic=CLIPBOARD,
                    mime_type=clip.mime,
                    total_size=len(clip.data),
                    destination_identities=[holder.identity],
                )
                await writer.write(clip.data)
                await writer.aclose()
        except (TimeoutError, RuntimeError, ConnectionError) as error:
            log.debug("clipboard not sent: %s", error)
