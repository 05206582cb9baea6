"""The `shim.*` methods: what the shim may ask of the agent, each in a signed envelope."""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol

from livekit import rtc

from sessioncast_agent.audience import AGENT_PREFIX, Person
from sessioncast_agent.clocks import SharedClock
from sessioncast_agent.errors import AgentError, ControlRefused
from sessioncast_agent.link.envelope import BAD_REQUEST, EnvelopeRefused, EnvelopeVerifier
from sessioncast_agent.stages import RpcHandler, ShimMethod

log = logging.getLogger(__name__)

UNAVAILABLE = 1503
ROLES = frozenset({"observer", "operator", "admin"})
ACTORS = frozenset({"person", "ai"})
MAX_FIELD_CHARS = 256
MAX_BAN_S = 7 * 24 * 3600


class ShimTarget(Protocol):
    """The session, as far as the shim may move it; called on the event loop."""

    def expect(self, person: Person) -> None:
        """A viewer was given a token."""

    def ban(self, identity: str, seconds: float) -> None:
        """A viewer was removed."""

    def pardon(self, identity: str) -> None:
        """A viewer who was removed may come back."""

    def end(self, reason: str) -> dict[str, Any]:
        """Leave for good; the last usage."""

    def usage(self) -> dict[str, Any]:
        """The bill so far."""

    async def thumbnail(self, width_px: int) -> dict[str, Any]:
        """A small JPEG of the present picture; raises AgentError."""


def _person(body: dict[str, Any]) -> Person:
    identity, role, actor = body.get("identity"), body.get("role"), body.get("actor")
    name = body.get("name") or ""
    if (
        not isinstance(identity, str)
        or not 0 < len(identity) <= MAX_FIELD_CHARS
        or role not in ROLES
        or actor not in ACTORS
        or not isinstance(name, str)
        or len(name) > MAX_FIELD_CHARS
    ):
        raise EnvelopeRefused(BAD_REQUEST, "malformed viewer")
    return Person(identity, str(role), str(actor), name)


def _viewer_identity(body: dict[str, Any]) -> str:
    identity = body.get("identity")
    if (
        not isinstance(identity, str)
        or not 0 < len(identity) <= MAX_FIELD_CHARS
        or identity.startswith(AGENT_PREFIX)
    ):
        raise EnvelopeRefused(BAD_REQUEST, "malformed identity")
    return identity


class ShimCalls:
    """The handlers for one credential; `handlers` goes to every new room."""

    def __init__(
        self, credential: str, session: str, clock: SharedClock, target: ShimTarget
    ) -> None:
        self._verifier = EnvelopeVerifier(credential, session)
        self._clock, self._target = clock, target
        self._more: dict[str, ShimMethod] = {}

    def add(self, methods: dict[str, ShimMethod]) -> None:
        """Answer these `shim.*` methods too, from the next room on."""
        self._more |= methods

    def handlers(self) -> dict[str, RpcHandler]:
        """Method name to handler."""
        methods: dict[str, ShimMethod] = {
            "shim.expect": self._expect,
            "shim.ban": self._ban,
            "shim.pardon": self._pardon,
            "shim.end": self._end,
            "shim.usage": self._usage,
            "shim.thumbnail": self._thumbnail,
            **self._more,
        }
        return {name: self._guarded(name, method) for name, method in methods.items()}

    def _guarded(self, name: str, method: ShimMethod) -> RpcHandler:
        async def handler(call: rtc.RpcInvocationData) -> str:
            try:
                now_ms = self._clock.unix_us() // 1000
                body = self._verifier.open(name, call.payload, now_ms)
                return json.dumps(await method(body))
            except EnvelopeRefused as error:
                log.warning("%s refused: %s", name, error)
                raise rtc.RpcError(error.code, str(error)) from error
            except ControlRefused as error:
                raise rtc.RpcError(error.code, str(error)) from error
            except AgentError as error:
                raise rtc.RpcError(UNAVAILABLE, str(error)) from error

        return handler

    async def _expect(self, body: dict[str, Any]) -> dict[str, Any]:
        self._target.expect(_person(body))
        return {"ok": True}

    async def _ban(self, body: dict[str, Any]) -> dict[str, Any]:
        seconds = body.get("seconds")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 < seconds <= MAX_BAN_S
        ):
            raise EnvelopeRefused(BAD_REQUEST, "malformed ban")
        self._target.ban(_viewer_identity(body), seconds)
        return {"ok": True}

    async def _pardon(self, body: dict[str, Any]) -> dict[str, Any]:
        self._target.pardon(_viewer_identity(body))
        return {"ok": True}

    async def _end(self, body: dict[str, Any]) -> dict[str, Any]:
        reason = body.get("reason")
        return {"usage": self._target.end(str(reason)[:MAX_FIELD_CHARS])}

    async def _usage(self, body: dict[str, Any]) -> dict[str, Any]:
        del body
        return self._target.usage()

    async def _thumbnail(self, body: dict[str, Any]) -> dict[str, Any]:
        width_px = body.get("width_px", 320)
        if not isinstance(width_px, int) or not 16 <= width_px <= 640:
            raise EnvelopeRefused(BAD_REQUEST, "width_px must be 16 to 640")
        return await self._target.thumbnail(width_px)
