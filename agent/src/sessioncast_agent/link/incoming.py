"""The SDK's room, with two things added: who sent a data packet, and a gate before the event loop.

A packet that is not wanted is thrown away on the SDK's own thread: handing it to the loop, through
the room's queues and handlers, costs ten times as much, which a flood would turn into late video.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle
from livekit.rtc._proto.ffi_pb2 import FfiEvent
from livekit.rtc._proto.room_pb2 import RoomEvent

Admits = Callable[[str, str], bool]  # topic and sender (empty while the SFU has not told it)
EventFilter = Callable[[FfiEvent], bool]


class GatedRoom(rtc.Room):
    """`admits` is called on the SDK's thread. `sender` is the identity of whoever sent the packet
    that is being handled: `DataPacket.participant` is None also for one who has just left."""

    sender = ""

    def __init__(self, admits: Admits) -> None:
        super().__init__()
        self._admits = admits

    async def connect(
        self,
        url: str,
        token: str,
        options: rtc.RoomOptions = rtc.RoomOptions(),  # noqa: B008 - as the SDK has it
    ) -> None:
        """As the SDK's, and close the gate behind it."""
        await super().connect(url, token, options)
        queue = FfiClient.instance.queue
        with queue._lock:
            for index, (own, loop, wanted) in enumerate(queue._subscribers):
                if own is self._ffi_queue and wanted is not None:
                    queue._subscribers[index] = (own, loop, partial(self._passes, wanted))

    def _passes(self, wanted: EventFilter, event: FfiEvent) -> bool:
        if event.WhichOneof("message") != "room_event":
            return wanted(event)
        found, own = event.room_event, self._ffi_handle
        if own is None or found.room_handle != own.handle:
            return wanted(event)
        if found.WhichOneof("message") != "data_packet_received":
            return wanted(event)
        packet = found.data_packet_received
        if packet.WhichOneof("value") != "user":
            return wanted(event)
        if self._admits(packet.user.topic, packet.participant_identity):
            return True
        FfiHandle(packet.user.data.handle.id).dispose()  # nobody else will
        return False

    def _on_room_event(self, event: RoomEvent) -> None:
        if event.WhichOneof("message") == "data_packet_received":
            self.sender = event.data_packet_received.participant_identity
        super()._on_room_event(event)  # calls the handlers before it returns
