"""The ways that media can take: on each, a STUN question that only the SFU can answer."""

from __future__ import annotations

import asyncio
import re
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from aioice import stun, turn

from sessioncast_agent.doctor.sdp import Candidate, Credentials
from sessioncast_agent.doctor.signalling import Relay

DEADLINE_S = 4.0
AGAIN_S = 0.25
_FRAME = struct.Struct("!H")
_UNAUTHORISED = {401, 403, 431, 441}


class Blocked(Exception):
    """Nothing came back; the message says of what."""


class RelayRefused(Exception):
    """The relay answered, and said no."""


@dataclass(frozen=True)
class Knock:
    """The question that the SFU's ICE answers: who we are to it, by its own password."""

    own: Credentials
    sfu: Credentials

    def message(self) -> stun.Message:
        """Return a new one."""
        made = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        made.attributes["USERNAME"] = f"{self.sfu.ufrag}:{self.own.ufrag}"
        made.attributes["PRIORITY"] = 1_845_501_695
        made.attributes["ICE-CONTROLLING"] = 1
        made.add_message_integrity(self.sfu.pwd.encode())
        made.add_fingerprint()
        return made


class _Answers(asyncio.DatagramProtocol):
    """Completes when the SFU answers one of our questions."""

    def __init__(self) -> None:
        self.asked: set[bytes] = set()
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if _is_answer(data, self.asked) and not self.heard.done():
            self.heard.set_result(None)


def _is_answer(data: bytes, asked: set[bytes]) -> bool:
    try:
        message = stun.parse_message(data)
    except ValueError:
        return False
    return (
        message.message_class in {stun.Class.RESPONSE, stun.Class.ERROR}
        and message.transaction_id in asked
    )


async def udp(place: Candidate, knock: Knock) -> float:
    """Return the round trip in ms; raises Blocked."""
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        _Answers, remote_addr=(place.host, place.port)
    )
    try:
        return await _ask(answers, transport.sendto, knock)
    finally:
        transport.close()


async def _ask(answers: _Answers, send: Callable[[bytes], None], knock: Knock) -> float:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        message = knock.message()
        answers.asked.add(message.transaction_id)
        began = time.monotonic()
        send(bytes(message))
        try:
            async with asyncio.timeout(AGAIN_S):
                await asyncio.shield(answers.heard)
        except TimeoutError:
            continue
        return (time.monotonic() - began) * 1000
    raise Blocked(f"no answer in {DEADLINE_S:.0f} s")


async def tcp(place: Candidate, knock: Knock) -> float:
    """Return the round trip in ms over ICE/TCP (RFC 6544: each message after its length)."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(place.host, place.port)
            try:
                message = knock.message()
                data = bytes(message)
                began = time.monotonic()
                writer.write(_FRAME.pack(len(data)) + data)
                await writer.drain()
                while True:
                    (length,) = _FRAME.unpack(await reader.readexactly(_FRAME.size))
                    if _is_answer(await reader.readexactly(length), {message.transaction_id}):
                        return (time.monotonic() - began) * 1000
            finally:
                writer.close()
    except TimeoutError:
        raise Blocked(f"no answer in {DEADLINE_S:.0f} s") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Blocked(f"{type(error).__name__}") from None


def parse(relay: Relay) -> tuple[str, int, str, bool]:
    """Return host, port, transport and whether it is TLS, of a TURN URL (RFC 7065)."""
    match = re.fullmatch(
        r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(\w+))?", relay.url
    )
    if match is None:
        raise Blocked(f"{relay.url.partition('?')[0]} is no TURN address")
    tls = match[1] == "turns"
    return (
        match[2].strip("[]"),
        int(match[3] or (5349 if tls else 3478)),
        match[4] or ("tcp" if tls else "udp"),
        tls,
    )


async def relayed(
    relay: Relay, place: Candidate, knock: Knock, context: ssl.SSLContext | None = None
) -> float:
    """Return the round trip in ms through a relay; raises Blocked and RelayRefused."""
    host, port, transport, tls = parse(relay)
    try:
        async with asyncio.timeout(DEADLINE_S):
            endpoint, answers = await turn.create_turn_endpoint(
                _Answers,
                (host, port),
                username=relay.username,
                password=relay.password,
                transport=transport,
                ssl=(context or ssl.create_default_context()) if tls else None,
            )
    except TimeoutError:
        raise Blocked("the relay does not answer") from None
    except stun.TransactionFailed as error:
        code = error.response.error_code
        if code in _UNAUTHORISED:
            raise RelayRefused(f"the relay refuses our credentials ({code})") from None
        raise RelayRefused(f"the relay refuses to relay ({code})") from None
    except stun.TransactionTimeout:
        raise Blocked("the relay does not answer") from None
    except ssl.SSLError as error:
        raise Blocked(f"TLS: {error.reason or type(error).__name__}") from None
    except OSError as error:
        raise Blocked(f"{type(error).__name__}") from None
    try:
        return await _ask(
            answers, lambda data: endpoint.sendto(data, (place.host, place.port)), knock
        )
    except Blocked:
        raise RelayRefused("the relay takes us and lets nothing through to the SFU") from None
    finally:
        endpoint.close()
