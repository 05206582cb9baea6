"""An existing VNC server (`--vnc-url`), relayed: view-only unless the viewer has control.

What the server sends goes through unread. What the viewer sends is parsed: keys, pointer, cut text
and sizes pass only while the lease is the viewer's, and of encodings only those that change nothing
in what clients may send. When the lease is lost, what is down there is released.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from contextlib import suppress

import aiohttp
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.hands import Hands, is_bare_move
from sessioncast_agent.control.lease import Change, What
from sessioncast_agent.control.limits import BURST, RATE_PER_S, Bucket
from sessioncast_agent.control.messages import Message as Act
from sessioncast_agent.errors import ControlRefused, LinkLost, RfbBroken
from sessioncast_agent.rfb.pointer import ButtonMask, key_messages
from sessioncast_agent.rfb.server import handshake
from sessioncast_agent.rfb.settings import VncServer
from sessioncast_agent.rfb.wire import (
    CutText,
    Encoding,
    Feed,
    KeyEvent,
    Message,
    Parser,
    PointerEvent,
    SetDesktopSize,
    SetEncodings,
    read_message,
)

log = logging.getLogger(__name__)

CONNECT_S = 5.0
SEND_S = 15.0
CHUNK_BYTES = 64 * 1024
MAX_TITLE_BYTES = 4_096
NO_SECURITY, VNC_PASSWORD = 1, 2
_PSEUDO = frozenset(
    {
        Encoding.DESKTOP_SIZE, Encoding.LAST_RECT, Encoding.CURSOR, Encoding.QEMU_KEYS,
        Encoding.DESKTOP_NAME, Encoding.EXTENDED_DESKTOP_SIZE, Encoding.FENCE,
        Encoding.CONTINUOUS_UPDATES, Encoding.CURSOR_WITH_ALPHA, Encoding.VMWARE_CURSOR,
        -240, -260, -261,  # XCursor, TightPNG, the lights of the keyboard
    }
)  # fmt: skip


def allowed_encodings(encodings: tuple[int, ...]) -> list[int]:
    """Those that leave the client's messages as `read_message` knows them."""
    levels = (range(-32, -22), range(-256, -246), range(-512, -411))
    return [
        number
        for number in encodings
        if 0 <= number <= 50 or number in _PSEUDO or any(number in level for level in levels)
    ]


def vnc_response(password: str, challenge: bytes) -> bytes:
    """What proves the password: DES with each byte of the key turned round."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode("latin-1", "replace")[:8])
    single = TripleDES(key.ljust(8, b"\0") * 3)  # DES is triple DES with one key
    encryptor = Cipher(single, modes.ECB()).encryptor()  # noqa: S305 - the protocol's own
    return encryptor.update(challenge) + encryptor.finalize()


async def _open(
    server: VncServer,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Connected and let in; the server's init message. Raises LinkLost."""
    writer = None
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                server.host, server.port, limit=CHUNK_BYTES
            )
            return reader, writer, await _begin(reader, writer, server.password)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        if writer is not None:
            writer.close()
        raise LinkLost(f"the VNC server of --vnc-url does not answer: {error!r}") from None


async def _begin(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str | None
) -> bytes:
    version = await reader.readexactly(12)
    if not version.startswith(b"RFB 003."):
        raise LinkLost("what answers at --vnc-url is no VNC server")
    modern = version >= b"RFB 003.007\n"
    newest = version >= b"RFB 003.008\n"
    writer.write(min(version, b"RFB 003.008\n") if modern else b"RFB 003.003\n")
    if modern:
        types = await reader.readexactly((await reader.readexactly(1))[0])
        chosen = NO_SECURITY if NO_SECURITY in types else VNC_PASSWORD
        if chosen not in types:
            raise LinkLost("the VNC server of --vnc-url knows neither None nor VNC passwords")
        writer.write(bytes((chosen,)))
    else:
        (chosen,) = struct.unpack(">I", await reader.readexactly(4))
    if chosen == VNC_PASSWORD:
        if password is None:
            raise LinkLost("the VNC server of --vnc-url wants a password: set VNC_PASSWORD_FILE")
        writer.write(vnc_response(password, await reader.readexactly(16)))
    elif chosen != NO_SECURITY:
        raise LinkLost("the VNC server of --vnc-url refuses every client")
    if (newest or chosen == VNC_PASSWORD) and any(await reader.readexactly(4)):
        raise LinkLost("the VNC server of --vnc-url refuses the password")
    writer.write(b"\x01")  # shared
    head = await reader.readexactly(24)
    (length,) = struct.unpack(">I", head[20:])
    return head + await reader.readexactly(min(length, MAX_TITLE_BYTES))


class Relay:
    """One viewer and its own connection to the server."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        person: Person,
        desk: ControlDesk,
        server: VncServer,
    ) -> None:
        self._socket, self._person, self._desk, self._server = socket, person, desk, server
        self._answer = bytearray()
        self._onward = bytearray()
        self._rate = Bucket(RATE_PER_S, BURST)
        self._buttons, self._hands = ButtonMask(), Hands()
        self._keys: set[int] = set()
        self._place: tuple[int, int] | None = None
        self._size_px = (0, 0)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Until either side goes. Raises RfbBroken and LinkLost."""
        reader, writer, init = await _open(self._server)
        self._writer = writer
        self._size_px = struct.unpack(">HH", init[:4])
        self._desk.subscribe(self._changed)
        jobs = [
            asyncio.create_task(job) for job in (self._from_viewer(init), self._to_viewer(reader))
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            self._desk.unsubscribe(self._changed)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            self._let_go()
            writer.close()
            self._writer = None

    async def _to_viewer(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK_BYTES):
            async with asyncio.timeout(SEND_S):
                await self._socket.send_bytes(data)

    async def _from_viewer(self, init: bytes) -> None:
        feed = Feed(self._converse(init))
        await self._pass_on()
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                feed.feed(message.data)
                await self._pass_on()

    async def _pass_on(self) -> None:
        answer, self._answer[:] = bytes(self._answer), b""
        if answer:
            await self._socket.send_bytes(answer)
        onward, self._onward[:] = bytes(self._onward), b""
        if onward and self._writer is not None:
            self._writer.write(onward)
            try:
                async with asyncio.timeout(SEND_S):
                    await self._writer.drain()
            except (TimeoutError, ConnectionError) as error:
                raise RfbBroken("the VNC server of --vnc-url takes nothing any more") from error

    def _converse(self, init: bytes) -> Parser:
        yield from handshake(self._answer)
        self._answer += init
        while True:
            message, raw = yield from read_message(lambda: False)
            self._onward += self._filtered(message, raw)

    def _filtered(self, message: Message, raw: bytes) -> bytes:
        match message:
            case SetEncodings():
                kept = allowed_encodings(message.encodings)
                return struct.pack(f">BxH{len(kept)}i", 2, len(kept), *kept)
            case KeyEvent():
                acts = key_messages(message)
                if not acts or not self._may(acts):
                    return b""
                (self._keys.add if message.down else self._keys.discard)(message.keysym)
                return raw
            case PointerEvent():
                self._place = (message.x_px, message.y_px)
                acts = self._buttons.messages(message)
                return raw if acts and self._may(acts) else b""
            case CutText() | SetDesktopSize():
                return raw if self._may([]) else b""
            case _:
                return raw

    def _may(self, acts: list[Act]) -> bool:
        """Whether these count; then they are in the audit like everybody's."""
        if not self._rate.take(monotonic_us()):
            return False
        bare = all(is_bare_move(act) for act in acts)
        try:
            person = self._desk.check_holder(self._person.identity, takes=not bare)
        except ControlRefused:
            return False
        for act in acts:
            self._desk.noted(person, self._hands.events(act, self._size_px))
        return True

    def _changed(self, change: Change) -> None:
        if change.person.identity == self._person.identity and change.what in {
            What.LOST,
            What.RELEASE_KEYS,
        }:
            self._let_go()

    def _let_go(self) -> None:
        """No key and no button stays down in the server."""
        writer = self._writer
        if writer is None or not (self._keys or self._hands.holding):
            return
        with suppress(OSError, RuntimeError):
            for keysym in self._keys:
                writer.write(struct.pack(">BB2xI", 4, 0, keysym))
            if self._place is not None:
                writer.write(struct.pack(">BBHH", 5, 0, *self._place))
        self._keys.clear()
        self._hands.let_go()
        self._buttons = ButtonMask()
