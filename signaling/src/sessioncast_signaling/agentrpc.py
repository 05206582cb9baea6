"""What the shim says to an agent: signed calls through the SFU, as docs/protocol.md has it.

`sign` and `verify` are pure; tests/fixtures/shim_rpc.json holds examples that the agent's own
verifier must agree on.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .clock import Clock, rfc3339
from .credentials import agent_credential
from .errors import (
    AgentAnswerError,
    AgentGoneError,
    AgentRefusedError,
    AgentTimeoutError,
    SfuError,
    SfuNotFoundError,
)
from .ids import agent_identity
from .sfu import RpcRefusedError, RpcTimeoutError, Sfu
from .store import ExpectedViewer, Thumbnail, Ticket

EXPECT_DEADLINE_S = 1.0
END_DEADLINE_S = 2.0
ASK_DEADLINE_S = 2.0
NARRATION_DEADLINE_S = 4.0
CLOCK_TOLERANCE_MS = 60_000
THUMBNAIL_WIDTH_PX = 320
MAX_JPEG_BYTES = 14_000
MAX_ANSWER_CHARACTERS = 64_000
_KEY_LABEL = b"sessioncast shim rpc v1"
_VERSION = 1

REFUSED = 1403
MALFORMED = 1400
# the SDK's own words, under the same number: it has joined, and answers calls in a moment
UNKNOWN_METHOD = "Method not supported"


class EnvelopeRefusedError(Exception):
    """An envelope that must not be obeyed; `code` is the RPC error's."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _signature(
    credential: str, *, method: str, session: str, ts_ms: int, nonce: str, body: str
) -> str:
    key = hmac.digest(credential.encode(), _KEY_LABEL, hashlib.sha256)
    text = "\n".join([method, session, str(ts_ms), nonce, body])
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def sign(
    credential: str, *, method: str, session: str, ts_ms: int, nonce: str, body: dict[str, Any]
) -> str:
    """Return the payload of one `shim.*` call."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    signature = _signature(
        credential, method=method, session=session, ts_ms=ts_ms, nonce=nonce, body=text
    )
    envelope = {"v": _VERSION, "ts_ms": ts_ms, "nonce": nonce, "body": text, "sig": signature}
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))


def verify(
    credential: str,
    *,
    method: str,
    session: str,
    payload: str,
    now_ms: int,
    seen_nonces: Collection[str] = (),
) -> dict[str, Any]:
    """Return the body of a call that may be obeyed; raises EnvelopeRefusedError.

    The agent has its own; this one proves the examples and serves in tests.
    """
    envelope = _object(payload, "the envelope is not a JSON object")
    ts_ms, nonce, body, sig = (envelope.get(k) for k in ("ts_ms", "nonce", "body", "sig"))
    if envelope.get("v") != _VERSION or type(ts_ms) is not int:
        raise EnvelopeRefusedError(MALFORMED, "the envelope has another version, or no time")
    if not (isinstance(nonce, str) and isinstance(body, str) and isinstance(sig, str) and nonce):
        raise EnvelopeRefusedError(MALFORMED, "the envelope lacks a field")
    expected = _signature(
        credential, method=method, session=session, ts_ms=ts_ms, nonce=nonce, body=body
    )
    if not hmac.compare_digest(expected.encode(), sig.encode("utf-8", "replace")):
        raise EnvelopeRefusedError(REFUSED, "the signature is wrong")
    if abs(ts_ms - now_ms) > CLOCK_TOLERANCE_MS:
        raise EnvelopeRefusedError(REFUSED, "the time is too far from ours")
    if nonce in seen_nonces:
        raise EnvelopeRefusedError(REFUSED, "the nonce was seen before")
    return _object(body, "the body is not a JSON object")


def _object(text: str, reason: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EnvelopeRefusedError(MALFORMED, reason)
    return value


@dataclass(frozen=True)
class AgentClient:
    """The calls, each under a deadline. They raise AgentError's kinds, and SfuError when the SFU
    itself is away. `count(method, outcome)` feeds the metrics.
    """

    sfu: Sfu
    api_secret: str
    clock: Clock
    count: Callable[[str, str], None]

    def __repr__(self) -> str:
        return "AgentClient()"

    async def expect(self, session: str, viewer: ExpectedViewer) -> None:
        """Announce a viewer before it holds its token."""
        body = {
            "identity": viewer.identity,
            "role": viewer.role.value,
            "actor": viewer.actor.value,
            "name": viewer.name,
            "expires_at": rfc3339(viewer.expires_at),
        }
        await self._call(session, "shim.expect", body, EXPECT_DEADLINE_S)

    async def dial(self, viewer: Ticket, *, url: str, secret: str) -> None:
        """Ask the agent to open the fallback's WebSocket for this viewer, by its own ticket."""
        body = {
            "url": url,
            "ticket": secret,
            "identity": viewer.identity,
            "role": viewer.role.value,
            "actor": viewer.actor.value,
            "name": viewer.name,
        }
        await self._call(viewer.session, "shim.dial", body, ASK_DEADLINE_S)

    async def ban(self, session: str, identity: str, seconds: float) -> None:
        """Tell it that a viewer was removed: no media for it and no control, for this time."""
        body = {"identity": identity, "seconds": seconds}
        await self._call(session, "shim.ban", body, EXPECT_DEADLINE_S)

    async def pardon(self, session: str, identity: str) -> None:
        """Tell it that a viewer may have media and control again."""
        await self._call(session, "shim.pardon", {"identity": identity}, EXPECT_DEADLINE_S)

    async def control(self, session: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for, give or take control in somebody's name."""
        return await self._call(session, "shim.control", body, ASK_DEADLINE_S)

    async def end(self, session: str, reason: str) -> dict[str, Any] | None:
        """Ask the agent to leave for good; return its last usage, if it gave one."""
        answer = await self._call(session, "shim.end", {"reason": reason}, END_DEADLINE_S)
        usage = answer.get("usage")
        return usage if isinstance(usage, dict) else None

    async def usage(self, session: str) -> dict[str, Any]:
        """Ask what the session costs."""
        return await self._call(session, "shim.usage", {}, ASK_DEADLINE_S)

    async def thumbnail(self, session: str) -> Thumbnail:
        """Ask for a small picture of the screen."""
        body = {"width_px": THUMBNAIL_WIDTH_PX}
        answer = await self._call(session, "shim.thumbnail", body, ASK_DEADLINE_S)
        try:
            jpeg = base64.b64decode(answer["jpeg_base64"], validate=True)
            captured_at = datetime.fromisoformat(answer["captured_at"]).timestamp()
        except (KeyError, TypeError, ValueError, OverflowError, binascii.Error):
            raise AgentAnswerError("shim.thumbnail: not a picture") from None
        # the desktop is somebody else's machine: what it sends is served to browsers as a JPEG
        if not jpeg.startswith(b"\xff\xd8\xff") or len(jpeg) > MAX_JPEG_BYTES:
            raise AgentAnswerError("shim.thumbnail: not a small JPEG")
        return Thumbnail(jpeg, captured_at)

    async def narration(self, session: str, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have it speak (`shim.say`), or stop (`shim.say_cancel`)."""
        return await self._call(session, method, body, NARRATION_DEADLINE_S)

    async def _call(
        self, session: str, method: str, body: dict[str, Any], deadline_s: float
    ) -> dict[str, Any]:
        payload = sign(
            agent_credential(self.api_secret, session),
            method=method,
            session=session,
            ts_ms=self.clock.unix_us() // 1000,
            nonce=secrets.token_hex(16),
            body=body,
        )
        try:
            text = await self.sfu.perform_rpc(
                session, agent_identity(session), method, payload, deadline_s
            )
        except SfuNotFoundError:
            self.count(method, "gone")
            raise AgentGoneError(f"{method}: the agent is not in the room") from None
        except RpcTimeoutError:
            self.count(method, "timeout")
            raise AgentTimeoutError(f"{method}: no answer in {deadline_s} s") from None
        except RpcRefusedError as error:
            if error.code == MALFORMED and error.sentence.startswith(UNKNOWN_METHOD):
                self.count(method, "gone")
                raise AgentGoneError(f"{method}: the agent is not ready yet") from None
            self.count(method, "refused")
            message = f"{method} was refused ({error})"
            raise AgentRefusedError(message, error.code, error.sentence) from None
        except SfuError:
            self.count(method, "sfu")
            raise
        answer = _answer(method, text)
        self.count(method, "ok")
        return answer


def _answer(method: str, text: str) -> dict[str, Any]:
    if len(text) > MAX_ANSWER_CHARACTERS:
        raise AgentAnswerError(f"{method}: the answer is too long")
    try:
        return _object(text, "")
    except EnvelopeRefusedError:
        raise AgentAnswerError(f"{method}: the answer is not a JSON object") from None
