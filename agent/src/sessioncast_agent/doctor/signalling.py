"""A room joined without a media stack: what the SFU tells about itself and where it takes media."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import aiohttp
from livekit.protocol import rtc

from sessioncast_agent.addresses import http_url
from sessioncast_agent.doctor import sdp
from sessioncast_agent.errors import LinkLost

CONNECT_DEADLINE_S = 6.0
GATHER_S = 1.5
VIDEO_DEADLINE_S = 4.0
_PROTOCOL = 15
_UDP_AND_TCP = 2


class Refused(LinkLost):
    """The SFU does not let this token in."""


@dataclass
class Seat:
    """What is known after joining. The credentials of relays are secrets."""

    version: str
    relays: list[Relay]
    own: sdp.Credentials = field(repr=False)
    sfu: sdp.Credentials | None = field(default=None, repr=False)
    candidates: list[sdp.Candidate] = field(default_factory=list)
    playout_delay: bool | None = None  # None: no picture was offered to see it by

    def at(self, protocol: str) -> list[sdp.Candidate]:
        """Return where it takes media by this protocol."""
        return [place for place in self.candidates if place.protocol == protocol]


@dataclass(frozen=True)
class Relay:
    """One TURN address, as the SFU gave it to us."""

    url: str
    username: str = field(repr=False)
    password: str = field(repr=False)


async def clock_offset_s(http: aiohttp.ClientSession, url: str) -> float | None:
    """Return how far the SFU's clock is ahead of ours, within a second; raises LinkLost."""
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S), http.get(http_url(url)) as answer:
            date = answer.headers.get("Date")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LinkLost(f"{type(error).__name__}: no answer from {url}") from None
    if date is None:
        return None
    # the header has whole seconds, cut off
    return parsedate_to_datetime(date).timestamp() + 0.5 - time.time()


@contextlib.asynccontextmanager
async def seat(http: aiohttp.ClientSession, url: str, token: str) -> AsyncIterator[Seat]:
    """Join for the body, and leave; raises LinkLost, and Refused when the token is not taken."""
    address = f"{http_url(url)}/rtc?protocol={_PROTOCOL}&auto_subscribe=1&sdk=python&version=1.2.1"
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            socket = await http.ws_connect(address, headers={"Authorization": f"Bearer {token}"})
    except aiohttp.WSServerHandshakeError as error:
        if error.status in {401, 403, 404}:
            raise Refused(f"the SFU refused the token ({error.status})") from None
        raise LinkLost(f"the SFU answered {error.status} to the WebSocket") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LinkLost(f"{type(error).__name__}: no WebSocket to {url}") from None
    try:
        yield await _take(socket)
    finally:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
            await socket.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())
            async with asyncio.timeout(1):
                await socket.close()


async def _take(socket: aiohttp.ClientWebSocketResponse) -> Seat:
    async with asyncio.timeout(CONNECT_DEADLINE_S):
        first = await _next(socket)
    if first.WhichOneof("message") != "join":
        raise LinkLost("the SFU did not begin with a join answer")
    join = first.join
    relays = [
        Relay(url, server.username, server.credential)
        for server in join.ice_servers
        for url in server.urls
        if url.startswith(("turn:", "turns:"))
    ]
    version = join.server_info.version or join.server_version
    own = sdp.Credentials(secrets.token_hex(4), secrets.token_hex(16))
    made = Seat(version, relays, own)
    digest = secrets.token_bytes(32)
    fingerprint = ":".join(f"{byte:02X}" for byte in digest)
    deadline = time.monotonic() + VIDEO_DEADLINE_S
    while time.monotonic() < deadline:
        patience_s = deadline - time.monotonic()
        if len({place.protocol for place in made.candidates}) == _UDP_AND_TCP:
            if made.playout_delay is not None:
                break
            patience_s = min(patience_s, GATHER_S)
        try:
            async with asyncio.timeout(patience_s):
                message = await _next(socket)
        except TimeoutError:
            break
        await _hear(socket, made, message, fingerprint)
    return made


async def _hear(
    socket: aiohttp.ClientWebSocketResponse,
    made: Seat,
    message: rtc.SignalResponse,
    fingerprint: str,
) -> None:
    kind = message.WhichOneof("message")
    if kind == "offer":
        offer = message.offer.sdp
        made.sfu = sdp.credentials(offer)
        if sdp.has_video(offer):
            made.playout_delay = sdp.has_playout_delay(offer)
        words = sdp.answer(offer, made.own, fingerprint)
        reply = rtc.SessionDescription(type="answer", sdp=words, id=message.offer.id)
        await socket.send_bytes(rtc.SignalRequest(answer=reply).SerializeToString())
    elif kind == "trickle":
        with contextlib.suppress(ValueError):
            place = sdp.candidate(json.loads(message.trickle.candidateInit).get("candidate", ""))
            if place is not None and place not in made.candidates:
                made.candidates.append(place)


async def _next(socket: aiohttp.ClientWebSocketResponse) -> rtc.SignalResponse:
    message = await socket.receive()
    if message.type is not aiohttp.WSMsgType.BINARY:
        raise LinkLost("the SFU closed the connection")
    return rtc.SignalResponse.FromString(message.data)
