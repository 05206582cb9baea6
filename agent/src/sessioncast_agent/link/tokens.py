"""How the agent gets a token: a ready one, or from the shim in exchange for its credential."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from sessioncast_agent.audience import Person
from sessioncast_agent.clocks import ClockSample, SharedClock, monotonic_us
from sessioncast_agent.config import TokenSettings
from sessioncast_agent.errors import CannotStart, LinkLost, SessionEnded

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)
CLOCK_SAMPLES = 5
_PROBLEM_CHARS = 300


@dataclass(frozen=True)
class Join:
    """One admission to the room. `credential` signs the shim's calls; None without a shim."""

    server_url: str
    token: str = field(repr=False)
    credential: str | None = field(default=None, repr=False)
    expected: tuple[Person, ...] = ()
    banned: tuple[str, ...] = ()


class TokenSource(Protocol):
    """Asked before every connection."""

    async def fetch(self) -> Join:
        """Raises LinkLost (try again), SessionEnded, or CannotStart (never try again)."""

    async def report(self, attributes: dict[str, str]) -> None:
        """Tell whoever gave the token what is going on; raises AgentError."""

    async def mute(self, identity: str, muted: bool) -> None:
        """Take a viewer's right to send data, or give it back; raises AgentError."""

    async def close(self) -> None:
        """Release connections."""


def check_token(token: str, session: str) -> None:
    """Look into a ready token (unverified: the SFU verifies); raises CannotStart."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        room, expires = claims["video"]["room"], float(claims["exp"])
        identity = claims["sub"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise CannotStart("LIVEKIT_TOKEN is no LiveKit token; mint one for this room") from error
    if room != session:
        raise CannotStart(f"LIVEKIT_TOKEN is for another room; mint one for {session}")
    if expires <= time.time():
        raise CannotStart("LIVEKIT_TOKEN has expired; mint a new one")
    if identity != f"agent-{session}":
        raise CannotStart(f"LIVEKIT_TOKEN has another identity; mint one for agent-{session}")


class FixedToken:
    """The token of the environment, used until it is refused."""

    def __init__(self, settings: TokenSettings, session: str) -> None:
        self._url, self._token = settings.livekit_url or "", settings.livekit_token or ""
        self._session = session

    async def fetch(self) -> Join:
        """The same token again; CannotStart once it has expired."""
        check_token(self._token, self._session)
        return Join(self._url, self._token)

    async def report(self, attributes: dict[str, str]) -> None:
        """Nobody to tell."""

    async def mute(self, identity: str, muted: bool) -> None:
        """Nobody to ask."""

    async def close(self) -> None:
        """Nothing to release."""


class ShimTokens:
    """Exchanges the credential at the shim; learns the shim's clock on the way."""

    def __init__(self, settings: TokenSettings, session: str, clock: SharedClock) -> None:
        self._base = f"{settings.signaling_url}/api/v1"
        self._session, self._clock = session, clock
        self._credential, self._enroll_key = settings.credential, settings.enroll_key
        self._http: aiohttp.ClientSession | None = None

    async def fetch(self) -> Join:
        """Enrol if need be, learn the clock, and exchange the credential for a token."""
        if self._credential is None:
            body = {"session": self._session, "kind": "desktop"}
            answer = await self._post("/sessions", self._enroll_key, body)
            self._credential = str(answer["agent"]["credential"])
        await self._learn_clock()
        answer = await self._post(f"/sessions/{self._session}/agent/token", self._credential, None)
        expected = tuple(
            Person(p["identity"], p["role"], p["actor"], p.get("name") or "")
            for p in answer.get("expected", ())
        )
        return Join(
            answer["server_url"],
            answer["participant_token"],
            self._credential,
            expected,
            tuple(str(identity) for identity in answer.get("banned", ())),
        )

    async def report(self, attributes: dict[str, str]) -> None:
        """POST …/agent/state."""
        path = f"/sessions/{self._session}/agent/state"
        await self._post(path, self._credential, {"attributes": attributes})

    async def mute(self, identity: str, muted: bool) -> None:
        """POST …/agent/mute."""
        path = f"/sessions/{self._session}/agent/mute"
        await self._post(path, self._credential, {"identity": identity, "muted": muted})

    async def close(self) -> None:
        """Close the HTTP connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _session_http(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=REQUEST_TIMEOUT)
        return self._http

    async def _post(
        self, path: str, bearer: str | None, body: dict[str, Any] | None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {bearer}"}
        try:
            async with self._session_http().post(
                self._base + path, json=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status == 204:
                    return {}
                if response.status in {200, 201}:
                    answer: dict[str, Any] = await response.json()
                    return answer
                raise await self._refusal(response)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise LinkLost(f"the shim at {self._base} does not answer: {error}") from error

    async def _refusal(self, response: aiohttp.ClientResponse) -> Exception:
        try:
            detail = str((await response.json(content_type=None))["detail"])[:_PROBLEM_CHARS]
        except (ValueError, KeyError, TypeError, aiohttp.ClientError):
            detail = response.reason or "no reason given"
        status = response.status
        if status == 410:
            return SessionEnded(f"the session {self._session} was ended: {detail}")
        if status in {401, 403}:
            what = "enrolment key" if self._credential is None else "credential"
            return CannotStart(f"the shim refuses the {what} of {self._session}: {detail}")
        if status in {404, 422}:
            return CannotStart(f"the shim does not know the session {self._session}: {detail}")
        return LinkLost(f"the shim answers {status}: {detail}")

    async def _learn_clock(self) -> None:
        samples = []
        try:
            for _ in range(CLOCK_SAMPLES):
                sent_us = monotonic_us()
                async with self._session_http().get(f"{self._base}/time") as response:
                    answer = await response.json()
                received_us = monotonic_us()
                samples.append(ClockSample(sent_us, received_us, int(answer["unix_us"])))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise LinkLost(f"the shim at {self._base} tells no time: {error}") from error
        self._clock.learn(samples)


def token_source(settings: TokenSettings, session: str, clock: SharedClock) -> TokenSource:
    """The source that the settings ask for."""
    if settings.livekit_token is not None:
        return FixedToken(settings, session)
    return ShimTokens(settings, session, clock)
