"""Sessions over HTTP, with an SFU that is a dictionary."""

import asyncio
from typing import Any

import pytest

from sessioncast_signaling.errors import SfuUnavailableError
from sessioncast_signaling.services import Services
from sessioncast_signaling.sessions import RECONNECT_WINDOW_S
from sessioncast_signaling.sfu import RpcTimeoutError
from support.shim import ENROLL_KEY, JPEG, Shim, credential, running_shim

pytestmark = pytest.mark.unit

SESSIONS = "/api/v1/sessions"
DEMO = f"{SESSIONS}/demo"


def services(shim: Shim) -> Services:
    found = shim.app.state.services
    assert isinstance(found, Services)
    return found


async def test_create_answers_201_and_a_repeat_200_with_the_same_credential() -> None:
    async with running_shim() as shim:
        first = await shim.create(kind="browser", labels={"team": "qa"}, ttl_seconds=3600)
        assert first == {
            "session": "demo",
            "room": "demo",
            "kind": "browser",
            "state": "waiting",
            "agent": {"credential": credential("demo"), "expires_at": "2026-11-23T09:00:00Z"},
        }
        shim.sfu.put_agent("demo")
        again = await shim.call("POST", SESSIONS, {"session": "demo"}, status=200)
        assert again == first | {"state": "live"}


async def test_create_makes_up_an_id() -> None:
    async with running_shim() as shim:
        made = await shim.call("POST", SESSIONS, {}, status=201)
        assert made["session"].startswith("s-")
        made = await shim.call("POST", SESSIONS, status=201)
        assert made["agent"]["expires_at"] is None


async def test_a_repeat_takes_over_what_is_new() -> None:
    async with running_shim() as shim:
        await shim.create(labels={"a": "1"})
        await shim.call(
            "POST",
            SESSIONS,
            {"session": "demo", "labels": {"b": "2"}, "ttl_seconds": 60},
            status=200,
        )
        shown = await shim.call("GET", DEMO, status=200)
        assert shown["labels"] == {"b": "2"}
        assert shown["ends_at"] == "2026-11-23T08:01:00Z"


async def test_a_session_is_shown_as_its_agent_says() -> None:
    async with running_shim() as shim:
        await shim.create(labels={"team": "qa"})
        assert await shim.call("GET", DEMO, status=200) == {
            "session": "demo",
            "room": "demo",
            "kind": "desktop",
            "state": "waiting",
            "detail": None,
            "labels": {"team": "qa"},
            "created_at": "2026-11-23T08:00:00Z",
            "ends_at": None,
            "ended_at": None,
            "size_px": None,
            "watching": 0,
            "control": None,
            "recording": False,
        }
        shim.sfu.put_agent("demo", size="1280x720", state="display-lost", recording="true")
        shim.sfu.put("demo", "viewer-1")
        shim.clock.turn(1)
        shown = await shim.call("GET", DEMO, status=200)
        assert shown["state"] == "live"
        assert shown["detail"] == "display-lost"
        assert shown["size_px"] == [1280, 720]
        assert shown["watching"] == 1
        assert shown["recording"] is True


async def test_an_agent_that_left_is_reconnecting_and_later_waited_for() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        assert (await shim.call("GET", DEMO))["state"] == "live"
        shim.sfu.rooms.clear()
        shim.clock.turn(2)
        assert (await shim.call("GET", DEMO))["state"] == "reconnecting"
        shim.clock.turn(RECONNECT_WINDOW_S)
        assert (await shim.call("GET", DEMO))["state"] == "waiting"


async def test_a_list_tells_that_the_sfu_is_away_and_asks_it_once() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.down = SfuUnavailableError("gone")
        for _ in range(3):
            listed = await shim.call("GET", SESSIONS, status=200)
            assert listed["items"][0]["detail"] == "sfu-unreachable"
        assert shim.sfu.calls == ["rooms"]


async def test_lists_have_pages_that_fit_together() -> None:
    async with running_shim() as shim:
        for number in range(5):
            await shim.create(f"s{number}")
            shim.clock.turn(1)
        seen: list[str] = []
        path = f"{SESSIONS}?limit=2"
        while True:
            page = await shim.call("GET", path, status=200)
            seen += [item["session"] for item in page["items"]]
            if page["next"] is None:
                break
            path = f"{SESSIONS}?limit=2&cursor={page['next']}"
            await shim.create(f"later{len(seen)}")  # comes and does not disturb
        assert seen == ["s4", "s3", "s2", "s1", "s0"]


@pytest.mark.parametrize("cursor", ["x", "W10", "IjEi", "WyJhIiwxXQ", "!!!!", "a" * 200])
async def test_a_bad_cursor(cursor: str) -> None:
    async with running_shim() as shim:
        await shim.create()
        answer = await shim.http.get(
            SESSIONS, params={"cursor": cursor}, headers={"Authorization": "Bearer x"}
        )
        assert answer.status_code == 401
        answer = await shim.http.get(
            SESSIONS,
            params={"cursor": cursor},
            headers={"Authorization": "Bearer sck_unit-tests-0123456789abcdef"},
        )
        assert answer.status_code in {200, 422}
        assert cursor != "x" or answer.json()["type"].endswith("bad-cursor")


async def test_the_end_is_for_good() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        await shim.call("DELETE", DEMO, status=204)
        assert shim.sfu.rpcs[-1][1:] == ("shim.end", {"reason": "ended by request"})
        assert "demo" not in shim.sfu.rooms
        await shim.call("DELETE", DEMO, status=204)
        assert [m for _, m, _ in shim.sfu.rpcs] == ["shim.end"]
        shown = await shim.call("GET", DEMO, status=200)
        assert shown["state"] == "ended"
        assert shown["ended_at"] == "2026-11-23T08:00:00Z"
        usage = await shim.call("GET", f"{DEMO}/usage", status=200)
        assert usage["cpu_seconds"] == {"encode": 1.5, "process": 2.0}
        await shim.problem("session-ended", 410, "POST", f"{DEMO}/webrtc/offer")
        await shim.problem("session-ended", 410, "POST", SESSIONS, json={"session": "demo"})
        await shim.problem("session-ended", 410, "POST", f"{DEMO}/join-links", json={})
        await shim.problem(
            "session-ended", 410, "POST", f"{DEMO}/agent/token", key=credential("demo")
        )
        assert "demo" not in shim.sfu.rooms


async def test_the_end_succeeds_without_agent_and_the_room_is_deleted_when_it_can_be() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        shim.sfu.rpc_error = RpcTimeoutError("PerformRpc: canceled")
        shim.sfu.on_call = lambda what: setattr(
            shim.sfu, "down", SfuUnavailableError("gone") if what == "delete_room" else None
        )
        await shim.call("DELETE", DEMO, status=204)
        assert "demo" in shim.sfu.rooms
        shim.sfu.on_call = lambda what: None
        shim.sfu.down = None
        await services(shim).sessions.tidy()
        assert "demo" not in shim.sfu.rooms


async def test_a_room_raised_while_the_session_is_ended_is_deleted_again() -> None:
    async with running_shim() as shim:
        await shim.create()
        store = services(shim).store
        ended = False

        def end_meanwhile(what: str) -> None:
            nonlocal ended
            if what == "ensure_room" and not ended:
                ended = True
                store.end_session("demo", 0).send(None)  # the memory store awaits nothing

        shim.sfu.on_call = lambda what: _swallow_stop(end_meanwhile, what)
        await shim.problem("session-ended", 410, "POST", f"{DEMO}/webrtc/offer")
        assert ended
        assert "demo" not in shim.sfu.rooms


def _swallow_stop(call: Any, what: str) -> None:
    try:
        call(what)
    except StopIteration:
        return


async def test_a_session_ends_when_its_time_is_over() -> None:
    async with running_shim() as shim:
        await shim.create("first", ttl_seconds=60)
        await shim.create("second", ttl_seconds=60)
        shim.sfu.put_agent("second")
        shim.clock.turn(60)
        await shim.problem("session-ended", 410, "POST", f"{SESSIONS}/first/webrtc/offer")
        await services(shim).sessions.tidy()
        assert shim.sfu.rpcs[-1] == ("second", "shim.end", {"reason": "its time is over"})
        listed = await shim.call("GET", SESSIONS, status=200)
        assert [item["state"] for item in listed["items"]] == ["ended", "ended"]


async def test_unknown_sessions_are_404() -> None:
    async with running_shim() as shim:
        for method, path in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/webrtc/offer"),
            ("POST", "/join-links"),
            ("GET", "/join-links"),
            ("GET", "/participants"),
            ("GET", "/usage"),
            ("GET", "/thumbnail"),
        ]:
            await shim.problem("session-unknown", 404, method, f"{SESSIONS}/nowhere{path}")


async def test_who_watches() -> None:
    async with running_shim() as shim:
        await shim.create()
        shim.sfu.put_agent("demo")
        shim.sfu.put("demo", "viewer-1", role="operator", actor="ai")
        assert await shim.call("GET", f"{DEMO}/participants", status=200) == {
            "items": [
                {
                    "identity": "viewer-1",
                    "name": "A name",
                    "role": "operator",
                    "actor": "ai",
                    "joined_at": "2026-11-23T08:00:00Z",
                }
            ],
            "next": None,
        }
        shim.sfu.down = SfuUnavailableError("gone")
        shim.clock.turn(2)
        await shim.problem("sfu-unreachable", 503, "GET", f"{DEMO}/participants")


async def test_many_tabs_cost_one_thumbnail() -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.problem("no-picture-yet", 404, "GET", f"{DEMO}/thumbnail")
        shim.sfu.put_agent("demo")
        shim.clock.turn(5)
        headers = {"Authorization": "Bearer sck_unit-tests-0123456789abcdef"}
        answers = await asyncio.gather(
            *(shim.http.get(f"{DEMO}/thumbnail", headers=headers) for _ in range(10))
        )
        assert {a.content for a in answers} == {JPEG}
        assert answers[0].headers["content-type"] == "image/jpeg"
        assert answers[0].headers["cache-control"] == "no-store"
        assert answers[0].headers["x-captured-at"] == "2026-11-23T08:00:00Z"
        assert shim.sfu.calls.count("shim.thumbnail") == 1
        shim.sfu.rooms.clear()
        shim.clock.turn(6)
        answer = await shim.http.get(f"{DEMO}/thumbnail", headers=headers)
        assert answer.content == JPEG  # the last one there was


async def test_usage_is_asked_of_the_agent_and_kept() -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.problem("no-usage-yet", 404, "GET", f"{DEMO}/usage")
        shim.sfu.put_agent("demo")
        shim.clock.turn(2)
        usage = await shim.call("GET", f"{DEMO}/usage", status=200)
        assert usage["session"] == "demo"
        assert usage["newer"] == [1]
        shim.sfu.answer = lambda method, body: {"cpu_seconds": "all of it"}
        shim.clock.turn(2)
        assert await shim.call("GET", f"{DEMO}/usage", status=200) == usage


async def test_an_enrolment_key_only_enrols() -> None:
    async with running_shim() as shim:
        made = await shim.call("POST", SESSIONS, {"session": "demo"}, key=ENROLL_KEY, status=201)
        assert made["agent"]["credential"] == credential("demo")
        for method, path in [
            ("GET", SESSIONS),
            ("GET", DEMO),
            ("DELETE", DEMO),
            ("POST", f"{DEMO}/webrtc/offer"),
            ("POST", f"{DEMO}/join-links"),
            ("GET", f"{DEMO}/participants"),
            ("GET", f"{DEMO}/usage"),
            ("GET", f"{DEMO}/thumbnail"),
            ("GET", f"{SESSIONS}/nowhere"),
        ]:
            await shim.problem("forbidden", 403, method, path, key=ENROLL_KEY)
