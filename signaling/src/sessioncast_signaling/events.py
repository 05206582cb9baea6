"""News for those who listen: what has changed about which session, as it is now.

Whatever happens is published in the store (by this replica or another); the hub hears it, brings
the presence book up to date, and sends each listener the sessions that look different than before.
When something may have been missed a listener is told to `reset`: to read the list again.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import Problem, SfuError
from .presence import Presence
from .sessions import Sessions, SessionStatus
from .sfu import Participant
from .store import Event, SessionRecord, Store, StoreUnavailableError

log = logging.getLogger(__name__)

MAX_LISTENERS = 1_000
MAX_PER_SUBJECT = 20
QUEUE = 256
WAIT_S = 5.0
SETTLE_S = 0.05  # what happens within this time is one change
SWEEP_S = 2.0  # how often all is looked at for somebody who listens, webhooks or not
HEARING_SWEEPS = 5  # of which only one in so many is needed when the webhooks reach us
AWAY_S = 1.0
MAX_SHOWN = 20_000
RESET = "reset"
SESSION = "session"


@dataclass(frozen=True)
class News:
    """One message for a listener."""

    kind: str
    id: str
    data: str

    def encode(self) -> bytes:
        """Return it as a server-sent event."""
        number = f"id: {self.id}\n" if self.id else ""
        return f"{number}event: {self.kind}\ndata: {self.data}\n\n".encode()


@dataclass(eq=False)
class Listener:
    """One who listens, to the sessions that it may see."""

    subject: str
    may_see: Callable[[str], bool]
    queue: "asyncio.Queue[News | None]" = field(default_factory=lambda: asyncio.Queue(QUEUE))

    def tell(self, news: News | None) -> None:
        """Give it one more; one who does not keep up starts again."""
        try:
            self.queue.put_nowait(news)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None if news is None else News(RESET, news.id, "{}"))


class Hub:
    """One per replica; `run` for as long as it serves."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        presence: Presence,
        show: Callable[[SessionStatus], dict[str, Any]],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._presence = presence
        self._show = show
        self._listeners: set[Listener] = set()
        self._shown: dict[str, str] = {}
        self._last_id = ""
        self._sweeps = 0
        self.closed = False

    async def run(self) -> None:
        """Hear, and tell."""
        while True:
            try:
                self._last_id = await self._store.last_event_id()
                while True:
                    await self._hear()
            except StoreUnavailableError as error:
                log.warning("no news: %s", error)
                await asyncio.sleep(AWAY_S)
                self._reset()

    async def listen(
        self, subject: str, may_see: Callable[[str], bool], last_id: str
    ) -> AsyncGenerator[Listener, None]:
        """Yield a listener that hears all from `last_id` on; raises Problem 429 or 503."""
        own = sum(1 for listener in self._listeners if listener.subject == subject)
        if len(self._listeners) >= MAX_LISTENERS or own >= MAX_PER_SUBJECT or self.closed:
            raise Problem(
                429 if own >= MAX_PER_SUBJECT else 503,
                "too-many-listeners",
                "Too many listeners",
                "There are as many listeners as are allowed: close one, and try again.",
                headers={"Retry-After": "10"},
            )
        listener = Listener(subject, may_see)
        self._listeners.add(listener)
        try:
            await self._catch_up(listener, last_id)
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Send everybody home."""
        self.closed = True
        for listener in list(self._listeners):
            listener.tell(None)

    async def sweep(self) -> None:
        """See what was not told, while somebody listens; seldom when the webhooks tell."""
        self._sweeps += 1
        if self._listeners and (self._sweeps % HEARING_SWEEPS == 0 or not self._presence.hears()):
            await self._changed(await self._store.sessions())

    async def _catch_up(self, listener: Listener, last_id: str) -> None:
        missed = await self._store.events_after(last_id, 0) if last_id else None
        if missed is None:
            listener.tell(News(RESET, self._last_id or await self._store.last_event_id(), "{}"))
            return
        for session in {event.session for event in missed}:
            news = await self._news(session)
            if news is not None and listener.may_see(session):
                listener.tell(news)

    async def _hear(self) -> None:
        events = await self._store.events_after(self._last_id, WAIT_S)
        if events is None:
            self._last_id = await self._store.last_event_id()
            self._reset()
            return
        if not events:
            return
        await asyncio.sleep(SETTLE_S)
        more = await self._store.events_after(events[-1].id, 0)
        events += more or []
        for event in events:
            self._note(event)
        self._last_id = events[-1].id
        if self._listeners:
            found = [await self._store.session(e) for e in {event.session for event in events}]
            await self._changed([record for record in found if record is not None])

    def _note(self, event: Event) -> None:
        presence, session, data = self._presence, event.session, event.data
        if event.kind == "joined":
            presence.heard()
            presence.joined(session, Participant(**data))
        elif event.kind == "left":
            presence.heard()
            presence.left(session, data["identity"], data["sid"])
        elif event.kind == "state":
            presence.reported(session, data)
        elif event.kind == "room":
            presence.heard()
            presence.forget(session)
        elif event.kind == "ended":
            presence.forget(session)
        elif event.kind in {"removed", "raised"}:
            presence.invalidate(session)

    async def _changed(self, records: list[SessionRecord]) -> None:
        """Tell of those that look different now."""
        try:
            statuses = await self._sessions.statuses(records)
        except SfuError as error:
            log.info("what has changed could not be seen: %s", error)
            return
        for status in statuses:
            session = status.record.session
            text = self._text(status)
            if self._shown.get(session) == text:
                continue
            self._shown[session] = text
            news = News(SESSION, self._last_id, text)
            for listener in list(self._listeners):
                if listener.may_see(session):
                    listener.tell(news)
        if len(self._shown) > MAX_SHOWN:
            self._shown.clear()

    async def _news(self, session: str) -> News | None:
        record = await self._store.session(session)
        if record is None:
            return None
        (status,) = await self._sessions.statuses([record])
        return News(SESSION, self._last_id, self._text(status))

    def _text(self, status: SessionStatus) -> str:
        return json.dumps(self._show(status), separators=(",", ":"))

    def _reset(self) -> None:
        self._shown.clear()
        for listener in list(self._listeners):
            listener.tell(News(RESET, self._last_id, "{}"))
