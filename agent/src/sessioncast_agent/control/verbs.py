"""The verbs for programs, as LiveKit RPC under the same lease: see, point, type, ask."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from typing import Any

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.control.calls import (
    MALFORMED,
    UNAVAILABLE,
    Body,
    Calls,
    number,
    whole,
    word,
)
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.keys import parse_keys
from sessioncast_agent.control.lease import Mode
from sessioncast_agent.control.messages import (
    BUTTONS,
    MAX_PLACE_PX,
    MAX_STEP_PX,
    MAX_TEXT_CHARS,
    ButtonMessage,
    KeyMessage,
    Message,
    MoveMessage,
    TextMessage,
    WheelMessage,
    check_text,
)
from sessioncast_agent.control.place import Place
from sessioncast_agent.errors import CaptureFailed, ControlRefused, ResizeRefused
from sessioncast_agent.media import RawFrame
from sessioncast_agent.pictures import encode_picture
from sessioncast_agent.stages import RpcHandler, Stage

log = logging.getLogger(__name__)

SCREENSHOT = "screenshot"
SNAPSHOT_TIMEOUT_S = 3.0
RESIZE_TIMEOUT_S = 3.0
SEND_TIMEOUT_S = 10.0
RESIZE_DEBOUNCE_S = 0.25
MAX_SIDE_PX = 16_384
MAX_CLICKS = 3


class ControlVerbs(Stage):
    """See the module."""

    name = "verbs"

    def __init__(self, desk: ControlDesk, place: Place, calls: Calls) -> None:
        self._desk, self._place, self._calls = desk, place, calls
        self._room: rtc.Room | None = None
        self._resizes = 0
        self._sending: set[asyncio.Task[None]] = set()

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._room = room

    def left(self) -> None:
        """See Stage."""
        self._room = None

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """See Stage."""
        methods = {
            "control.hello": self._hello,
            "control.request": self._request,
            "control.release": self._release,
            "control.grant": self._grant,
            "control.deny": self._deny,
            "control.take": self._take,
            "control.mode": self._mode,
            "desktop.resize": self._resize,
            "screenshot": self._screenshot,
            "move": self._move,
            "click": self._click,
            "type": self._type,
            "key": self._key,
            "scroll": self._scroll,
        }
        return {name: self._calls.guarded(method) for name, method in methods.items()}

    # -- control -----------------------------------------------------------------------------

    async def _hello(self, person: Person, _: Body) -> Body:
        return self._desk.hello(person.identity)

    async def _request(self, person: Person, _: Body) -> Body:
        return self._desk.request(person.identity)

    async def _release(self, person: Person, _: Body) -> Body:
        return self._desk.release(person.identity)

    async def _grant(self, person: Person, body: Body) -> Body:
        return self._desk.grant(person.identity, word(body, "identity"))

    async def _deny(self, person: Person, body: Body) -> Body:
        return self._desk.deny(person.identity, word(body, "identity"))

    async def _take(self, person: Person, _: Body) -> Body:
        return self._desk.take(person.identity)

    async def _mode(self, person: Person, body: Body) -> Body:
        mode = body.get("mode")
        if mode not in {known.value for known in Mode}:
            raise ControlRefused(MALFORMED, "mode must be explicit or implicit")
        return self._desk.set_mode(person.identity, str(mode))

    # -- hands -------------------------------------------------------------------------------

    def _do(self, person: Person, messages: Iterable[Message]) -> Body:
        self._desk.do(self._desk.check_holder(person.identity), messages)
        return {"ok": True}

    async def _move(self, person: Person, body: Body) -> Body:
        return self._do(person, [MoveMessage(0, *_place(body), 0)])

    async def _click(self, person: Person, body: Body) -> Body:
        x, y = _place(body)
        button = whole(body, "button", BUTTONS[0], BUTTONS[-1], 0)
        count = whole(body, "count", 1, MAX_CLICKS, 1)
        stroke = [ButtonMessage(0, button, down, x, y, 0) for down in (True, False)]
        return self._do(person, stroke * count)

    async def _type(self, person: Person, body: Body) -> Body:
        text = check_text(body.get("text"))
        if text is None:
            raise ControlRefused(
                MALFORMED, f"text must be 1 to {MAX_TEXT_CHARS} characters, none of them control"
            )
        return self._do(person, [TextMessage(text)])

    async def _key(self, person: Person, body: Body) -> Body:
        symbols = parse_keys(word(body, "keys", 64))
        if symbols is None:
            raise ControlRefused(MALFORMED, "keys must be like ctrl+l, Return, F5 or a")
        downs: list[Message] = [KeyMessage(symbol, True, "") for symbol in symbols]
        ups: list[Message] = [KeyMessage(symbol, False, "") for symbol in reversed(symbols)]
        return self._do(person, downs + ups)

    async def _scroll(self, person: Person, body: Body) -> Body:
        dx, dy = (number(body, key, MAX_STEP_PX, 0) for key in ("dx", "dy"))
        return self._do(person, [WheelMessage(0, dx, dy, *_place(body), 0)])

    # -- the screen --------------------------------------------------------------------------

    async def _resize(self, person: Person, body: Body) -> Body:
        size = [whole(body, key, 1, MAX_SIDE_PX) for key in ("width_px", "height_px")]
        if person.role != "admin":
            self._desk.check_holder(person.identity)
        self._resizes += 1
        mine = self._resizes
        await asyncio.sleep(RESIZE_DEBOUNCE_S)  # a window's edge is being dragged
        if mine != self._resizes:
            raise ControlRefused(UNAVAILABLE, "a newer size was asked for")
        try:
            async with asyncio.timeout(RESIZE_TIMEOUT_S):
                width, height = await asyncio.wrap_future(self._place.backend.resize(*size))
        except TimeoutError as error:
            raise ResizeRefused("the display did not change its size in time") from error
        self._desk.note("resize", person, {"width_px": width, "height_px": height})
        return {"width_px": width, "height_px": height}

    async def _screenshot(self, person: Person, body: Body) -> Body:
        most = whole(body, "max_width_px", 16, MAX_SIDE_PX, MAX_SIDE_PX)
        picture_format = body.get("format", "jpeg")
        if picture_format not in {"jpeg", "png"}:
            raise ControlRefused(MALFORMED, "format must be jpeg or png")
        if len(self._sending) >= 4:
            raise ControlRefused(UNAVAILABLE, "too many pictures are under way; try again")
        frame_id = self._place.frame_id()
        frame = await self._grab()
        data, width, height = await asyncio.to_thread(
            encode_picture, frame.picture, most, str(picture_format)
        )
        name = secrets.token_hex(8)
        answer = {
            "id": name,
            "mime": f"image/{picture_format}",
            "width_px": width,
            "height_px": height,
            "frame": frame_id,
        }
        task = asyncio.get_running_loop().create_task(self._send(person, data, answer))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return answer

    async def _grab(self) -> RawFrame:
        try:
            async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
                return await asyncio.wrap_future(self._place.backend.snapshot())
        except TimeoutError as error:
            raise CaptureFailed("the display gives no picture now; try again") from error

    async def _send(self, person: Person, data: bytes, answer: dict[str, Any]) -> None:
        room = self._room
        if room is None:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                writer = await room.local_participant.stream_bytes(
                    f"{answer['id']}",
                    topic=SCREENSHOT,
                    mime_type=answer["mime"],
                    total_size=len(data),
                    attributes={"id": answer["id"]},
                    destination_identities=[person.identity],
                )
                await writer.write(data)
                await writer.aclose()
        except (TimeoutError, RuntimeError, ConnectionError) as error:
            log.debug("screenshot not sent: %s", error)


def _place(body: Body) -> tuple[float, float]:
    return number(body, "x", MAX_PLACE_PX), number(body, "y", MAX_PLACE_PX)
