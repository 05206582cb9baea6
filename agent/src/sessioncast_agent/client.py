"""A typed client for programs that look at a session and drive it.

    offer = await ask_for_offer("https://cast.example", "demo", key, name="Bot")
    async with open_session(offer) as session:
        await session.request_control()
        picture = await session.screenshot(max_width_px=1280)
        await session.click(640, 360)
        await session.type("hello")
        await session.key("ctrl+s")

The program is a participant like any other: everybody sees that it has control, and it yields to a
person who acts (then its next verb raises `Refused` with `code` 1409). docs/protocol.md lists the
verbs and codes; docs/examples/drive_desktop.py is a whole program.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from livekit import rtc

from sessioncast_agent.errors import AgentError
from sessioncast_agent.joining import join

CONNECT_TIMEOUT_S = 15.0
CALL_TIMEOUT_S = 8.0
PICTURE_TIMEOUT_S = 15.0
MAX_NOTICES = 256
REFUSALS = frozenset({1400, 1403, 1404, 1409, 1413, 1429})


class SessionUnavailable(AgentError):
    """The shim, the SFU or the session's agent does not answer."""


class Refused(AgentError):
    """The agent or the shim said no; `code` is docs/protocol.md's (1409: somebody has control)."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Offer:
    """What the shim answers: where to go, and the token, which is never printed."""

    server_url: str
    room_name: str
    identity: str
    role: str
    participant_token: str = field(repr=False)


@dataclass(frozen=True)
class Screenshot:
    """One picture; `frame` is the id of the newest video frame when it was taken."""

    data: bytes = field(repr=False)
    mime: str
    width_px: int
    height_px: int
    frame: int


@dataclass(frozen=True)
class ControlState:
    """Who has control; the identity is empty while nobody has."""

    holder: str
    name: str
    actor: str
    mode: str


async def ask_for_offer(
    signaling_url: str,
    session: str,
    key: str,
    *,
    role: str = "operator",
    name: str = "",
    actor: str = "ai",
) -> Offer:
    """An offer by an API key."""
    body = {"role": role, "name": name, "actor": actor}
    url = f"{signaling_url.rstrip('/')}/api/v1/sessions/{session}/webrtc/offer"
    return await _post(url, body, {"Authorization": f"Bearer {key}"})


async def join_by_link(link: str) -> Offer:
    """An offer by a join link, whose secret is in its fragment."""
    address, _, fragment = link.partition("#join=")
    if not fragment:
        raise Refused(400, "this is no join link: it has no #join= part")
    scheme, _, rest = address.partition("://")
    return await _post(f"{scheme}://{rest.split('/')[0]}/api/v1/join", {"secret": fragment}, {})


async def _post(url: str, body: dict[str, str], headers: dict[str, str]) -> Offer:
    timeout = aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(url, json=body, headers=headers) as answer,
        ):
            content = await answer.json(content_type=None)
            if answer.status >= 400:
                detail = content.get("detail") or content.get("title") or "refused"
                raise Refused(answer.status, f"the shim says no: {detail}")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SessionUnavailable("the shim does not answer; check its URL") from error
    names = ("server_url", "room_name", "identity", "role", "participant_token")
    return Offer(**{name: content[name] for name in names})


@asynccontextmanager
async def open_session(offer: Offer) -> AsyncIterator[SessionClient]:
    """Join for the body; the agent has answered once before it begins."""
    room = rtc.Room()
    client = SessionClient(room, offer)
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                options = rtc.RoomOptions(auto_subscribe=False)
                await join(room, offer.server_url, offer.participant_token, options)
                await client.agent_here()
        except (rtc.ConnectError, TimeoutError) as error:
            raise SessionUnavailable("the session cannot be joined now; try again") from error
        yield client
    finally:
        with suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await room.disconnect()


class SessionClient:
    """Made by `open_session`. Every verb raises Refused or SessionUnavailable."""

    def __init__(self, room: rtc.Room, offer: Offer) -> None:
        self._room = room
        self.identity = offer.identity
        self.agent = f"agent-{offer.room_name}"
        self.notices: asyncio.Queue[list[Any]] = asyncio.Queue(MAX_NOTICES)
        self._pictures: dict[str, asyncio.Future[bytes]] = {}
        self._readers: set[asyncio.Task[None]] = set()
        room.on("data_received", self._data)
        room.register_byte_stream_handler("screenshot", self._picture)

    # -- seeing --------------------------------------------------------------------------------

    async def screenshot(
        self, *, max_width_px: int | None = None, picture_format: str = "jpeg"
    ) -> Screenshot:
        """The screen as it is now."""
        body: dict[str, Any] = {"format": picture_format}
        if max_width_px is not None:
            body["max_width_px"] = max_width_px
        answer = await self.call("screenshot", body)
        name = str(answer["id"])
        try:
            async with asyncio.timeout(PICTURE_TIMEOUT_S):
                data = await self._expected(name)
        except (TimeoutError, ConnectionError) as error:
            raise SessionUnavailable("the picture did not arrive; try again") from error
        finally:
            self._pictures.pop(name, None)
        size = (int(answer["width_px"]), int(answer["height_px"]))
        return Screenshot(data, str(answer["mime"]), *size, int(answer["frame"]))

    @property
    def size_px(self) -> tuple[int, int]:
        """The desktop's size, as last told."""
        width, _, height = self._attribute("size", "0x0").partition("x")
        return int(width), int(height)

    @property
    def control(self) -> ControlState:
        """Who has control, as last told."""
        keys = ("holder", "name", "actor", "mode")
        return ControlState(*(self._attribute(f"control.{key}", "") for key in keys))

    # -- acting --------------------------------------------------------------------------------

    async def move(self, x: float, y: float) -> None:
        """The pointer to a place."""
        await self.call("move", {"x": x, "y": y})

    async def click(self, x: float, y: float, *, button: int = 0, count: int = 1) -> None:
        """Click `count` times at a place; `button` as in `MouseEvent.button`."""
        await self.call("click", {"x": x, "y": y, "button": button, "count": count})

    async def type(self, text: str) -> None:
        """Type this, whatever the keyboard's layout is; any length."""
        for at in range(0, len(text), 1_000):
            await self.call("type", {"text": text[at : at + 1_000]})

    async def key(self, keys: str) -> None:
        """Press and release a key or a chord: `Return`, `ctrl+shift+t`."""
        await self.call("key", {"keys": keys})

    async def scroll(self, x: float, y: float, *, dx: float = 0, dy: float = 0) -> None:
        """Turn the wheel at a place; pixels, positive is right and down."""
        await self.call("scroll", {"x": x, "y": y, "dx": dx, "dy": dy})

    # -- control, clipboard, size --------------------------------------------------------------

    async def request_control(self, *, wait_s: float = 20.0) -> None:
        """Ask for control and wait until it is granted; raises Refused when it is denied."""
        answer = await self.call("control.request", {})
        if answer["state"] == "granted":
            return
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    notice = await self.notices.get()
                    if notice[0] == "control.granted":
                        return
                    if notice[0] == "control.denied":
                        raise Refused(1409, f"control was denied: {notice[1]}")
        except TimeoutError as error:
            raise Refused(1409, "control was not granted in time") from error

    async def release_control(self) -> None:
        """Give it back."""
        await self.call("control.release", {})

    async def set_clipboard(self, text: str) -> None:
        """What a paste in the session gives from now on."""
        await self.call("clipboard.set", {"mime": "text/plain", "text": text})

    async def clipboard(self) -> str:
        """The text that the session's clipboard holds."""
        return str((await self.call("clipboard.get", {}))["text"])

    async def resize(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Give the desktop another size; the size that it has then."""
        answer = await self.call("desktop.resize", {"width_px": width_px, "height_px": height_px})
        return int(answer["width_px"]), int(answer["height_px"])

    async def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Any method of docs/protocol.md."""
        try:
            answer = await self._room.local_participant.perform_rpc(
                destination_identity=self.agent,
                method=method,
                payload=json.dumps(body),
                response_timeout=CALL_TIMEOUT_S,
            )
        except rtc.RpcError as error:
            if error.code in REFUSALS:
                raise Refused(error.code, error.message) from error
            raise SessionUnavailable(f"{method} got no answer: {error.message}") from error
        result: dict[str, Any] = json.loads(answer)
        return result

    async def agent_here(self) -> None:
        """Until the session's agent is in the room."""
        while self.agent not in self._room.remote_participants:  # noqa: ASYNC110 - has a deadline
            await asyncio.sleep(0.02)

    # -- what comes in -------------------------------------------------------------------------

    def _attribute(self, name: str, default: str) -> str:
        agent = self._room.remote_participants.get(self.agent)
        return default if agent is None else agent.attributes.get(name, default)

    def _data(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else ""
        if packet.topic != "notice" or sender != self.agent:
            return
        with suppress(ValueError):
            notice = json.loads(packet.data)
            if self.notices.full():
                self.notices.get_nowait()
            self.notices.put_nowait(notice)

    def _expected(self, name: str) -> asyncio.Future[bytes]:
        future = self._pictures.get(name)
        if future is None:
            future = self._pictures[name] = asyncio.get_running_loop().create_future()
        return future

    def _picture(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if identity != self.agent or len(self._readers) >= 8:
            reader.close()
            return
        task = asyncio.get_running_loop().create_task(self._read(reader))
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    async def _read(self, reader: rtc.ByteStreamReader) -> None:
        future = self._expected((reader.info.attributes or {}).get("id", ""))
        try:
            data = b"".join([chunk async for chunk in reader])
        except ConnectionError as error:
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            future.set_result(data)
