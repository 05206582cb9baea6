"""Checks the signed envelope of the shim's calls (docs/protocol.md). Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from typing import Any

VERSION = 1
KEY_PURPOSE = b"sessioncast shim rpc v1"
MAX_AGE_MS = 60_000
MAX_PAYLOAD_BYTES = 15_360  # an RPC payload of old peers; the shim needs far less
REMEMBERED_NONCES = 4_096

BAD_REQUEST, FORBIDDEN = 1400, 1403


class EnvelopeRefused(Exception):
    """Carries the RPC error code to answer with; the message names no secret."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def rpc_key(credential: str) -> bytes:
    """The signing key that shim and agent both derive from the agent's credential."""
    return hmac.new(credential.encode(), KEY_PURPOSE, hashlib.sha256).digest()


def signature(key: bytes, method: str, session: str, ts_ms: int, nonce: str, body: str) -> str:
    """Hex HMAC-SHA256 over the five fields, one a line."""
    text = "\n".join([method, session, str(ts_ms), nonce, body])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class EnvelopeVerifier:
    """One per credential; remembers nonces, so that a call cannot be played twice."""

    def __init__(self, credential: str, session: str) -> None:
        self._key, self._session = rpc_key(credential), session
        self._nonces: OrderedDict[str, None] = OrderedDict()

    def open(self, method: str, payload: str, now_ms: int) -> dict[str, Any]:
        """The body of a genuine, recent, new call; raises EnvelopeRefused."""
        fields = _parse_object(payload)
        ts_ms, nonce, body, sig = (fields.get(name) for name in ("ts_ms", "nonce", "body", "sig"))
        if (
            fields.get("v") != VERSION
            or not isinstance(ts_ms, int)
            or isinstance(ts_ms, bool)
            or not all(isinstance(value, str) for value in (nonce, body, sig))
        ):
            raise EnvelopeRefused(BAD_REQUEST, "malformed envelope")
        nonce, body, sig = str(nonce), str(body), str(sig)
        expected = signature(self._key, method, self._session, ts_ms, nonce, body)
        if not hmac.compare_digest(expected.encode(), sig.encode()):
            raise EnvelopeRefused(FORBIDDEN, "wrong signature")
        if abs(now_ms - ts_ms) > MAX_AGE_MS:
            raise EnvelopeRefused(FORBIDDEN, "too old or from the future; check the clocks")
        if nonce in self._nonces:
            raise EnvelopeRefused(FORBIDDEN, "seen before")
        result = _parse_object(body)
        self._nonces[nonce] = None
        while len(self._nonces) > REMEMBERED_NONCES:
            self._nonces.popitem(last=False)
        return result


def _parse_object(text: str) -> dict[str, Any]:
    if len(text.encode(errors="replace")) > MAX_PAYLOAD_BYTES:
        raise EnvelopeRefused(BAD_REQUEST, "payload too large")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EnvelopeRefused(BAD_REQUEST, "not JSON") from error
    if not isinstance(value, dict):
        raise EnvelopeRefused(BAD_REQUEST, "not a JSON object")
    return value
