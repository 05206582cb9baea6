"""A small typed client of the API, for programs that make sessions and let people in.

    async with Client("https://cast.example", os.environ["SESSIONCAST_API_KEY"]) as cast:
        made = await cast.create_session("demo")
        link = await cast.create_link("demo", role=Role.OPERATOR)
        print(link.url)
        async for news in cast.events():
            print(news.session, news.state)

Every call has a deadline; whatever is not the wanted answer raises ApiError.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from .models import (
    ParticipantList,
    ParticipantView,
    SessionCreated,
    SessionList,
    SessionView,
    Usage,
)
from .models_access import JoinAnswer, LinkCreated, LinkList, LinkView, OfferAnswer
from .models_people import BanList, BanView, ControlAnswer
from .roles import Actor, ControlAction, Kind, Role

DEADLINE_S = 10.0
SILENCE_S = 60.0  # the server says something every 15 s
PAGE = 500
_MAX_EVENT_CHARACTERS = 64_000

M = TypeVar("M", bound=BaseModel)
Paged = TypeVar("Paged", SessionList, LinkList, ParticipantList, BanList)


class ApiError(Exception):
    """An answer that is not the wanted one, or none: `type` is stable, `detail` for people."""

    def __init__(
        self, status: int, kind: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.status = status  # 0: no answer
        self.type = kind
        self.detail = detail
        self.retry_after_s = retry_after_s


class Client:
    """Use it as an async context manager. `key` is an API key, a grant or an OIDC token."""

    def __init__(self, url: str, key: str | None = None, *, deadline_s: float = DEADLINE_S) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._key = key
        self._deadline_s = deadline_s
        self._http: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Client({self._base!r})"

    async def __aenter__(self) -> Self:
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=self._deadline_s)
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def create_session(
        self,
        session: str | None = None,
        *,
        kind: Kind | None = None,
        labels: Mapping[str, str] | None = None,
        ttl_seconds: int | None = None,
    ) -> SessionCreated:
        """Make a session, or find it again."""
        body = {
            "session": session,
            "kind": kind,
            "labels": None if labels is None else dict(labels),
            "ttl_seconds": ttl_seconds,
        }
        return await self._ask(SessionCreated, "POST", "/sessions", body)

    async def sessions(self) -> AsyncIterator[SessionView]:
        """Go through all sessions, newest first."""
        async for page in self._pages(SessionList, "/sessions"):
            for session in page.items:
                yield session

    async def session(self, session: str) -> SessionView:
        """Look at one."""
        return await self._ask(SessionView, "GET", f"/sessions/{session}")

    async def end_session(self, session: str) -> None:
        """End it for good."""
        await self._send("DELETE", f"/sessions/{session}")

    async def usage(self, session: str) -> Usage:
        """Ask what it costs."""
        return await self._ask(Usage, "GET", f"/sessions/{session}/usage")

    async def thumbnail(self, session: str) -> bytes:
        """Get a small JPEG."""
        return await self._send("GET", f"/sessions/{session}/thumbnail")

    async def offer(
        self,
        session: str,
        *,
        role: Role | None = None,
        name: str | None = None,
        actor: Actor = Actor.PERSON,
    ) -> OfferAnswer:
        """Get a token to watch with."""
        body = {"role": role, "name": name, "actor": actor}
        return await self._ask(OfferAnswer, "POST", f"/sessions/{session}/webrtc/offer", body)

    async def create_link(
        self,
        session: str,
        *,
        role: Role = Role.OBSERVER,
        name: str | None = None,
        ttl_seconds: int = 3600,
        max_uses: int = 1,
        may_ask: bool = False,
    ) -> LinkCreated:
        """Make a join link; its URL is shown this once."""
        body = {
            "role": role,
            "name": name,
            "ttl_seconds": ttl_seconds,
            "max_uses": max_uses,
            "may_ask": may_ask,
        }
        return await self._ask(LinkCreated, "POST", f"/sessions/{session}/join-links", body)

    async def links(self, session: str) -> AsyncIterator[LinkView]:
        """Go through a session's links, oldest first."""
        async for page in self._pages(LinkList, f"/sessions/{session}/join-links"):
            for link in page.items:
                yield link

    async def delete_link(self, session: str, link_id: str) -> None:
        """Call a link back, with all who came by it."""
        await self._send("DELETE", f"/sessions/{session}/join-links/{link_id}")

    async def join(self, secret: str, *, name: str | None = None) -> JoinAnswer:
        """Use a join link's secret."""
        return await self._ask(JoinAnswer, "POST", "/join", {"secret": secret, "name": name})

    async def participants(self, session: str) -> AsyncIterator[ParticipantView]:
        """Go through those who watch."""
        async for page in self._pages(ParticipantList, f"/sessions/{session}/participants"):
            for participant in page.items:
                yield participant

    async def remove(self, session: str, identity: str) -> None:
        """Remove somebody, and keep them out."""
        await self._send("DELETE", f"/sessions/{session}/participants/{identity}")

    async def bans(self, session: str) -> AsyncIterator[BanView]:
        """Go through those who are kept out."""
        async for page in self._pages(BanList, f"/sessions/{session}/bans"):
            for ban in page.items:
                yield ban

    async def lift_ban(self, session: str, ban: str) -> None:
        """Let somebody back in who was removed; `ban` is of `bans`."""
        await self._send("DELETE", f"/sessions/{session}/bans/{ban}")

    async def control(
        self, session: str, action: ControlAction, identity: str | None = None
    ) -> ControlAnswer:
        """Ask for control, give it, take it."""
        body = {"action": action, "identity": identity}
        return await self._ask(ControlAnswer, "POST", f"/sessions/{session}/control", body)

    async def events(self, *, retry_s: float = 2.0) -> AsyncIterator[SessionView]:
        """Go on for ever with each session that looks different than before.

        Comes back by itself after a break, and then gives every session once more if something may
        have been missed. Raises ApiError when the server refuses.
        """
        last_id = ""
        while True:
            try:
                async for kind, number, data in self._stream(last_id):
                    last_id = number or last_id
                    if kind == "session":
                        yield _checked(SessionView, 200, data)
                    elif kind == "reset":
                        async for session in self.sessions():
                            yield session
            except ApiError as error:
                if error.status not in {0, 429, 502, 503}:
                    raise
                await asyncio.sleep(error.retry_after_s or retry_s)
                continue
            await asyncio.sleep(retry_s)

    async def _stream(self, last_id: str) -> AsyncIterator[tuple[str, str, str]]:
        timeout = aiohttp.ClientTimeout(connect=self._deadline_s, sock_read=SILENCE_S)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            async with self._session().get(
                f"{self._base}/events", headers=headers, timeout=timeout
            ) as answer:
                if answer.status != 200:
                    raise await _api_error(answer)
                fields: dict[str, str] = {}
                async for raw in answer.content:
                    line = raw.decode("utf-8", "replace").rstrip("\r\n")[:_MAX_EVENT_CHARACTERS]
                    if line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                        continue
                    if "data" in fields:
                        yield fields.get("event", ""), fields.get("id", ""), fields["data"]
                    fields = {}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _no_answer(error) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("Client is used before it was entered")
        return self._http

    async def _pages(self, model: type[Paged], path: str) -> AsyncIterator[Paged]:
        cursor: str | None = None
        while True:
            page = await self._ask(model, "GET", path, query=_page(cursor))
            yield page
            cursor = page.next
            if cursor is None:
                return

    async def _ask(
        self,
        model: type[M],
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> M:
        return _checked(model, 200, await self._send(method, path, body, query))

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        given = None if body is None else {k: v for k, v in body.items() if v is not None}
        try:
            async with self._session().request(
                method, self._base + path, json=given, params=query, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise await _api_error(answer)
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _no_answer(error) from error


def _page(cursor: str | None) -> dict[str, str]:
    return {"limit": str(PAGE)} | ({} if cursor is None else {"cursor": cursor})


def _checked(model: type[M], status: int, text: bytes | str) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError:
        raise ApiError(
            status, "not-understood", "The answer is not what this client knows."
        ) from None


def _no_answer(error: Exception) -> ApiError:
    return ApiError(0, "unreachable", f"The server does not answer ({type(error).__name__}).")


async def _api_error(answer: aiohttp.ClientResponse) -> ApiError:
    retry_after = answer.headers.get("Retry-After", "")
    try:
        body = json.loads(await answer.text())
        kind, detail = str(body["type"]).rpartition(":")[2], str(body["detail"])
    except (ValueError, KeyError, TypeError):
        kind, detail = "unknown", f"The server answered {answer.status}."
    retry_s = float(retry_after) if retry_after.isdigit() else None
    return ApiError(answer.status, kind, detail, retry_s)
