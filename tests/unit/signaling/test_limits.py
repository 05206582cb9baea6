"""How often, and from where: counters per key, person and address; hosts, proxies, origins."""

import ipaddress
import json
from typing import Any

import pytest

from sessioncast_signaling.config_access import load_rules
from sessioncast_signaling.errors import ConfigError
from sessioncast_signaling.limits import client_address
from sessioncast_signaling.oidc import caller_of, has_value, load_plan
from sessioncast_signaling.rights import Right
from sessioncast_signaling.roles import Role
from support.shim import API_KEY, running_shim, settings

pytestmark = pytest.mark.unit

SESSIONS = "/api/v1/sessions"
PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.1/32")]


async def test_one_key_is_limited_and_another_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_shim(LIMIT_KEY_PER_MINUTE=30, LIMIT_PERSON_PER_MINUTE=60) as shim:
        await shim.create()
        _, secret = await shim.link(role="observer")
        grant = (await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None))["grant"]
        statuses = [(await shim.http.get(SESSIONS, headers=bearer(API_KEY))).status_code
                    for _ in range(10)]  # fmt: skip
        assert statuses.count(200) == 3, "two of the burst of five are spent above"
        answer = await shim.http.get(SESSIONS, headers=bearer(API_KEY))
        assert answer.status_code == 429
        assert answer.json()["type"] == "urn:sessioncast:problem:too-often"
        assert 1 <= int(answer.headers["retry-after"]) <= 3
        await shim.call("GET", f"{SESSIONS}/demo", key=grant, status=200)
        shim.clock.turn(float(answer.headers["retry-after"]))
        await shim.call("GET", SESSIONS, status=200)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_thousand_tries_get_nothing_but_429(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_shim() as shim:
        await shim.create()
        statuses = [
            (await shim.http.post("/api/v1/join", json={"secret": f"scj_{n}"})).status_code
            for n in range(500)
        ] + [
            (await shim.http.get(SESSIONS, headers=bearer(f"sck_{n}"))).status_code
            for n in range(500)
        ]
        assert set(statuses) == {404, 429}
        assert statuses.count(404) <= 20
        await shim.call("GET", SESSIONS, status=200)  # whoever has a key is not shut out


async def test_an_address_is_limited_behind_a_proxy_of_ours() -> None:
    async with running_shim(LIMIT_ADDRESS_PER_MINUTE=30, TRUSTED_PROXIES="127.0.0.1") as shim:

        async def ask(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            return (await shim.http.get("/api/v1/auth/config", headers=headers)).status_code

        assert [await ask("198.51.100.7") for _ in range(6)] == [200] * 5 + [429]
        assert await ask("198.51.100.8") == 200
        assert (await shim.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "192.0.2.66, 203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "192.0.2.66, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.1.2.3", "nonsense", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "", "198.51.100.7"),
        ("", "", ""),
    ],
)
def test_whose_address_it_is(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


async def test_only_the_named_hosts_are_served() -> None:
    async with running_shim(TRUSTED_HOSTS="shim,*.inside") as shim:

        async def ask(host: str, path: str = "/api/v1/time") -> int:
            return (await shim.http.get(path, headers={"Host": host})).status_code

        for good in ["shim", "SHIM:8080", "a.inside", "cast.example"]:
            assert await ask(good) == 200, good
        for bad in ["evil.example", "inside", "shim.evil.example", "", "[::1", "x@shim@evil"]:
            assert await ask(bad) == 421, bad
        assert await ask("10.2.3.4:8080", "/healthz") == 200


async def test_framing_and_foreign_pages_are_closed_until_they_are_named() -> None:
    origin = {"Origin": "https://app.example"}
    ask = origin | {"Access-Control-Request-Method": "POST"}
    async with running_shim() as shim:
        plain = await shim.http.get("/api/v1/time", headers=origin)
        assert "access-control-allow-origin" not in plain.headers
        assert plain.headers["x-frame-options"] == "DENY"
        assert (
            await shim.http.options(f"{SESSIONS}/demo/webrtc/offer", headers=ask)
        ).status_code == 405
    named: dict[str, Any] = {
        "EMBED_ORIGINS": "https://app.example",
        "CORS_ORIGINS": "https://app.example",
    }
    async with running_shim(**named) as shim:
        answer = await shim.http.get("/api/v1/time", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
        assert "x-frame-options" not in answer.headers
        assert "frame-ancestors https://app.example;" in answer.headers["content-security-policy"]
        preflight = await shim.http.options(f"{SESSIONS}/demo/webrtc/offer", headers=ask)
        assert preflight.status_code == 204
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        for other in ["https://evil.example", "null", "https://app.example.evil"]:
            refused = await shim.http.get("/api/v1/time", headers={"Origin": other})
            assert "access-control-allow-origin" not in refused.headers
            headers = ask | {"Origin": other}
            assert (await shim.http.options(SESSIONS, headers=headers)).status_code == 405


@pytest.mark.parametrize(
    "changes",
    [
        {"EMBED_ORIGINS": "https://app.example/path"},
        {"CORS_ORIGINS": "*"},
        {"TRUSTED_PROXIES": "everybody"},
        {"TRUSTED_HOSTS": "https://cast.example"},
        {"OIDC_ISSUER": "http://login.example"},
        {"LIMIT_KEY_PER_MINUTE": 0},
    ],
)
def test_settings_that_are_not_usable(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        settings(**changes)


RULE = {"claim": "groups", "value": "a", "role": "observer"}


@pytest.mark.parametrize(
    "rules",
    [
        None,
        "{}",
        "[",
        [RULE | {"role": "root"}],
        [RULE | {"sessions": ["a b"]}],
        [RULE | {"value": None}],
        [{"claim": "groups", "value": "a"}],
        [RULE | {"more": 1}],
    ],
)
def test_rules_that_are_not_usable(rules: Any) -> None:
    text = rules if isinstance(rules, str) or rules is None else json.dumps(rules)
    more = {} if text is None else {"OIDC_RULES": text}
    with pytest.raises(ConfigError, match="OIDC_RULES"):
        load_rules(settings(**more))
    with pytest.raises(ConfigError, match="OIDC_CLIENT_ID"):
        load_plan(settings(OIDC_ISSUER="https://login.example", **more))


def test_claims_become_permits() -> None:
    rules = load_rules(settings(OIDC_RULES=json.dumps([
        RULE, {"role": "operator", "sessions": ["open-*"]},
        {"claim": "realm_access.roles", "value": "boss", "role": "admin", "sessions": ["x"]},
    ])))  # fmt: skip
    claims: dict[str, Any] = {"sub": "1", "name": "A\u202eB", "email": "a@b"}
    nobody = caller_of(claims, rules)
    assert nobody.name == "a@b", "a name that pretends to be another is not shown"
    assert nobody.highest_role("demo") is None
    assert nobody.highest_role("open-1") is Role.OPERATOR
    boss = caller_of(claims | {"groups": "a", "realm_access": {"roles": ["boss"]}}, rules)
    assert boss.highest_role("demo") is Role.OBSERVER
    assert boss.may(Right.END, "x")
    assert not boss.may(Right.END, "demo")
    assert has_value({"https://a.b/roles": ["x"]}, "https://a.b/roles", "x")
    assert not has_value({"groups": "ab"}, "groups", "a")
    assert not has_value({"a": 1}, "a.b.c", "x")
