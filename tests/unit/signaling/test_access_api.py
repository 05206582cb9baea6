"""Offers, links, grants and the agent's token over HTTP, with an SFU that is a dictionary."""

import asyncio
from typing import Any

import jwt
import pytest

from sessioncast_signaling.errors import SfuRefusedError, SfuUnavailableError
from sessioncast_signaling.services import Services
from sessioncast_signaling.sfu import RpcRefusedError, RpcTimeoutError
from sessioncast_signaling.store import GRANT_TTL_S
from support.shim import API_SECRET, PUBLIC_URL, Shim, credential, running_shim

pytestmark = pytest.mark.unit

DEMO = "/api/v1/sessions/demo"
OFFER = f"{DEMO}/webrtc/offer"
TOKEN = f"{DEMO}/agent/token"
LINKS = f"{DEMO}/join-links"


def claims(answer: dict[str, Any]) -> dict[str, Any]:
    """Read a token; these tests have a clock of their own, so its times are not checked here."""
    return dict(
        jwt.decode(
            answer["participant_token"],
            API_SECRET,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_nbf": False},
        )
    )


async def test_an_offer_without_an_agent_is_waiting_and_calls_nobody() -> None:
    async with running_shim() as shim:
        await shim.create()
        answer = await shim.call("POST", OFFER, {"name": "Ana"}, status=201)
        token = claims(answer)
        assert answer == {
            "server_url": "ws://127.0.0.1:7880",
            "participant_token": answer["participant_token"],
            "room_name": "demo",
            "identity": token["sub"],
            "role": "observer",
            "state": "waiting",
            "expires_at": "2026-11-23T08:05:00Z",
            "fallback": {
                "url": "wss://cast.example/api/v1/sessions/demo/fallback",
                "ticket": answer["fallback"]["ticket"],
                "expires_at": "2026-11-23T08:05:00Z",
            },
            "may_ask": False,
        }
        assert answer["fallback"]["ticket"].startswith("sct_")
        assert token["name"] == "Ana"
        assert token["video"]["canPublishData"] is False
        assert "demo" in shim.sfu.rooms
        assert shim.sfu.rpcs == []


async def test_the_agent_hears_of_the_viewer_before_the_answer() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        answer = await shim.call(
            "POST", OFFER, {"role": "operator", "actor": "ai", "name": "Bot"}, status=201
        )
        assert answer["state"] == "live"
        assert shim.sfu.rpcs == [
            (
                "demo",
                "shim.expect",
                {
                    "identity": answer["identity"],
                    "role": "operator",
                    "actor": "ai",
                    "name": "Bot",
                    "expires_at": "2026-11-23T08:05:00Z",
                },
            )
        ]
        assert claims(answer)["attributes"] == {"role": "operator", "actor": "ai"}


async def test_identities_differ() -> None:
    async with running_shim() as shim:
        await shim.create()
        answers = await asyncio.gather(*(shim.call("POST", OFFER, {}) for _ in range(20)))
        assert len({a["identity"] for a in answers}) == 20
        assert shim.sfu.calls.count("participants") == 1  # asked once for all


async def test_viewers_get_the_public_address() -> None:
    async with running_shim(LIVEKIT_PUBLIC_URL="https://sfu.example") as shim:
        await shim.create()
        assert (await shim.call("POST", OFFER))["server_url"] == "wss://sfu.example"
        token = await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert token["server_url"] == "ws://127.0.0.1:7880"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RpcTimeoutError("x"), "reconnecting"),
        (RpcRefusedError("x"), "live"),
        (RpcRefusedError("x", 1400, "Method not supported at destination"), "reconnecting"),
    ],
)
async def test_a_viewer_gets_in_even_if_the_agent_cannot_be_told_and_it_is_told_later(
    error: Exception, state: str
) -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        shim.sfu.rpc_error = error
        answer = await shim.call("POST", OFFER, {}, status=201)
        assert answer["state"] == state
        if state == "reconnecting":
            await delivery(shim)  # not yet either
        shim.sfu.rpc_error = None
        await delivery(shim)
        await delivery(shim)
        assert [body["identity"] for _, _, body in shim.sfu.rpcs] == [answer["identity"]]


async def delivery(shim: Shim) -> None:
    services = shim.app.state.services
    assert isinstance(services, Services)
    shim.clock.turn(1)
    await services.delivery.tidy()


async def test_an_agent_that_comes_later_is_told_who_was_let_in_since_its_token() -> None:
    async with running_shim() as shim:
        await shim.create()
        early = await shim.call("POST", OFFER, {})
        token = await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert [v["identity"] for v in token["expected"]] == [early["identity"]]
        late = await shim.call("POST", OFFER, {})
        await delivery(shim)
        assert shim.sfu.rpcs == []
        shim.sfu.put_agent("demo")
        await delivery(shim)
        assert [body["identity"] for _, _, body in shim.sfu.rpcs] == [late["identity"]]


async def test_a_dead_sfu_is_503_and_a_wrong_key_502() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.down = SfuUnavailableError("gone")
        problem = await shim.problem("sfu-unreachable", 503, "POST", OFFER)
        assert "LIVEKIT_URL" in problem["detail"]
        await shim.problem("sfu-unreachable", 503, "POST", TOKEN, key=credential("demo"))
        await shim.problem("sfu-unreachable", 503, "GET", "/readyz")
        shim.clock.turn(2)
        shim.sfu.down = SfuRefusedError("no")
        await shim.problem("sfu-refused", 502, "POST", OFFER)


@pytest.mark.parametrize(
    "body",
    [
        {"room_name": "demo", "participant_name": "Ana"},
        {"participant_identity": "", "room_config": None, "participant_attributes": {}},
        {"offer": {"type": "offer", "sdp": "v=0\r\n"}},
        {"type": "offer", "sdp": "v=0\r\n"},
    ],
)
async def test_token_source_and_sdp_bodies_are_understood(body: dict[str, Any]) -> None:
    async with running_shim() as shim:
        await shim.create()
        answer = await shim.call("POST", OFFER, body, status=201)
        assert claims(answer).get("name", "") == body.get("participant_name", "")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"room_name": "other"}, "room-differs"),
        ({"participant_identity": "agent-demo"}, "field-refused"),
        ({"participant_metadata": "{}"}, "field-refused"),
        ({"participant_attributes": {"role": "admin"}}, "field-refused"),
        ({"room_config": {"name": "x"}}, "field-refused"),
        ({"roomAdmin": True}, "invalid-request"),
        ({"role": "root"}, "invalid-request"),
        ({"name": "a\nb"}, "invalid-request"),
        ({"name": "a" * 65}, "invalid-request"),
        ({"name": "a", "participant_name": "b"}, "invalid-request"),
    ],
)
async def test_what_a_client_may_not_choose(body: dict[str, Any], name: str) -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.problem(name, 422, "POST", OFFER, json=body)
        assert shim.sfu.calls == []


async def test_a_join_link_its_grant_and_the_reload() -> None:
    async with running_shim() as shim:
        await shim.create()
        made = await shim.call(
            "POST", LINKS, {"role": "operator", "name": "Ana", "ttl_seconds": 60}, status=201
        )
        url, _, secret = made["url"].partition("#join=")
        assert url == f"{PUBLIC_URL}/sessions/demo"
        assert len(secret) >= 22
        listed = await shim.call("GET", LINKS, status=200)
        assert secret not in str(listed)
        assert listed["items"][0] == {
            "id": made["id"],
            "role": "operator",
            "name": "Ana",
            "created_at": "2026-11-23T08:00:00Z",
            "expires_at": "2026-11-23T08:01:00Z",
            "max_uses": 1,
            "uses": 0,
            "may_ask": False,
        }
        joined = await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None, status=201)
        assert joined["session"] == "demo"
        assert joined["role"] == "operator"
        assert joined["grant_expires_at"] == "2026-11-23T20:00:00Z"
        assert claims(joined)["name"] == "Ana"
        used = await shim.problem(
            "link-used", 410, "POST", "/api/v1/join", json={"secret": secret}, key=None
        )
        assert secret not in str(used)

        grant = joined["grant"]
        again = await shim.call("POST", OFFER, {}, key=grant, status=201)
        assert again["role"] == "operator"  # the link's, since none was asked for
        assert again["identity"] != joined["identity"]
        assert claims(again)["name"] == "Ana"
        less = await shim.call("POST", OFFER, {"role": "observer"}, key=grant, status=201)
        assert less["role"] == "observer"
        assert (await shim.call("GET", DEMO, key=grant, status=200))["session"] == "demo"
        await shim.problem("no-picture-yet", 404, "GET", f"{DEMO}/thumbnail", key=grant)
        assert (await shim.call("GET", f"{LINKS}/{made['id']}"))["uses"] == 1

        await shim.call("DELETE", f"{LINKS}/{made['id']}", status=204)
        await shim.problem("unauthorized", 401, "POST", OFFER, key=grant)
        await shim.problem("link-unknown", 404, "DELETE", f"{LINKS}/{made['id']}")
        await shim.problem("link-unknown", 404, "GET", f"{LINKS}/{made['id']}")


async def test_a_grant_is_for_one_session_and_one_role() -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.create("other")
        _, secret = await shim.link(role="observer")
        grant = (await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None))["grant"]
        problem = await shim.problem(
            "role-above-right", 403, "POST", OFFER, json={"role": "operator"}, key=grant
        )
        assert "observer" in problem["detail"]
        for method, path in [
            ("POST", "/api/v1/sessions"),
            ("GET", "/api/v1/sessions"),
            ("DELETE", DEMO),
            ("POST", LINKS),
            ("GET", LINKS),
            ("GET", f"{DEMO}/participants"),
            ("GET", f"{DEMO}/usage"),
            ("POST", "/api/v1/sessions/other/webrtc/offer"),
            ("GET", "/api/v1/sessions/other"),
            ("GET", "/api/v1/sessions/nowhere"),
        ]:
            await shim.problem("forbidden", 403, method, path, key=grant)
        await shim.problem("credential-refused", 401, "POST", TOKEN, key=grant)


async def test_a_grant_lives_half_a_day_after_its_last_use_and_not_beyond_the_session() -> None:
    async with running_shim() as shim:
        await shim.create()
        _, secret = await shim.link(max_uses=2)
        first, second = [
            (await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None))["grant"]
            for _ in range(2)
        ]
        shim.clock.turn(GRANT_TTL_S - 1)
        await shim.call("POST", OFFER, key=first, status=201)
        shim.clock.turn(1)
        await shim.call("POST", OFFER, key=first, status=201)
        await shim.problem("unauthorized", 401, "POST", OFFER, key=second)
        await shim.call("DELETE", DEMO, status=204)
        await shim.problem("session-ended", 410, "POST", OFFER, key=first)


async def test_links_that_do_not_work() -> None:
    async with running_shim() as shim:
        await shim.create()
        _, secret = await shim.link(ttl_seconds=60)
        for wrong in ["x", "scj_" + "A" * 32, secret[:-1], secret + "x"]:
            await shim.problem(
                "link-unknown", 404, "POST", "/api/v1/join", json={"secret": wrong}, key=None
            )
        shim.clock.turn(60)
        await shim.problem(
            "link-expired", 410, "POST", "/api/v1/join", json={"secret": secret}, key=None
        )


async def test_a_join_that_comes_to_nothing_does_not_use_the_link() -> None:
    async with running_shim() as shim:
        await shim.create()
        link_id, secret = await shim.link()
        shim.sfu.down = SfuUnavailableError("gone")
        body = {"secret": secret}
        await shim.problem("sfu-unreachable", 503, "POST", "/api/v1/join", json=body, key=None)
        assert (await shim.call("GET", f"{LINKS}/{link_id}"))["uses"] == 0
        shim.sfu.down = None
        shim.clock.turn(2)
        await shim.call("POST", "/api/v1/join", body, key=None, status=201)


async def test_only_one_of_many_gets_a_one_time_link() -> None:
    async with running_shim() as shim:
        await shim.create()
        _, secret = await shim.link()
        answers = await asyncio.gather(
            *(shim.http.post("/api/v1/join", json={"secret": secret}) for _ in range(10))
        )
        assert sorted(a.status_code for a in answers) == [201] + [410] * 9


async def test_the_agents_token() -> None:
    async with running_shim() as shim:
        await shim.create()
        viewer = await shim.call("POST", OFFER, {"name": "Ana", "role": "operator"})
        answer = await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert answer == {
            "server_url": "ws://127.0.0.1:7880",
            "participant_token": answer["participant_token"],
            "room_name": "demo",
            "identity": "agent-demo",
            "expires_at": "2026-11-23T08:05:00Z",
            "expected": [
                {
                    "identity": viewer["identity"],
                    "role": "operator",
                    "actor": "person",
                    "name": "Ana",
                    "expires_at": "2026-11-23T08:05:00Z",
                }
            ],
            "banned": [],
        }
        assert claims(answer)["video"]["canUpdateOwnMetadata"] is True


@pytest.mark.parametrize(
    "key", [None, "sca_x", credential("other"), "sck_unit-tests-0123456789abcdef"]
)
async def test_a_wrong_credential(key: str | None) -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.problem("credential-refused", 401, "POST", TOKEN, key=key)
        missing = "/api/v1/sessions/nowhere/agent/token"
        await shim.problem("credential-refused", 401, "POST", missing, key=key)


async def test_a_forgotten_session_comes_back_with_its_agent() -> None:
    async with running_shim() as shim:
        await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert (await shim.call("GET", DEMO, status=200))["state"] == "waiting"


async def test_the_room_is_made_again_when_the_sfu_forgot_it() -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.call("POST", OFFER, status=201)
        shim.sfu.rooms.clear()
        await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert "demo" in shim.sfu.rooms


async def test_a_new_agent_is_seen_at_once() -> None:
    async with running_shim() as shim:
        await shim.create()
        assert (await shim.call("POST", OFFER))["state"] == "waiting"
        await shim.call("POST", TOKEN, key=credential("demo"))
        shim.sfu.put_agent("demo")
        assert (await shim.call("POST", OFFER))["state"] == "live"  # no second has passed
