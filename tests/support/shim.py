"""The shim in this process with an SFU that is a dictionary: for rules that need no real one."""

import base64
import contextlib
import copy
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from sessioncast_signaling.app import create_app
from sessioncast_signaling.config import Settings
from sessioncast_signaling.credentials import agent_credential
from sessioncast_signaling.errors import SfuError, SfuNotFoundError
from sessioncast_signaling.page import Page
from sessioncast_signaling.sfu import Participant
from sessioncast_signaling.store import Store

API_KEY = "sck_unit-tests-0123456789abcdef"
ENROLL_KEY = "sce_unit-tests-0123456789abcdef"
API_SECRET = "an-api-secret-that-is-only-in-tests-0001"
PUBLIC_URL = "https://cast.example"
START_US = 1_795_420_800_000_000  # 2026-11-23T08:00:00Z
JPEG = b"\xff\xd8\xff\xe0 a picture"


class FakeClock:
    """Two clocks that stand still until they are turned."""

    def __init__(self) -> None:
        self.us = START_US

    def unix_us(self) -> int:
        return self.us

    def monotonic_s(self) -> float:
        return (self.us - START_US) / 1e6

    def turn(self, seconds: float) -> None:
        self.us += int(seconds * 1e6)


def answer_well(method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer as an agent that is well."""
    usage: dict[str, Any] = {
        "cpu_seconds": {"encode": 1.5, "process": 2.0},
        "bytes_sent": 10,
        "newer": [1],
    }
    answers: dict[str, dict[str, Any]] = {
        "shim.expect": {"ok": True},
        "shim.ban": {"ok": True},
        "shim.pardon": {"ok": True},
        "shim.control": {"state": "granted"},
        "shim.end": {"usage": usage},
        "shim.usage": usage,
        "shim.thumbnail": {
            "jpeg_base64": base64.b64encode(JPEG).decode(),
            "width_px": 320,
            "height_px": 180,
            "captured_at": "2026-11-23T08:00:00Z",
        },
    }
    return answers[method]


@dataclass
class FakeSfu:
    """Obeys `sfu.Sfu`; its rooms are public, and it can be told to fail."""

    rooms: dict[str, dict[str, Participant]] = field(default_factory=dict)
    down: SfuError | None = None
    rpc_error: Exception | None = None
    answer: Callable[[str, dict[str, Any]], dict[str, Any]] = answer_well
    calls: list[str] = field(default_factory=list)
    rpcs: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    allowed: list[tuple[str, bool]] = field(default_factory=list)
    on_call: Callable[[str], Any] = lambda name: None

    def _called(self, what: str) -> None:
        self.calls.append(what)
        self.on_call(what)
        if self.down is not None:
            raise type(self.down)(*self.down.args)

    def put(self, room: str, identity: str, **attributes: str) -> None:
        """Let somebody be in a room."""
        attributes = {key.replace("_", "."): value for key, value in attributes.items()}
        participant = Participant(identity, "A name", START_US / 1e6, attributes)
        self.rooms.setdefault(room, {})[identity] = participant

    def put_agent(self, session: str, **attributes: str) -> None:
        self.put(session, f"agent-{session}", **attributes)

    async def ensure_room(self, name: str) -> None:
        self._called("ensure_room")
        self.rooms.setdefault(name, {})

    async def participants(self, name: str) -> list[Participant]:
        self._called("participants")
        return list(self.rooms.get(name, {}).values())

    async def delete_room(self, name: str) -> None:
        self._called("delete_room")
        self.rooms.pop(name, None)

    async def remove_participant(self, name: str, identity: str) -> None:
        self._called("remove_participant")
        self.rooms.get(name, {}).pop(identity, None)

    async def raise_to_operator(self, name: str, identity: str) -> None:
        self._called("raise_to_operator")
        if identity not in self.rooms.get(name, {}):
            raise SfuNotFoundError("GetParticipant: not_found")

    async def allow_data(self, name: str, identity: str, allowed: bool) -> None:
        self._called("allow_data")
        self.allowed.append((identity, allowed))

    async def rooms_now(self) -> dict[str, int]:
        self._called("rooms")
        return {name: len(people) for name, people in self.rooms.items()}

    async def perform_rpc(
        self, name: str, identity: str, method: str, payload: str, deadline_s: float
    ) -> str:
        self._called(method)
        if identity not in self.rooms.get(name, {}):
            raise SfuNotFoundError("PerformRpc: not_found")
        if self.rpc_error is not None:
            raise copy.copy(self.rpc_error)
        body = json.loads(json.loads(payload)["body"])
        self.rpcs.append((name, method, body))
        return json.dumps(self.answer(method, body))

    async def ping(self) -> None:
        self._called("ping")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "LIVEKIT_URL": "ws://127.0.0.1:7880",
        "LIVEKIT_API_KEY": "APItest",
        "LIVEKIT_API_SECRET": API_SECRET,
        "SESSIONCAST_STATE_DIR": "/nonexistent/sessioncast",
    }
    return Settings(**(values | changes))


@dataclass
class Shim:
    """A running shim and its levers."""

    app: FastAPI
    http: httpx.AsyncClient
    sfu: FakeSfu
    clock: FakeClock

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        key: str | None = API_KEY,
        status: int | None = None,
        **more: Any,
    ) -> Any:
        """Call the API and return its JSON; with `status`, insist on it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = await self.http.request(method, path, json=json, headers=headers, **more)
        if status is not None:
            assert answer.status_code == status, (answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        return answer.json() if answer.content else None

    async def create(self, session: str = "demo", **body: Any) -> Any:
        return await self.call("POST", "/api/v1/sessions", {"session": session, **body}, status=201)

    async def problem(self, name: str, status: int, method: str, path: str, **more: Any) -> Any:
        """Call the API and insist on a problem by name."""
        body = await self.call(method, path, status=status, **more)
        assert body["type"] == f"urn:sessioncast:problem:{name}", body
        return body

    async def link(self, session: str = "demo", **body: Any) -> tuple[str, str]:
        """Make a join link; return its id and secret."""
        made = await self.call("POST", f"/api/v1/sessions/{session}/join-links", body, status=201)
        return made["id"], made["url"].partition("#join=")[2]


def credential(session: str) -> str:
    return agent_credential(API_SECRET, session)


@contextlib.asynccontextmanager
async def running_shim(
    *,
    store: Store | None = None,
    sfu: FakeSfu | None = None,
    clock: FakeClock | None = None,
    web_dist: Path | None = None,
    **changes: Any,
) -> AsyncIterator[Shim]:
    """Run the app with its lifespan; the client stands outside of it."""
    sfu, clock = sfu or FakeSfu(), clock or FakeClock()
    app = create_app(
        settings(**changes),
        public_url=PUBLIC_URL,
        api_key=API_KEY,
        enroll_key=ENROLL_KEY,
        sfu=sfu,
        store=store,
        clock=clock,
        page=Page(web_dist) if web_dist else None,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shim") as http,
    ):
        yield Shim(app, http, sfu, clock)
