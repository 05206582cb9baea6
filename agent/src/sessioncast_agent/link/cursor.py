"""The `cursor` topic: the pointer's shape and place for every page (docs/protocol.md).

The newest of each kind waits in one slot; a single sender task empties it, so that a slow room
coalesces moves instead of queueing them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from sessioncast_agent.backend import CursorImage, CursorPosition

log = logging.getLogger(__name__)

TOPIC = "cursor"
SEND_TIMEOUT_S = 2.0
RESEND_INTERVAL_S = 0.25
RESEND_S = 5.0  # the SFU may take three seconds to connect somebody's data channel


class CursorFeed:
    """Fed on the event loop; `run` sends while `room` is set."""

    def __init__(self) -> None:
        self.room: rtc.Room | None = None
        self._image: CursorImage | None = None
        self._position: CursorPosition | None = None
        self._image_due = self._position_due = False
        self._resend_until = 0.0
        self._seq = 0
        self._wake = asyncio.Event()

    def image(self, image: CursorImage) -> None:
        """The shape changed."""
        self._image, self._image_due = image, True
        self._wake.set()

    def position(self, position: CursorPosition) -> None:
        """The pointer moved."""
        self._position, self._position_due = position, True
        self._wake.set()

    def announce(self) -> None:
        """Somebody is joining: repeat both for a while, since what is sent too early is lost."""
        self._resend_until = asyncio.get_running_loop().time() + RESEND_S
        self._wake.set()

    async def run(self) -> None:
        """Send what is due; cancelled by the session."""
        loop = asyncio.get_running_loop()
        while True:
            resending = loop.time() < self._resend_until
            try:
                async with asyncio.timeout(RESEND_INTERVAL_S if resending else None):
                    await self._wake.wait()
            except TimeoutError:
                self._image_due = self._image is not None
                self._position_due = self._position is not None
            self._wake.clear()
            await self._send_due()

    async def _send_due(self) -> None:
        if self.room is None:
            return
        image, position = self._image, self._position
        if self._image_due and image is not None:
            self._image_due = False
            shape = [image.width_px, image.height_px, image.hot_x_px, image.hot_y_px]
            png = base64.b64encode(image.png).decode()
            await self._send(["img", image.digest, *shape, png], reliable=True)
        if self._position_due and position is not None:
            self._position_due = False
            self._seq += 1
            place = [position.x_px, position.y_px, position.digest, position.visible]
            await self._send(["pos", self._seq, *place], reliable=False)

    async def _send(self, message: list[object], *, reliable: bool) -> None:
        room = self.room
        if room is None or not room.isconnected():
            return
        payload = json.dumps(message, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await room.local_participant.publish_data(payload, reliable=reliable, topic=TOPIC)
        except (TimeoutError, PublishDataError) as error:
            log.debug("cursor message not sent: %s", error)
