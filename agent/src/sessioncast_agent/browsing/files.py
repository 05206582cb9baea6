"""Files between operator and page: byte streams `upload` to the agent and `download` from it."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
from collections import OrderedDict
from pathlib import Path
from typing import Any

from livekit import rtc

from sessioncast_agent.cdp.asking import MAX_UPLOAD_BYTES
from sessioncast_agent.cdp.news import Download, Upload
from sessioncast_agent.errors import BrowserRefused

log = logging.getLogger(__name__)

UPLOAD, DOWNLOAD = "upload", "download"
MAX_FILES = 32
MAX_PROMPTS = 8  # files wait for so many choosers at once
TRANSFER_TIMEOUT_S = 60.0
ARRIVE_TIMEOUT_S = 10.0  # a stream may end a little after the request that speaks of it
PART_BYTES = 3_000_000  # the page takes streams of at most 4 MB


class Uploads:
    """What has arrived for which prompt; nothing is kept beyond its limits."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, str], list[Upload]] = OrderedDict()
        self._arrived = asyncio.Event()

    async def receive(self, reader: Any, identity: str) -> None:
        """Read one stream to its end, or drop it."""
        info = reader.info
        attributes = info.attributes or {}
        key = (identity, str(attributes.get("prompt", ""))[:64])
        data = bytearray()
        try:
            async with asyncio.timeout(TRANSFER_TIMEOUT_S):
                async for chunk in reader:
                    data += chunk
                    if len(data) + self._size(key) > MAX_UPLOAD_BYTES:
                        log.info("an upload was too large and is dropped")
                        return
        except (TimeoutError, rtc.StreamError) as error:
            log.debug("an upload broke off: %r", error)
            return
        finally:
            await reader.aclose()
        files = self._files.setdefault(key, [])
        if len(files) < MAX_FILES:
            name = Path(attributes.get("name") or info.name or "file").name[:200]
            files.append(Upload(name, (info.mime_type or "")[:100], bytes(data)))
        while len(self._files) > MAX_PROMPTS:
            self._files.popitem(last=False)
        self._arrived.set()

    def _size(self, key: tuple[str, str]) -> int:
        return sum(len(file.data) for file in self._files.get(key, ()))

    async def take(self, identity: str, prompt: str, count: int) -> tuple[Upload, ...]:
        """That many files of this operator for this prompt. Raises BrowserRefused."""
        key = (identity, prompt)
        try:
            async with asyncio.timeout(ARRIVE_TIMEOUT_S):
                while len(self._files.get(key, ())) < count:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError as error:
            most = MAX_UPLOAD_BYTES // 1_000_000
            raise BrowserRefused(
                f"the files did not arrive; together they may hold {most} MB"
            ) from error
        return tuple(self._files.pop(key, ()))

    def forget(self, prompt: str) -> None:
        """It was answered."""
        for key in [key for key in self._files if key[1] == prompt]:
            del self._files[key]


async def send_download(room: rtc.Room, identity: str, download: Download, path: Path) -> int:
    """Send a finished download in parts that the page puts together; how many parts."""
    data = await asyncio.to_thread(path.read_bytes)
    parts = max(1, -(-len(data) // PART_BYTES))
    about = {"id": download.id, "name": download.name, "parts": str(parts)}
    mime = mimetypes.guess_type(download.name)[0] or "application/octet-stream"
    try:
        for number in range(parts):
            piece = data[number * PART_BYTES : (number + 1) * PART_BYTES]
            async with asyncio.timeout(TRANSFER_TIMEOUT_S):
                writer = await room.local_participant.stream_bytes(
                    download.name,
                    total_size=len(piece),
                    mime_type=mime,
                    attributes=about | {"part": str(number)},
                    destination_identities=[identity],
                    topic=DOWNLOAD,
                )
                await writer.write(piece)
                await writer.aclose()
    except (TimeoutError, RuntimeError) as error:
        raise BrowserRefused("the file could not be sent") from error
    return parts
