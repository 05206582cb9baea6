"""Does the SFU raise rooms for whoever holds a token? Only its own key can tell."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time

import aiohttp

from sessioncast_agent.doctor import signalling
from sessioncast_agent.doctor.report import Finding, fail, ok, skip
from sessioncast_agent.errors import LinkLost

TTL_S = 60


def _token(key: str, secret: str, room: str) -> str:
    """Return a token that may look into one room, and nothing else, for a minute."""
    now = int(time.time())
    claims = {
        "iss": key,
        "sub": "doctor",
        "nbf": now - 5,
        "exp": now + TTL_S,
        "video": {
            "room": room,
            "roomJoin": True,
            "canPublish": False,
            "canPublishData": False,
            "canSubscribe": False,
        },
    }

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
    body = f"{part(header)}.{part(json.dumps(claims).encode())}"
    signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{part(signature)}"


async def auto_create(url: str, key: str | None, secret: str | None) -> Finding:
    """Try to enter a room that nobody has made."""
    if not key or not secret:
        return skip("auto-create", "not checked: needs LIVEKIT_API_KEY and LIVEKIT_API_SECRET")
    room = f"doctor-{secrets.token_hex(8)}"
    async with aiohttp.ClientSession() as http:
        try:
            async with signalling.seat(http, url, _token(key, secret, room)):
                return fail(
                    "auto-create",
                    "on: an old token brings an ended session back to life",
                    "set room.auto_create: false in livekit.yaml",
                )
        except signalling.Refused as error:
            if "404" in str(error):
                return ok("auto-create", "off: rooms are made by the shim alone")
            return skip("auto-create", f"not checked: {error}")
        except (LinkLost, TimeoutError) as error:
            return skip("auto-create", f"not checked: {error}")
