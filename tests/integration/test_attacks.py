"""Attacks on the real servers: forged tokens, and more than anybody needs."""

import asyncio
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from livekit import api

from support.livekit import LiveKitServer
from support.shim_process import API_KEY, ShimProcess

pytestmark = pytest.mark.integration


def validated(sfu: LiveKitServer, token: str) -> int:
    """What the SFU says to a token."""
    try:
        url = f"{sfu.http_url}/rtc/validate?access_token={token}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_forged_tokens_open_neither_sfu_nor_shim(
    sfu: LiveKitServer, shim: ShimProcess
) -> None:
    now = int(time.time())
    async with httpx.AsyncClient(base_url=shim.url, timeout=15) as http:
        key = {"Authorization": f"Bearer {API_KEY}"}
        await http.post("/api/v1/sessions", json={"session": "forged"}, headers=key)
        offer = f"/api/v1/sessions/{'forged'}/webrtc/offer"
        good = (await http.post(offer, json={}, headers=key)).json()["participant_token"]
        assert await asyncio.to_thread(validated, sfu, good) == 200

        claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
        secret = sfu.api_secret
        head, _, signature = good.split(".")
        more = claims | {"video": claims["video"] | {"roomAdmin": True, "canPublishData": True}}
        rights = jwt.encode(more, "", algorithm="none").split(".")[1]
        forged = {
            "over": jwt.encode(claims | {"exp": now - 120, "nbf": now - 600}, secret),
            "none": jwt.encode(claims, "", algorithm="none"),
            "another key": jwt.encode(claims, "another-secret-that-is-32-bytes-long!"),
            "more rights": f"{head}.{rights}.{signature}",
            "unknown issuer": jwt.encode(claims | {"iss": "APIother"}, secret),
        }
        for what, token in forged.items():
            assert await asyncio.to_thread(validated, sfu, token) == 401, what
        # a good one is for its room alone, and makes none
        other = api.VideoGrants(room_join=True, room="no-such-room")
        lost = api.AccessToken(sfu.api_key, secret).with_identity("x").with_grants(other)
        lost = lost.with_ttl(timedelta(seconds=60))
        assert await asyncio.to_thread(validated, sfu, lost.to_jwt()) != 200

        answers = [
            (await http.post(offer, json={}, headers={"Authorization": f"Bearer {token}"}))
            for token in [*forged.values(), good]
        ]
        assert {a.status_code for a in answers} == {401}
        assert len({a.text for a in answers}) == 1, "the same answer to each"
    assert "eyJ" not in shim.log_path.read_text()


async def raw(shim: ShimProcess, sent: bytes, within_s: float = 15.0) -> bytes:
    """Send bytes to the real server, and return the answer's first line (empty: it hung up)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shim.port)
    try:
        writer.write(sent)
        await writer.drain()
        return await asyncio.wait_for(reader.readline(), within_s)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_the_real_server_refuses_what_is_too_much(shim: ShimProcess) -> None:
    head = b"POST /api/v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    too_large = await raw(shim, head + b"Content-Length: 10000000\r\n\r\n{")
    assert b" 413 " in too_large
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 6
    chunked = await raw(shim, head + chunks)
    assert chunked == b"" or b" 413 " in chunked
    endless = await raw(shim, head + b"X: " + b"a" * 70_000 + b"\r\n\r\n")
    assert endless == b"" or endless.split()[1] in {b"400", b"431"}
    assert b" 400 " in await raw(shim, head + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n{}")
    form = head.replace(b"application/json", b"application/x-www-form-urlencoded")
    assert b" 415 " in await raw(shim, form + b"Content-Length: 3\r\n\r\na=b")
    async with httpx.AsyncClient(base_url=shim.url, timeout=15) as http:
        tries = [(await http.post("/api/v1/join", json={"secret": "x"})) for _ in range(80)]
        statuses = [t.status_code for t in tries]
        assert set(statuses) == {404, 429}
        assert int(tries[-1].headers.get("retry-after", "1")) >= 1
        key = {"Authorization": f"Bearer {API_KEY}"}
        assert (await http.get("/api/v1/sessions", headers=key)).status_code == 200
