"""An operator without a page: joins, sends input packets and beats, calls, hears notices."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto.ffi_pb2 import FfiRequest
from livekit.rtc._utils import get_address

from support.agent_process import call
from support.seat import Seat
from support.shim_process import ShimProcess
from support.viewer import eventually

BEAT_S = 0.2


@dataclass
class Operator:
    """One participant; `heard` is all data that came, by topic."""

    room: rtc.Room
    agent: str
    identity: str
    asked_at: float
    heard: list[tuple[str, list[Any]]] = field(default_factory=list)
    streams: list[tuple[str, str, bytes]] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    buttons: list[int] = field(default_factory=list)
    topic: str = "input"
    seq: int = 0
    beating: asyncio.Task[None] | None = None

    async def send(self, *message: Any, reliable: bool = True) -> None:
        """One input packet."""
        await self.room.local_participant.publish_data(
            json.dumps([1, *message], separators=(",", ":")),
            reliable=reliable,
            destination_identities=[self.agent],
            topic=self.topic,
        )

    async def move(self, x: float, y: float) -> None:
        self.seq += 1
        await self.send("move", self.seq, x, y, 0, reliable=False)

    async def button(self, down: bool, x: float, y: float, button: int = 0) -> None:
        self.seq += 1
        (self.buttons.append if down else self.buttons.remove)(button)
        await self.send("button", self.seq, button, down, x, y, 0)

    async def click(self, x: float, y: float) -> None:
        await self.button(True, x, y)
        await self.button(False, x, y)

    async def key(self, keysym: int, down: bool, code: str = "") -> None:
        (self.keys.append if down else self.keys.remove)(keysym)
        await self.send("key", keysym, down, code)

    async def stroke(self, keysym: int, code: str = "") -> None:
        await self.key(keysym, True, code)
        await self.key(keysym, False, code)

    def beat(self) -> None:
        """Begin to beat, as a page does while it has control."""

        async def beats() -> None:
            while True:
                await self.send("beat", self.keys, self.buttons, None, None)
                await asyncio.sleep(BEAT_S)

        self.beating = asyncio.get_running_loop().create_task(beats())

    async def stop_beating(self) -> None:
        if self.beating is not None:
            self.beating.cancel()
            await asyncio.gather(self.beating, return_exceptions=True)
            self.beating = None

    async def call(self, method: str, **body: Any) -> Any:
        """A request; its answer. Raises rtc.RpcError."""
        answer = await self.room.local_participant.perform_rpc(
            destination_identity=self.agent,
            method=method,
            payload=json.dumps(body),
            response_timeout=10,
        )
        return json.loads(answer)

    async def refused(self, method: str, **body: Any) -> int:
        """A request that must be refused; the code."""
        try:
            answer = await self.call(method, **body)
        except rtc.RpcError as error:
            return error.code
        raise AssertionError(f"{method} was answered: {answer}")

    def notices(self, kind: str, topic: str = "notice") -> list[list[Any]]:
        return [message for where, message in self.heard if where == topic and message[0] == kind]

    @property
    def control(self) -> dict[str, str]:
        """What the agent's attributes say."""
        agent = self.room.remote_participants.get(self.agent)
        attributes = dict(agent.attributes) if agent else {}
        return {key: value for key, value in attributes.items() if key.startswith("control.")}

    async def sees_holder(self, identity: str, within_s: float = 10.0) -> None:
        await eventually(
            lambda: self.control.get("control.holder", "") == identity,
            f"{identity or 'nobody'} has control",
            within_s,
        )


async def flood(
    room: rtc.Room, agent: str, topic: str, text: str, *, per_s: int, seconds: float
) -> int:
    """Send the same packet again and again without waiting for any; how many it was.

    Past the SDK's `publish_data`, which manages some hundred a second: each call waits for an event
    that all others look at too.
    """
    payload = text.encode()
    request = FfiRequest()
    request.publish_data.local_participant_handle = room.local_participant._ffi_handle.handle
    request.publish_data.data_ptr = get_address(payload)
    request.publish_data.data_len = len(payload)
    request.publish_data.reliable = True
    request.publish_data.topic = topic
    request.publish_data.destination_identities.append(agent)
    began, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        for _ in range(int(elapsed * per_s) - sent):
            FfiClient.instance.request(request)
            sent += 1
            if time.monotonic() - began > seconds:
                break
        await asyncio.sleep(0.005)
    return sent


@contextlib.asynccontextmanager
async def operator(
    shim: ShimProcess,
    session: str,
    role: str = "operator",
    *,
    hello: bool = True,
    **offer_fields: str,
) -> AsyncIterator[Operator]:
    """Join; leave at the end."""
    asked_at = time.monotonic()
    body = {"role": role, **offer_fields}
    offer = await asyncio.to_thread(call, shim, "POST", f"/sessions/{session}/webrtc/offer", body)
    seat = Seat()
    me = Operator(seat.room, f"agent-{session}", offer["identity"], asked_at)

    def data(packet: rtc.DataPacket) -> None:
        if packet.topic in {"notice", "presence", "clipboard", "cursor"}:
            me.heard.append((packet.topic, json.loads(packet.data)))

    async def read(reader: rtc.ByteStreamReader) -> None:
        content = b"".join([chunk async for chunk in reader])
        me.streams.append((reader.info.topic, reader.info.mime_type, content))

    def stream(reader: rtc.ByteStreamReader, _: str) -> None:
        seat.start(read(reader))

    seat.room.on("data_received", data)
    seat.room.register_byte_stream_handler("clipboard", stream)
    seat.room.register_byte_stream_handler("screenshot", stream)
    async with seat.taken(offer, auto_subscribe=False):
        if hello:
            me.topic = (await me.call("control.hello"))["topic"]
        try:
            yield me
        finally:
            await me.stop_beating()
