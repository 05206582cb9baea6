"""The SDK's room, whose data packets take a shorter way.

Each packet that the SDK hands to the event loop passes queues, filters and handlers of the whole
room: 80 us of the interpreter, which thousands of packets a second turn into late video. Here they
are taken on the SDK's own thread, in their order, and the loop is woken once for all that wait;
what `admits` does not want ends at once.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable

from livekit import rtc
from livekit.rtc._ffi_client import FfiHandle
from livekit.rtc._proto.ffi_pb2 import FfiEvent

from sessioncast_agent.sdkevents import event_tap

Admits = Callable[[str, str], bool]  # topic and sender (empty while the SFU has not told it)
Data = Callable[[str, bytes, str], None]  # topic, payload, sender; on the loop


class PacketRoom(rtc.Room):
    """`admits` is called on the SDK's thread, `data` on the loop; `data_received` never comes."""

    def __init__(self, admits: Admits, data: Data) -> None:
        super().__init__()
        self._admits, self._data = admits, data
        self._packets: deque[tuple[str, bytes, str]] = deque()
        self._woken = False

    async def connect(
        self,
        url: str,
        token: str,
        options: rtc.RoomOptions = rtc.RoomOptions(),  # noqa: B008 - as the SDK has it
    ) -> None:
        """As the SDK's."""
        await super().connect(url, token, options)
        event_tap().add("room_event", self._take)

    async def disconnect(
        self, *, reason: rtc.DisconnectReason.ValueType = rtc.DisconnectReason.CLIENT_INITIATED
    ) -> None:
        """As the SDK's."""
        event_tap().remove("room_event", self._take)
        await super().disconnect(reason=reason)

    def _take(self, event: FfiEvent) -> bool:
        found, own = event.room_event, self._ffi_handle
        if own is None or found.room_handle != own.handle:
            return False
        if found.WhichOneof("message") != "data_packet_received":
            return False
        packet = found.data_packet_received
        if packet.WhichOneof("value") != "user":
            return False
        user, sender = packet.user, packet.participant_identity
        if self._admits(user.topic, sender):
            about = user.data.data
            payload = ctypes.string_at(about.data_ptr, about.data_len)
            self._packets.append((user.topic, payload, sender))
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._deliver)
        FfiHandle(user.data.handle.id).dispose()  # nobody else will
        return True

    def _deliver(self) -> None:
        self._woken = False  # what comes from here on wakes the loop again
        for _ in range(len(self._packets)):
            self._data(*self._packets.popleft())
