"""Removing people, control by way of the shim, and the news of who comes and goes."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from livekit import api as lkapi

from sessioncast_signaling.keys import KeyFile, make_key
from sessioncast_signaling.removals import IDENTITY_BAN_S
from sessioncast_signaling.rights import Scope
from sessioncast_signaling.services import Services
from sessioncast_signaling.sfu import RpcRefusedError, RpcTimeoutError
from support.shim import API_SECRET, START_US, Shim, answer_well, credential, running_shim

pytestmark = pytest.mark.unit

DEMO = "/api/v1/sessions/demo"
OFFER = f"{DEMO}/webrtc/offer"
PEOPLE = f"{DEMO}/participants"
CONTROL = f"{DEMO}/control"
TOKEN = f"{DEMO}/agent/token"
HOOK = "/api/v1/livekit/webhook"


def parts(shim: Shim) -> Services:
    found = shim.app.state.services
    assert isinstance(found, Services)
    return found


async def come(shim: Shim, **link: Any) -> tuple[str, str, str]:
    """Come by a link and be in the room: identity, grant, the link's secret."""
    _, secret = await shim.link(**link)
    joined = await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None, status=201)
    shim.sfu.put("demo", joined["identity"], role=link.get("role", "observer"))
    return joined["identity"], joined["grant"], secret


def told(shim: Shim, method: str) -> list[dict[str, Any]]:
    return [body for _, name, body in shim.sfu.rpcs if name == method]


async def test_one_who_is_removed_stays_out_with_all_that_led_in() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        identity, grant, secret = await come(shim, role="operator", max_uses=5)
        second = await shim.call("POST", OFFER, {}, key=grant, status=201)  # a second tab
        other = await shim.call("POST", "/api/v1/join", {"secret": secret}, key=None, status=201)

        await shim.call("DELETE", f"{PEOPLE}/{identity}", status=204)
        assert identity not in shim.sfu.rooms["demo"]
        assert {b["identity"] for b in told(shim, "shim.ban")} == {identity, second["identity"]}
        assert all(b["seconds"] == IDENTITY_BAN_S for b in told(shim, "shim.ban"))
        await shim.problem("removed", 403, "POST", OFFER, key=grant)
        for path in (DEMO, f"{DEMO}/thumbnail"):
            await shim.problem("removed", 403, "GET", path, key=grant)
        await shim.problem("link-unknown", 404, "POST", "/api/v1/join", json={"secret": secret})
        await shim.call("POST", OFFER, {}, key=other["grant"], status=201)  # who did nothing stays

        token = await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert set(token["banned"]) == {identity, second["identity"]}
        await shim.problem("participant-unknown", 404, "DELETE", f"{PEOPLE}/viewer-nobody")
        await shim.problem("participant-unknown", 404, "DELETE", f"{PEOPLE}/agent-demo")


async def test_one_who_comes_back_is_removed_each_time_until_its_tokens_have_died() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        identity, _, _ = await come(shim)
        await shim.call("DELETE", f"{PEOPLE}/{identity}", status=204)
        for _ in range(3):
            shim.clock.turn(IDENTITY_BAN_S - 1)  # it was given a fresh token when it came back
            shim.sfu.put("demo", identity)
            await parts(shim).removals.tidy()
            assert identity not in shim.sfu.rooms["demo"]
        assert len(told(shim, "shim.ban")) == 4
        shim.clock.turn(IDENTITY_BAN_S)
        assert [ban for ban in await parts(shim).store.bans() if ban.identity] == []


async def test_a_webhook_removes_one_who_comes_back_at_once() -> None:
    async with running_shim() as shim:
        await shim.create()
        identity, _, _ = await come(shim)
        await shim.call("DELETE", f"{PEOPLE}/{identity}", status=204)
        shim.sfu.put("demo", identity)
        await hook(shim, "participant_joined", identity)
        assert identity not in shim.sfu.rooms["demo"]


async def test_a_person_is_kept_out_and_one_who_may_remove_is_not(tmp_path: Any) -> None:
    observe, observer = make_key("", (Scope.OBSERVE,), ("*",), START_US / 1e6, None)
    manage, manager = make_key("", (Scope.OBSERVE, Scope.REMOVE), ("*",), START_US / 1e6, None)
    for key in (observe, manage):
        await KeyFile(tmp_path).add(key)
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.create()
        await shim.create("other")
        kept_out = await shim.call("POST", OFFER, {}, key=observer, status=201)
        stays = await shim.call("POST", OFFER, {}, key=manager, status=201)
        await shim.problem(
            "forbidden", 403, "DELETE", f"{PEOPLE}/{kept_out['identity']}", key=observer
        )
        for viewer in (kept_out, stays):
            path = f"{PEOPLE}/{viewer['identity']}"
            await shim.call("DELETE", path, key=manager, status=204)
        await shim.problem("removed", 403, "POST", OFFER, key=observer)
        await shim.call("POST", "/api/v1/sessions/other/webrtc/offer", {}, key=observer, status=201)
        await shim.call("POST", OFFER, {}, key=manager, status=201)


async def bans(shim: Shim) -> list[dict[str, Any]]:
    return list((await shim.call("GET", f"{DEMO}/bans", status=200))["items"])


async def test_one_who_was_removed_is_let_back_with_what_it_had() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        identity, grant, secret = await come(shim, role="operator", max_uses=5)
        second = await shim.call("POST", OFFER, {}, key=grant, status=201)
        stranger, _, _ = await come(shim)
        assert await bans(shim) == []
        await shim.call("DELETE", f"{PEOPLE}/{identity}", status=204)
        await shim.call("DELETE", f"{PEOPLE}/{stranger}", status=204)
        found = {one["identities"][0]: one for one in await bans(shim)}
        assert found[identity]["identities"] == [identity, second["identity"]]
        assert set(found) == {identity, stranger}
        assert found[identity]["until"] == "2026-11-24T08:00:00Z"

        path = f"{DEMO}/bans/{found[identity]['ban']}"
        await shim.problem("removed", 403, "DELETE", path, key=grant)
        await shim.call("DELETE", path, status=204)
        assert {b["identity"] for b in told(shim, "shim.pardon")} == {identity, second["identity"]}
        assert [one["identities"] for one in await bans(shim)] == [[stranger]]
        back = await shim.call("POST", OFFER, {}, key=grant, status=201)
        assert back["role"] == "operator"
        shim.sfu.put("demo", identity)
        await parts(shim).removals.tidy()
        assert identity in shim.sfu.rooms["demo"], "with the token that it had, too"
        await shim.problem("link-unknown", 404, "POST", "/api/v1/join", json={"secret": secret})
        token = await shim.call("POST", TOKEN, key=credential("demo"), status=200)
        assert token["banned"] == [stranger]
        await shim.problem("ban-unknown", 404, "DELETE", path)
        await shim.problem("session-unknown", 404, "GET", "/api/v1/sessions/nowhere/bans")


async def test_a_ban_is_lifted_although_the_agent_does_not_hear_of_it() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put("demo", "viewer-unknown")  # nobody remembers whose it is
        await shim.call("DELETE", f"{PEOPLE}/viewer-unknown", status=204)
        (ban,) = await bans(shim)
        assert (ban["identities"], ban["name"]) == (["viewer-unknown"], "")
        shim.sfu.rpc_error = RpcTimeoutError("x")
        await shim.call("DELETE", f"{DEMO}/bans/{ban['ban']}", status=204)
        assert await bans(shim) == []


async def test_only_who_may_remove_sees_bans_and_lifts_them(tmp_path: Any) -> None:
    operate, operator = make_key("", (Scope.OPERATE, Scope.READ), ("*",), START_US / 1e6, None)
    await KeyFile(tmp_path).add(operate)
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.create()
        await shim.problem("forbidden", 403, "GET", f"{DEMO}/bans", key=operator)
        path = f"{DEMO}/bans/ban-0123456789abcdef"
        await shim.problem("forbidden", 403, "DELETE", path, key=operator)


async def test_a_removal_does_not_wait_for_an_agent_that_is_away() -> None:
    async with running_shim() as shim:
        await shim.create()
        identity, grant, _ = await come(shim)
        shim.sfu.rpc_error = RpcTimeoutError("x")
        await shim.call("DELETE", f"{PEOPLE}/{identity}", status=204)
        await shim.problem("removed", 403, "POST", OFFER, key=grant)


async def test_an_observer_asks_and_becomes_an_operator() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        identity, grant, _ = await come(shim, role="observer", may_ask=True, name="Ana")
        answer = await shim.call("POST", CONTROL, {"action": "request"}, key=grant, status=200)
        assert answer == {"state": "granted", "holder": None, "timeout_ms": None}
        assert told(shim, "shim.control") == [
            {
                "action": "request",
                "identity": identity,
                "target": "",
                "role": "operator",
                "name": "Ana",
                "actor": "person",
            }
        ]
        assert shim.sfu.calls.count("raise_to_operator") == 1
        assert told(shim, "shim.expect")[-1]["role"] == "operator"
        again = await shim.call("POST", OFFER, {}, key=grant, status=201)
        assert (again["role"], again["may_ask"]) == ("operator", False)
        await shim.call("POST", CONTROL, {"action": "release"}, key=grant, status=200)


async def test_an_observer_who_waits_is_raised_when_the_holder_grants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "shim.control":
            holder = {"identity": "viewer-1", "name": "Bo", "actor": "person"}
            return {"state": "pending", "holder": holder, "timeout_ms": 5_000}
        return answer_well(method, body)

    monkeypatch.setattr("sessioncast_signaling.control.POLL_S", 0.01)
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.answer = answer
        shim.sfu.put_agent("demo")
        identity, grant, _ = await come(shim, may_ask=True)
        asked = await shim.call("POST", CONTROL, {"action": "request"}, key=grant, status=200)
        assert asked["state"] == "pending"
        assert asked["holder"]["name"] == "Bo"
        assert (await shim.call("POST", OFFER, {}, key=grant))["role"] == "observer"
        shim.sfu.put_agent("demo", control_holder=identity)
        await until(lambda: shim.sfu.calls.count("raise_to_operator") == 1)
        assert (await shim.call("POST", OFFER, {}, key=grant))["role"] == "operator"


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a test's wait
            await asyncio.sleep(0.01)


async def test_who_may_not_ask_and_what_the_agent_refuses() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        _, observer, _ = await come(shim)
        _, asker, _ = await come(shim, may_ask=True)
        _, operator, _ = await come(shim, role="operator")
        for grant, action in [(observer, "request"), (asker, "take"), (asker, "grant")]:
            body = (
                {"action": action, "identity": "viewer-1"}
                if action == "grant"
                else {"action": action}
            )
            await shim.problem("forbidden", 403, "POST", CONTROL, json=body, key=grant)
        assert told(shim, "shim.control") == []
        body = {"action": "request", "identity": "viewer-of-another"}
        await shim.problem("nobody-such", 404, "POST", CONTROL, json=body, key=operator)
        for wrong in ({"action": "deny"}, {"action": "x"}, {}, {"action": "take", "role": "admin"}):
            await shim.problem("invalid-request", 422, "POST", CONTROL, json=wrong, key=operator)
        await shim.problem("forbidden", 403, "POST", "/api/v1/sessions/other/control",
                           json={"action": "take"}, key=operator)  # fmt: skip

        take: dict[str, Any] = {"json": {"action": "take"}, "key": operator}
        for code, status, name in [
            (1403, 403, "forbidden"),
            (1404, 404, "nobody-such"),
            (1409, 409, "control-taken"),
            (1429, 429, "too-often"),
            (1503, 503, "agent-unreachable"),
            (None, 503, "agent-unreachable"),
        ]:
            shim.sfu.rpc_error = _refusal(code)
            found = await shim.problem(name, status, "POST", CONTROL, **take)
            if code == 1409:
                assert found["detail"] == "Bo has control."
        shim.sfu.rooms["demo"].pop("agent-demo")
        await shim.problem("agent-unreachable", 503, "POST", CONTROL, **take)


class _Refusal(RpcRefusedError):
    def __init__(self, what: str = "x", code: int | None = None) -> None:
        super().__init__(what, code, "bo has control." if code == 1409 else "")


def _refusal(code: int | None) -> RpcRefusedError:
    class Refusal(_Refusal):
        def __init__(self, *_: Any) -> None:
            super().__init__("x", code)

    return Refusal()


async def test_whoever_runs_a_session_decides_without_watching_it() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        body = {"action": "grant", "identity": "viewer-1"}
        await shim.call("POST", CONTROL, body, status=200)
        assert told(shim, "shim.control")[0] | {"name": ""} == {
            "action": "grant",
            "identity": "shim",
            "target": "viewer-1",
            "role": "admin",
            "name": "",
            "actor": "person",
        }


async def hook(
    shim: Shim,
    event: str,
    identity: str = "",
    *,
    secret: str = API_SECRET,
    status: int = 200,
    sid: str = "PA_1",
    tampered: bool = False,
) -> None:
    """Send what livekit-server would."""
    body: dict[str, Any] = {"event": event, "room": {"name": "demo"}, "id": "EV_1"}
    if identity:
        body["participant"] = {"identity": identity, "sid": sid, "joined_at": "1795420800"}
    text = json.dumps(body)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    token = lkapi.AccessToken("APItest", secret).with_sha256(digest).to_jwt()
    answer = await shim.http.post(
        HOOK,
        content=text + (" " if tampered else ""),
        headers={"Authorization": token, "Content-Type": "application/webhook+json"},
    )
    assert answer.status_code == status, answer.text


async def test_webhooks_are_believed_only_when_they_are_signed() -> None:
    async with running_shim() as shim:
        await shim.create()
        await hook(shim, "participant_joined", "viewer-1", secret="x" * 40, status=401)
        await hook(shim, "participant_joined", "viewer-1", tampered=True, status=401)
        answer = await shim.http.post(HOOK, json={})
        assert answer.status_code == 401


async def test_lists_are_made_of_what_the_webhooks_say() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo", size="800x600")
        await until(lambda: parts(shim).hub._last_id)
        assert (await shim.call("GET", "/api/v1/sessions"))["items"][0]["state"] == "live"

        shim.sfu.put("demo", "viewer-1")
        await hook(shim, "participant_joined", "viewer-1")
        await until(parts(shim).presence.hears)
        asked = shim.sfu.calls.count("participants")
        shim.clock.turn(5)
        (row,) = (await shim.call("GET", "/api/v1/sessions"))["items"]
        assert row["watching"] == 1
        assert shim.sfu.calls.count("participants") == asked, "nothing was asked"
        await hook(shim, "participant_left", "viewer-1", sid="PA_of_before")
        await hook(shim, "participant_left", "viewer-1")
        await listed(shim, lambda row: row["watching"] == 0)

        # and the room is looked at again all the same: it is the truth
        shim.sfu.rooms["demo"].clear()
        shim.clock.turn(100)
        (row,) = (await shim.call("GET", "/api/v1/sessions"))["items"]
        assert row["state"] != "live"


async def listed(shim: Shim, holds: Callable[[Any], bool]) -> Any:
    """Wait until the list shows it."""
    for _ in range(250):
        (row,) = (await shim.call("GET", "/api/v1/sessions"))["items"]
        if holds(row):
            return row
        await asyncio.sleep(0.02)
    raise AssertionError(row)


async def test_agents_report_what_has_changed() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        await until(lambda: parts(shim).hub._last_id)
        await shim.call("GET", "/api/v1/sessions")
        state = f"{DEMO}/agent/state"
        body = {
            "attributes": {"size": "1024x768", "control.holder": "viewer-1", "control.name": "Ana"}
        }
        await shim.call("POST", state, body, key=credential("demo"), status=204)
        parts(shim).presence.heard()
        row = await listed(shim, lambda row: row["control"] is not None)
        assert row["control"] == {"holder": "viewer-1", "name": "Ana", "actor": None, "mode": None}
        assert row["size_px"] == [1024, 768]
        for key in (None, credential("other"), "sck_unit-tests-0123456789abcdef"):
            await shim.problem("credential-refused", 401, "POST", state, json=body, key=key)
        big = {"attributes": {f"a{n}": "x" for n in range(100)}}
        await shim.problem("invalid-request", 422, "POST", state, json=big, key=credential("demo"))


async def test_an_agent_silences_who_floods_it_in_its_own_session() -> None:
    async with running_shim() as shim:
        await shim.create()
        mute, body = f"{DEMO}/agent/mute", {"identity": "viewer-1", "muted": True}
        await shim.call("POST", mute, body, key=credential("demo"), status=204)
        body = {"identity": "viewer-1", "muted": False}
        await shim.call("POST", mute, body, key=credential("demo"), status=204)
        assert shim.sfu.allowed == [("viewer-1", False), ("viewer-1", True)]
        for key in (None, credential("other"), "sck_unit-tests-0123456789abcdef"):
            await shim.problem("credential-refused", 401, "POST", mute, json=body, key=key)
        assert len(shim.sfu.allowed) == 2


async def test_the_list_of_a_thousand_sessions_asks_only_about_rooms_with_people() -> None:
    async with running_shim() as shim:
        for number in range(1_000):
            await parts(shim).sessions.create(
                f"s-{number}", kind=None, labels=None, ttl_seconds=None
            )
        shim.sfu.put_agent("s-7")
        began = time.monotonic()
        found = await shim.call("GET", "/api/v1/sessions?limit=1000", status=200)
        assert time.monotonic() - began < 2
        assert len(found["items"]) == 1_000
        assert [row["session"] for row in found["items"] if row["state"] == "live"] == ["s-7"]
        assert shim.sfu.calls.count("participants") == 1


async def test_only_those_who_may_listen(tmp_path: Any) -> None:
    enroll, enroller = make_key("", (Scope.ENROLL,), ("*",), START_US / 1e6, None)
    await KeyFile(tmp_path).add(enroll)
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.problem("unauthorized", 401, "GET", "/api/v1/events", key=None)
        await shim.problem("forbidden", 403, "GET", "/api/v1/events", key=enroller)
        listeners = [parts(shim).hub.listen("a", lambda _: True, "") for _ in range(20)]
        for listening in listeners:
            await anext(listening)
        with pytest.raises(Exception, match="429"):
            await anext(parts(shim).hub.listen("a", lambda _: True, ""))
        for listening in listeners:
            await listening.aclose()


async def test_a_listener_that_does_not_keep_up_starts_again() -> None:
    async with running_shim() as shim:
        hub = parts(shim).hub
        listening = hub.listen("a", lambda _: True, "")
        listener = await anext(listening)
        first = await listener.queue.get()
        assert first is not None
        assert first.kind == "reset"
        await until(lambda: hub._last_id)
        for number in range(300):
            await shim.create(f"s-{number}")
            if number % 100 == 99:
                await asyncio.sleep(0.2)
        await until(lambda: listener.queue.qsize() and listener.queue.qsize() < 256)
        left = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
        kinds = {news.kind for news in left if news is not None}
        assert "reset" in kinds
        await listening.aclose()
