"""The browser's stage: tells the room of tabs and questions, and lets the holder of control steer.

Everybody sees titles and hosts (an attribute); full addresses, questions and downloads go to those
who may steer (topic `browser`), since an address can hold a secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.browsing.files import UPLOAD, Uploads, send_download
from sessioncast_agent.browsing.requests import awaited, handler
from sessioncast_agent.cdp.backend import CdpBackend
from sessioncast_agent.cdp.commands import COMMANDS, BadArguments
from sessioncast_agent.cdp.news import (
    Answer,
    DownloadChanged,
    News,
    Notice,
    Prompt,
    PromptClosed,
    PromptOpened,
    TabInfo,
    TabsChanged,
)
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.lease import NOT_ALLOWED, STEERING
from sessioncast_agent.errors import ControlRefused
from sessioncast_agent.stages import RpcHandler, Stage

log = logging.getLogger(__name__)

TOPIC = "browser"
MAX_ATTRIBUTE_CHARS = 8_000
MAX_MESSAGE_CHARS = 12_000
MAX_PROMPT_CHARS = 600
MAX_ANSWER_CHARS = 4_096
SHORT_URL_CHARS = 120
MAX_EXPECTED = 64
TELL_AGAIN_EVERY_S, TOLD_AGAIN_S = 1.0, 8.0  # after an offer, and after an arrival


class BrowserStage(Stage):
    """See the module."""

    name = "browser"

    def __init__(
        self, backend: CdpBackend, desk: ControlDesk, attributes_changed: Callable[[], None]
    ) -> None:
        self._backend, self._desk, self._attributes_changed = backend, desk, attributes_changed
        self._loop = asyncio.get_running_loop()
        self._room: rtc.Room | None = None
        self._tabs: tuple[TabInfo, ...] = ()
        self._prompts: dict[str, Prompt] = {}
        self._expected: dict[str, float] = {}  # who may steer, and until when it is told again
        self._someone_new = asyncio.Event()
        self._uploads = Uploads()
        self._transfers: set[asyncio.Task[Any]] = set()
        backend.news = self._from_thread

    # -- Stage ---------------------------------------------------------------------------------

    def attributes(self) -> dict[str, str]:
        """See Stage: `[id, title, host, active, loading, crashed]` of each tab."""
        rows = [
            [tab.id, tab.title, _host(tab.url), tab.active, tab.loading, tab.crashed]
            for tab in self._tabs
        ]
        while len(text := json.dumps(rows, separators=(",", ":"))) > MAX_ATTRIBUTE_CHARS:
            rows.pop()
        return {"tabs": text}

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """See Stage."""
        handlers: dict[str, RpcHandler] = {
            name: handler(self._command_of(name)) for name in sorted(COMMANDS)
        }
        handlers["dialog.answer"] = handler(self._answer)
        handlers["browser.state"] = handler(self._state)
        handlers["download.fetch"] = handler(self._fetch)
        return handlers

    def joined(self, room: rtc.Room) -> None:
        """See Stage."""
        self._room = room

        def receive(reader: Any, identity: str) -> None:
            if self._desk.may_act(identity):
                self._keep(self._uploads.receive(reader, identity))
            else:
                self._keep(reader.aclose())

        try:
            room.register_byte_stream_handler(UPLOAD, receive)
        except ValueError as error:  # somebody has this topic already
            log.warning("no uploads: %s", error)

    def left(self) -> None:
        """See Stage."""
        self._room = None

    def expected(self, person: Person) -> None:
        """See Stage."""
        self._expected.pop(person.identity, None)
        if person.role in STEERING:
            self._new(person.identity)
            if len(self._expected) > MAX_EXPECTED:
                del self._expected[next(iter(self._expected))]

    def participant_joined(self, identity: str) -> None:
        """See Stage."""
        if self._steers(identity):
            self._new(identity)

    def _new(self, identity: str) -> None:
        self._expected[identity] = self._loop.time() + TOLD_AGAIN_S
        self._someone_new.set()

    def _newcomers(self) -> list[str]:
        now = self._loop.time()
        return [name for name, until in self._expected.items() if until > now]

    async def run(self) -> None:
        """Say again what waits: what is sent before somebody's data channel stands is lost."""
        while True:
            await self._someone_new.wait()
            self._someone_new.clear()
            while new := self._newcomers():
                await asyncio.sleep(TELL_AGAIN_EVERY_S)
                self._desk.outbox.tell(TOPIC, ["tabs", _tab_rows(self._tabs)], new)
                for prompt in list(self._prompts.values()):
                    self._desk.outbox.tell(TOPIC, ["prompt", _prompt_row(prompt)], new)

    def participant_left(self, identity: str) -> None:
        """See Stage."""
        self._expected.pop(identity, None)

    # -- news ----------------------------------------------------------------------------------

    def _from_thread(self, news: News) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hear, news)

    def _hear(self, news: News) -> None:
        match news:
            case TabsChanged(tabs):
                self._tabs = tabs
                self._attributes_changed()
                self._tell(["tabs", _tab_rows(tabs)])
            case PromptOpened(prompt):
                self._prompts[prompt.id] = prompt
                self._tell(["prompt", _prompt_row(prompt)])
            case PromptClosed(number):
                self._prompts.pop(number, None)
                self._uploads.forget(number)
                self._tell(["answered", number])
            case DownloadChanged(download):
                self._tell(["download", asdict(download)])
            case Notice(text):
                self._tell(["notice", text[:300]])

    def _tell(self, message: list[object]) -> None:
        room = self._room
        if room is not None:
            names = dict.fromkeys([*self._expected, *list(room.remote_participants)])
            steering = [name for name in names if self._steers(name)]
            self._desk.outbox.tell(TOPIC, message, steering)

    def _steers(self, identity: str) -> bool:
        person = self._desk.person(identity)
        return person is not None and person.role in STEERING

    # -- requests --------------------------------------------------------------------------------

    def _command_of(self, name: str) -> Callable[[str, dict[str, Any]], Any]:
        async def run(identity: str, body: dict[str, Any]) -> dict[str, Any]:
            self._check(identity, name)
            answer: dict[str, Any] = await awaited(self._backend.command(name, body))
            return answer

        return run

    def _check(self, identity: str, what: str) -> None:
        """Only the holder of control acts; an act takes free control, as a click does."""
        if not self._steers(identity):
            raise ControlRefused(NOT_ALLOWED, "observers may not steer the browser")
        person = self._desk.check_holder(identity)
        self._desk.note("browser", person, {"what": what})

    async def _answer(self, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check(identity, "dialog.answer")
        number, accept = body.get("id"), body.get("accept")
        text, secret = body.get("text", ""), body.get("secret", "")
        files = body.get("files", 0)
        if not isinstance(number, str) or not isinstance(accept, bool):
            raise BadArguments("id must be a text and accept true or false")
        if not isinstance(text, str) or not isinstance(secret, str):
            raise BadArguments("text and secret must be texts")
        if max(len(text), len(secret)) > MAX_ANSWER_CHARS:
            raise BadArguments(f"an answer has at most {MAX_ANSWER_CHARS} characters")
        if type(files) is not int or not 0 <= files <= 32:
            raise BadArguments("files must be a number from 0 to 32")
        given = await self._uploads.take(identity, number, files) if files and accept else ()
        answer = Answer(accept=accept, text=text, secret=secret, files=given)
        result: dict[str, Any] = await awaited(self._backend.answer(number, answer))
        return result

    async def _state(self, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        """What somebody who comes later has missed."""
        del body
        if not self._steers(identity):
            raise ControlRefused(NOT_ALLOWED, "observers see the titles of the tabs only")
        prompts, downloads = await awaited(self._backend.waiting())
        return {
            "tabs": _tab_rows(self._tabs),
            "prompts": [_prompt_row(prompt) for prompt in prompts[:3]],
            "downloads": [asdict(download) for download in downloads[-5:]],
        }

    async def _fetch(self, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a download to whoever asks and may steer."""
        self._check(identity, "download.fetch")
        number, room = body.get("id"), self._room
        if not isinstance(number, str) or len(number) > 64:
            raise BadArguments("id must be a download's")
        download, path = await awaited(self._backend.download(number))
        if room is None:
            raise ControlRefused(1503, "the room is away")
        self._keep(send_download(room, identity, download, path))
        return {"name": download.name, "bytes": download.received_bytes}

    def _keep(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._transfers.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            self._transfers.discard(task)
            if not task.cancelled() and (error := task.exception()):
                log.info("a file was not moved: %s", error)

        task.add_done_callback(done)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2][:100]


def _tab_rows(tabs: tuple[TabInfo, ...]) -> list[dict[str, Any]]:
    """Short enough for one message: long addresses of tabs behind are cut first, then left out."""
    rows = [asdict(tab) for tab in tabs]
    if len(json.dumps(rows)) > MAX_MESSAGE_CHARS:
        for row in rows:
            if not row["active"]:
                row["url"] = row["url"][:SHORT_URL_CHARS]
    while len(json.dumps(rows)) > MAX_MESSAGE_CHARS:
        rows.pop(0 if not rows[0]["active"] else -1)
    return rows


def _prompt_row(prompt: Prompt) -> dict[str, Any]:
    row = asdict(prompt)
    row["text"], row["default"] = prompt.text[:MAX_PROMPT_CHARS], prompt.default[:MAX_PROMPT_CHARS]
    return row
