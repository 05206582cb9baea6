"""Signing in at a real OpenID Connect server: what its tokens open here, and what does not."""

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sessioncast_signaling import oidc as oidc_module
from support.oidc_server import RESOURCE, OidcServer, new_key, oidc_server
from support.shim import FakeClock, running_shim

pytestmark = pytest.mark.integration

RULES = [
    {"claim": "groups", "value": "support", "role": "operator", "sessions": ["demo", "team-*"]},
    {"claim": "groups", "value": "guests", "role": "observer", "scopes": ["control:ask"]},
]
OFFER = "/api/v1/sessions/demo/webrtc/offer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    with oidc_server(tmp_path_factory.mktemp("oidc")) as running:
        yield running


def settings(server: OidcServer, **more: Any) -> dict[str, Any]:
    return {
        "OIDC_ISSUER": server.issuer,
        "OIDC_CLIENT_ID": "sessioncast",
        "OIDC_RULES": json.dumps(RULES),
        **more,
    }


async def test_people_may_what_their_groups_may(server: OidcServer) -> None:
    ana, bo, eve = (server.sign_in(who)["id_token"] for who in ("ana", "bo", "eve"))
    async with running_shim(**settings(server)) as shim:
        for session in ("demo", "team-1", "other"):
            await shim.create(session)
        listed = await shim.call("GET", "/api/v1/sessions", key=ana, status=200)
        assert sorted(s["session"] for s in listed["items"]) == ["demo", "team-1"]
        made = await shim.call("POST", OFFER, {"role": "operator"}, key=ana, status=201)
        assert made["role"] == "operator"
        token = jwt.decode(made["participant_token"], options={"verify_signature": False})
        assert token["name"] == "Ana"
        plain = await shim.call("POST", OFFER, {}, key=ana, status=201)
        assert plain["role"] == "observer"
        await shim.problem("role-above-right", 403, "POST", OFFER, json={"role": "admin"}, key=ana)
        other = "/api/v1/sessions/other/webrtc/offer"
        await shim.problem("forbidden", 403, "POST", other, key=ana)
        await shim.problem("forbidden", 403, "DELETE", "/api/v1/sessions/demo", key=ana)

        asking = await shim.call("POST", other, {}, key=bo, status=201)
        assert (asking["role"], asking["may_ask"]) == ("observer", True)
        await shim.problem(
            "role-above-right", 403, "POST", OFFER, json={"role": "operator"}, key=bo
        )
        await shim.problem("forbidden", 403, "POST", OFFER, key=eve)


async def test_the_page_is_told_how_to_sign_in(server: OidcServer) -> None:
    async with running_shim(**settings(server)) as shim:
        found = await shim.call("GET", "/api/v1/auth/config", key=None, status=200)
        assert found == {
            "api_key": True,
            "oidc": {
                "issuer": server.issuer,
                "client_id": "sessioncast",
                "scope": "openid profile",
                "resource": None,
                "bearer": "id_token",
                "authorization_endpoint": f"{server.issuer}/auth",
                "token_endpoint": f"{server.issuer}/token",
                "end_session_endpoint": f"{server.issuer}/session/end",
            },
        }
        page = await shim.http.get("/")
        policy = page.headers["content-security-policy"]
        assert f" {server.issuer};" in policy[policy.index("connect-src") :]


async def test_access_tokens_for_an_audience_of_our_own(server: OidcServer) -> None:
    tokens = server.sign_in("ana", resource=RESOURCE)
    more = {"OIDC_AUDIENCE": RESOURCE, "OIDC_RESOURCE": RESOURCE}
    async with running_shim(**settings(server, **more)) as shim:
        await shim.create()
        config = await shim.call("GET", "/api/v1/auth/config", key=None)
        assert (config["oidc"]["bearer"], config["oidc"]["resource"]) == ("access_token", RESOURCE)
        await shim.call("POST", OFFER, {"role": "operator"}, key=tokens["access_token"], status=201)
        await shim.problem("unauthorized", 401, "POST", OFFER, key=tokens["id_token"])


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": ["sessioncast", "another"], "azp": "another"},
        {"iss": "http://127.0.0.1"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"sub": None},
        {"iat": None},
        {"nbf": 4_000_000_000},
        {"kid": "unknown"},
        {"key": new_key()},
        {"alg": "HS256", "key": "a shared secret that is long enough for HS256"},
        {"alg": "PS512"},
    ],
    ids="-".join,
)
async def test_a_token_with_one_fault_is_refused_as_any_wrong_key(
    server: OidcServer, changes: dict[str, Any]
) -> None:
    async with running_shim(**settings(server)) as shim:
        await shim.create()
        await shim.call("POST", OFFER, {}, key=server.forged(), status=201)
        body = await shim.problem("unauthorized", 401, "POST", OFFER, key=server.forged(**changes))
        assert body == await shim.problem("unauthorized", 401, "POST", OFFER, key="x")


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_unsigned_and_confused_tokens_are_refused(server: OidcServer) -> None:
    head, claims, _ = server.forged().split(".")
    none = jwt.encode({"sub": "ana"}, "", algorithm="none").split(".")[0]
    public = server.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shared = _part(b'{"alg":"HS256","typ":"JWT","kid":"one"}')
    mac = _part(hmac.digest(public, f"{shared}.{claims}".encode(), "sha256"))
    async with running_shim(**settings(server)) as shim:
        await shim.create()
        for wrong in [
            f"{none}.{claims}.",
            f"{head}.{claims}.",
            f"{head}.{claims}.AAAA",
            f"{shared}.{claims}.{mac}",
            "a.b.c",
        ]:
            await shim.problem("unauthorized", 401, "POST", OFFER, key=wrong)


async def test_a_changed_key_is_fetched_and_an_old_one_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    with oidc_server(tmp_path) as server:
        old = server.forged()
        async with running_shim(clock=clock, **settings(server)) as shim:
            await shim.create()
            await shim.call("POST", OFFER, {}, key=old, status=201)
            server.rotate("two")
            await shim.problem("unauthorized", 401, "POST", OFFER, key=server.forged())
            clock.turn(oidc_module.REFETCH_S)
            await shim.call("POST", OFFER, {}, key=server.forged(), status=201)
            await shim.problem("unauthorized", 401, "POST", OFFER, key=old)

            # while it is away, what is known stays good; what is not is 503 or 401, and quick
            server.stop()
            clock.turn(oidc_module.KEEP_S)
            await shim.call("POST", OFFER, {}, key=server.forged(), status=201)
            server.start()


async def test_a_server_that_never_answered_is_503_for_its_tokens_alone(
    server: OidcServer, tmp_path: Path
) -> None:
    gone = settings(server) | {"OIDC_ISSUER": "http://127.0.0.1:9"}
    async with running_shim(**gone) as shim:
        await shim.create()
        await shim.problem("sign-in-unreachable", 503, "POST", OFFER, key=server.forged())
        await shim.call("POST", OFFER, {}, status=201)
        assert (await shim.call("GET", "/api/v1/auth/config", key=None))["oidc"] is None
