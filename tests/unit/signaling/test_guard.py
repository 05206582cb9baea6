"""What holds for every request: headers, limits, problems; and what is refused before any use."""

from typing import Any
from urllib.parse import quote

import pytest

from sessioncast_signaling.page import MISSING
from sessioncast_signaling.policy import content_security_policy, sfu_origins
from support.shim import API_KEY, START_US, FakeSfu, running_shim

pytestmark = pytest.mark.unit

SESSIONS = "/api/v1/sessions"


def test_the_policy_lets_the_page_do_only_what_it_needs() -> None:
    policy = dict(
        part.partition(" ")[::2]
        for part in content_security_policy("wss://sfu.example:7443").split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "connect-src": "'self' wss://sfu.example:7443 https://sfu.example:7443",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "sessioncast",
    }
    assert sfu_origins("ws://127.0.0.1:7880/x") == ["ws://127.0.0.1:7880", "http://127.0.0.1:7880"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/time"),
        ("GET", SESSIONS),
        ("GET", "/nowhere/at/all"),
        ("POST", "/healthz"),
        ("GET", "/api/v1/openapi.json"),
    ],
)
async def test_every_answer_has_the_headers(method: str, path: str) -> None:
    async with running_shim() as shim:
        headers = (await shim.http.request(method, path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"].startswith("camera=()")
        assert "access-control-allow-origin" not in headers
        assert "set-cookie" not in headers
        if path.startswith("/api"):
            assert headers["cache-control"] == "no-store"


async def test_time_needs_no_key() -> None:
    async with running_shim() as shim:
        assert await shim.call("GET", "/api/v1/time", key=None) == {"unix_us": START_US}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {API_KEY}",
        API_KEY,
        f"Bearer {API_KEY}x",
        "Bearer scg_unknown",
        "Bearer sca_unknown",
        "Bearer " + "x" * 5000,
        "Bearer \xe9",
    ],
)
async def test_wrong_and_missing_keys_get_the_same_answer(authorization: str) -> None:
    async with running_shim() as shim:
        value = authorization.encode("latin-1")
        headers = {b"Authorization": value} if authorization else {}
        answer = await shim.http.get(SESSIONS, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="sessioncast"'
        reference = await shim.http.get(SESSIONS)
        assert answer.content == reference.content


@pytest.mark.parametrize(
    "bad", ["-a", "a-", "A", "a_b", "..", "%2e%2e", "a\0", "a\n", "é", "🙂", "a" * 64, "a" * 10_000]
)
async def test_an_id_outside_the_rule_is_refused_before_any_use(bad: str) -> None:
    async with running_shim() as shim:
        for path, method in [("", "GET"), ("/webrtc/offer", "POST"), ("/agent/token", "POST")]:
            answer = await shim.http.request(
                method,
                f"{SESSIONS}/{quote(bad, safe='')}{path}",
                headers={"Authorization": f"Bearer {API_KEY}"},
            )
            assert answer.status_code in {404, 405, 422}, (path, answer.text)
            assert len(answer.content) < 1000
        body = await shim.call("POST", SESSIONS, {"session": bad}, status=422)
        assert len(str(body)) < 1000
        assert shim.sfu.calls == []


async def test_a_path_in_an_id_is_not_a_path() -> None:
    async with running_shim() as shim:
        for path in [f"{SESSIONS}/../../etc/passwd", f"{SESSIONS}/a/b", "/assets/..%2findex.html"]:
            await shim.problem("not-found", 404, "GET", path)
        for path in ["//evil/%2f..", f"{SESSIONS}/"]:
            answer = await shim.http.get(f"http://shim{path}")
            assert answer.status_code == 404
            assert "location" not in answer.headers


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_not_read(chunked: bool) -> None:
    sent = 0

    async def body() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 10_000
            yield b" " * 10_000

    async with running_shim() as shim:
        content = body() if chunked else b" " * 70_000
        answer = await shim.http.post(
            SESSIONS, content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("body-too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(media_type: str) -> None:
    async with running_shim() as shim:
        headers = {"Content-Type": media_type} if media_type else {}
        answer = await shim.http.post("/api/v1/join", content=b'{"secret":"x"}', headers=headers)
        assert answer.status_code == 415
        assert answer.json()["type"].endswith("not-json")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"{", "not JSON"),
        (b"[" * 50_000, "could not be read"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "dictionary"),
        (b"null", ""),
        (b'{"secret": 3}', "string"),
        (b'{"secret": "' + b"x" * 200 + b'"}', "128"),
        (b'{"secret": "x", "admin\\n": true}', "no such field"),
        (b'{"secret": "\\ud800"}', ""),
        (b'{"secret": NaN}', ""),
    ],
)
async def test_bodies_that_break_a_rule(content: bytes, rule: str) -> None:
    async with running_shim() as shim:
        answer = await shim.http.post(
            "/api/v1/join", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 404, 422}, answer.text
        assert rule in answer.text
        assert "xxxx" not in answer.text
        assert "\n" not in answer.json()["detail"]


async def test_the_names_of_unknown_fields_are_cut() -> None:
    async with running_shim() as shim:
        body = {"x" * 5_000: 1} | {f"f{number}": 1 for number in range(500)}
        problem = await shim.problem("invalid-request", 422, "POST", SESSIONS, json=body)
        assert len(str(problem)) < 3_000


async def test_labels_have_bounds() -> None:
    async with running_shim() as shim:
        for labels in [
            {str(number): "x" for number in range(33)},
            {"k" * 64: "x"},
            {"k": "x" * 257},
            {"k": "\x1b[31m"},
            {"": "x"},
        ]:
            await shim.problem("invalid-request", 422, "POST", SESSIONS, json={"labels": labels})


async def test_a_wrong_method_says_so() -> None:
    async with running_shim() as shim:
        await shim.problem("method-not-allowed", 405, "PUT", f"{SESSIONS}/demo")


async def test_a_bug_is_a_problem_too_and_says_nothing() -> None:
    sfu = FakeSfu(rpc_error=ZeroDivisionError("secret innards"))
    async with running_shim(sfu=sfu) as shim:
        await shim.create()
        sfu.put_agent("demo")
        problem = await shim.problem("internal", 500, "POST", f"{SESSIONS}/demo/webrtc/offer")
        assert "innards" not in str(problem)
        answer = await shim.http.post(
            f"{SESSIONS}/demo/webrtc/offer", headers={"Authorization": f"Bearer {API_KEY}"}
        )
        assert "content-security-policy" in answer.headers


async def test_health_and_metrics() -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.call("POST", f"{SESSIONS}/demo/webrtc/offer", {})
        assert (await shim.call("GET", "/healthz", key=None))["status"] == "ok"
        assert (await shim.call("GET", "/readyz", key=None))["status"] == "ok"
        text = (await shim.http.get("/metrics")).text
        assert 'sessioncast_offers_total{role="observer",state="waiting"} 1.0' in text
        assert 'sessioncast_sessions{ended="false"} 1.0' in text
        assert 'route="/api/v1/sessions/{session}/webrtc/offer"' in text
        assert "demo" not in text


async def test_the_page_that_is_not_built_says_what_to_do(tmp_path: Any) -> None:
    async with running_shim(web_dist=tmp_path) as shim:
        answer = await shim.http.get("/")
        assert (answer.status_code, answer.text) == (503, MISSING)
        assert "make setup" in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SESSIONS, {"ttl_seconds": True}),
        (SESSIONS, {"ttl_seconds": "60"}),
        (SESSIONS, {"ttl_seconds": 0}),
        (SESSIONS, {"ttl_seconds": 10**9}),
        (f"{SESSIONS}/demo/join-links", {"max_uses": 0}),
        (f"{SESSIONS}/demo/join-links", {"max_uses": 1.5}),
        (f"{SESSIONS}/demo/join-links", {"role": "agent"}),
    ],
)
async def test_numbers_are_numbers_and_in_bounds(path: str, body: dict[str, Any]) -> None:
    async with running_shim() as shim:
        await shim.create()
        await shim.problem("invalid-request", 422, "POST", path, json=body)


async def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing() -> None:
    sent: list[Any] = []
    half = [
        {"type": "http.request", "body": b'{"session": "demo"}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return half.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async with running_shim() as shim:
        scope = {
            "type": "http",
            "method": "POST",
            "path": SESSIONS,
            "query_string": b"",
            "headers": [
                (b"content-type", b"application/json"),
                (b"authorization", f"Bearer {API_KEY}".encode()),
            ],
        }
        await shim.app(scope, receive, send)
        assert sent == []
        assert (await shim.call("GET", SESSIONS))["items"] == []
