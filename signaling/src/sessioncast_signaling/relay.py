"""The fallback's streams: a viewer's WebSocket and its agent's, joined byte for byte.

A viewer comes with the ticket of its offer; the agent is asked through the room to dial out, with a
ticket of its own that only this process knows. Nothing is queued here: one message is on its way in
each direction, and the slower side sets the pace. Whoever is removed, and whatever session ends,
loses its stream within `WATCH_PERIOD_S`, whichever replica was told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .agentrpc import AgentClient
from .clock import Clock
from .errors import AgentError, Problem, SfuError, forbidden, session_ended
from .ids import digest, new_ticket
from .store import Store, Ticket

log = logging.getLogger(__name__)

MAX_STREAMS = 500
MAX_STREAMS_PER_SESSION = 32
DIAL_DEADLINE_S = 6.0
SEND_DEADLINE_S = 20.0
CLOSE_DEADLINE_S = 1.0
WATCH_PERIOD_S = 1.0
# from a viewer come keys, moves and a clipboard now and then
VIEWER_BYTES_PER_S, VIEWER_BURST_BYTES = 256 * 1024, 2 * 1024 * 1024

NO_AGENT = (4404, "The session's agent does not answer.")
REMOVED = (4403, "You were removed from the session.")
ENDED = (4410, "The session has ended.")
AGENT_GONE = (4502, "The session's agent closed the stream.")
VIEWER_GONE = (1000, "The viewer has gone.")
TOO_SLOW = (1013, "The other side takes nothing any more.")


@dataclass
class _Agent:
    """An agent's end: its WebSocket, and when its handler may return."""

    socket: WebSocket
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Waiting:
    session: str
    agent: "asyncio.Future[_Agent]"


class Relays:
    """All streams of this process. `count` is told how many there are."""

    def __init__(
        self,
        store: Store,
        agent: AgentClient,
        clock: Clock,
        *,
        base_url: str,
        count: Callable[[int], None],
    ) -> None:
        self._store, self._agent, self._clock = store, agent, clock
        self._base_url = base_url
        self._count = count
        self._waiting: dict[str, _Waiting] = {}
        self._open: dict[str, int] = {}

    async def admit(self, session: str, secrets: list[str]) -> tuple[Ticket, str]:
        """Use up the viewer's ticket; return it and the subprotocol to answer with.

        Raises Problem: 401, 403, 410, 503.
        """
        for secret in secrets:
            ticket = await self._store.take_ticket(digest(secret))
            if ticket is not None and ticket.session == session:
                break
        else:
            raise _ticket_refused()
        record = await self._store.session(session)
        if record is None or record.ended:
            raise session_ended(session)
        if await self._is_banned(ticket):
            raise forbidden("You were removed from this session: ask its admin to let you back in.")
        streams = sum(self._open.values())
        if streams >= MAX_STREAMS or self._open.get(session, 0) >= MAX_STREAMS_PER_SESSION:
            raise _too_many()
        others = [text for text in secrets if text != secret]
        return ticket, others[0] if others else secret

    async def serve(self, viewer: WebSocket, ticket: Ticket) -> None:
        """Join an accepted viewer with its agent until either goes, or must."""
        session = ticket.session
        self._change(session, 1)
        agent: _Agent | None = None
        why = NO_AGENT
        try:
            agent = await self._dial(ticket)
            why = await self._join(viewer, agent.socket, ticket)
            log.info("fallback ended session=%s identity=%s why=%r", session, ticket.identity, why)
        except (AgentError, SfuError, TimeoutError) as error:
            log.info("fallback not possible session=%s error=%r", session, error)
        finally:
            if agent is not None:
                await _close(agent.socket, VIEWER_GONE if why == AGENT_GONE else why)
                agent.over.set()
            await _close(viewer, why)
            self._change(session, -1)

    async def arrived(self, session: str, secrets: list[str], socket: WebSocket) -> bool:
        """An agent dialled in; returns when its stream is over, False when nobody waits for it."""
        for secret in secrets:
            waiting = self._waiting.get(digest(secret))
            if waiting is None or waiting.session != session or waiting.agent.done():
                continue
            del self._waiting[digest(secret)]
            await socket.accept(subprotocol=secret)
            agent = _Agent(socket)
            if waiting.agent.done():  # gave up meanwhile
                return True
            waiting.agent.set_result(agent)
            await agent.over.wait()
            return True
        return False

    async def _dial(self, ticket: Ticket) -> _Agent:
        secret = new_ticket()
        future: asyncio.Future[_Agent] = asyncio.get_running_loop().create_future()
        self._waiting[digest(secret)] = _Waiting(ticket.session, future)
        try:
            async with asyncio.timeout(DIAL_DEADLINE_S):
                url = f"{self._base_url}/api/v1/sessions/{ticket.session}/agent/fallback"
                await self._agent.dial(ticket, url=url, secret=secret)
                return await future
        finally:
            self._waiting.pop(digest(secret), None)

    async def _join(self, viewer: WebSocket, agent: WebSocket, ticket: Ticket) -> tuple[int, str]:
        bucket, loop = _Bucket(self._clock), asyncio.get_running_loop()
        jobs: dict[asyncio.Task[tuple[int, str] | None], tuple[int, str]] = {
            loop.create_task(_pump(viewer, agent, bucket.take)): VIEWER_GONE,
            loop.create_task(_pump(agent, viewer, None)): AGENT_GONE,
            loop.create_task(self._watch(ticket)): ENDED,
        }
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            first = done.pop()
            return first.result() or jobs[first]
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _watch(self, ticket: Ticket) -> tuple[int, str]:
        while True:
            await asyncio.sleep(WATCH_PERIOD_S)
            record = await self._store.session(ticket.session)
            if record is None or record.ended:
                return ENDED
            if await self._is_banned(ticket):
                return REMOVED

    async def _is_banned(self, ticket: Ticket) -> bool:
        return await self._store.banned(ticket.session, ticket.identity) or (
            bool(ticket.subject) and await self._store.banned(ticket.session, ticket.subject)
        )

    def _change(self, session: str, by: int) -> None:
        number = self._open.get(session, 0) + by
        if number:
            self._open[session] = number
        else:
            self._open.pop(session, None)
        self._count(sum(self._open.values()))


class _Bucket:
    """How fast a viewer may send; who is faster waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(VIEWER_BURST_BYTES)
        self._at_s = clock.monotonic_s()

    async def take(self, size_bytes: int) -> None:
        now_s = self._clock.monotonic_s()
        self._left += (now_s - self._at_s) * VIEWER_BYTES_PER_S
        self._left = min(self._left, VIEWER_BURST_BYTES) - size_bytes
        self._at_s = now_s
        if self._left < 0:
            await asyncio.sleep(-self._left / VIEWER_BYTES_PER_S)


async def _pump(
    source: WebSocket, target: WebSocket, pace: Callable[[int], Awaitable[None]] | None
) -> tuple[int, str] | None:
    """Pass on until the source closes; returns why it ended where it was not that."""
    while True:
        message = await source.receive()
        if message["type"] != "websocket.receive":
            return None
        if pace is not None:
            await pace(_size(message))
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                data = message.get("bytes")
                if data is not None:
                    await target.send_bytes(data)
                else:
                    await target.send_text(message["text"])
        except TimeoutError:
            return TOO_SLOW
        except (WebSocketDisconnect, RuntimeError):  # its own pump says so, too
            return None


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or b"")


async def _close(socket: WebSocket, why: tuple[int, str]) -> None:
    if WebSocketState.DISCONNECTED in (socket.client_state, socket.application_state):
        return
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await socket.close(*why)
    except (TimeoutError, RuntimeError, WebSocketDisconnect) as error:
        log.debug("a stream's end was not told: %r", error)


def _ticket_refused() -> Problem:
    return Problem(
        401,
        "ticket-refused",
        "Ticket refused",
        "The ticket is unknown, used or too old: get a new offer, whose `fallback.ticket` is good "
        "for one connection.",
    )


def _too_many() -> Problem:
    return Problem(
        503,
        "too-many-streams",
        "Too many streams",
        "Too many people watch by the fallback: try again later, or watch by WebRTC.",
        headers={"Retry-After": "10"},
    )
