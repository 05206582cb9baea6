"""The signed envelope, against the examples that the agent's verifier is tested with too."""

import json
from pathlib import Path
from typing import Any

import pytest

from sessioncast_signaling.agentrpc import AgentClient, EnvelopeRefusedError, sign, verify
from sessioncast_signaling.credentials import agent_credential
from sessioncast_signaling.errors import (
    AgentAnswerError,
    AgentError,
    AgentGoneError,
    AgentRefusedError,
    AgentTimeoutError,
    SfuUnavailableError,
)
from sessioncast_signaling.sfu import RpcRefusedError, RpcTimeoutError
from support.shim import API_SECRET, JPEG, FakeClock, FakeSfu

pytestmark = pytest.mark.unit

EXAMPLES = json.loads((Path(__file__).parents[2] / "fixtures" / "shim_rpc.json").read_text())


@pytest.mark.parametrize("example", EXAMPLES["good"], ids=lambda e: e["name"])
def test_good_examples(example: dict[str, Any]) -> None:
    credential, method, session = example["credential"], example["method"], example["session"]
    assert credential == agent_credential(EXAMPLES["api_secret"], session)
    body = verify(
        credential,
        method=method,
        session=session,
        payload=example["payload"],
        now_ms=example["now_ms"],
    )
    assert body == example["body"]
    again = sign(
        credential,
        method=method,
        session=session,
        ts_ms=example["ts_ms"],
        nonce=example["nonce"],
        body=body,
    )
    assert again == example["payload"]


@pytest.mark.parametrize("example", EXAMPLES["bad"], ids=lambda e: e["name"])
def test_bad_examples(example: dict[str, Any]) -> None:
    seen = [json.loads(payload)["nonce"] for payload in example.get("before", [])]
    with pytest.raises(EnvelopeRefusedError) as caught:
        verify(
            example["credential"],
            method=example["method"],
            session=example["session"],
            payload=example["payload"],
            now_ms=example["now_ms"],
            seen_nonces=seen,
        )
    assert caught.value.code == example["code"]


def client(sfu: FakeSfu, counted: list[tuple[str, str]] | None = None) -> AgentClient:
    counts = counted if counted is not None else []
    return AgentClient(sfu, API_SECRET, FakeClock(), lambda m, o: counts.append((m, o)))


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (RpcTimeoutError("x"), AgentTimeoutError, "timeout"),
        (RpcRefusedError("x"), AgentRefusedError, "refused"),
        (RpcRefusedError("x", 1400, "no JSON object"), AgentRefusedError, "refused"),
        (
            RpcRefusedError("x", 1400, "Method not supported at destination"),
            AgentGoneError,
            "gone",
        ),
        (SfuUnavailableError("x"), SfuUnavailableError, "sfu"),
    ],
)
async def test_failures_have_names(error: Exception, kind: type[Exception], outcome: str) -> None:
    sfu, counted = FakeSfu(rpc_error=error), list[tuple[str, str]]()
    sfu.put_agent("demo")
    with pytest.raises(kind):
        await client(sfu, counted).usage("demo")
    assert counted == [("shim.usage", outcome)]


async def test_an_agent_that_is_not_there() -> None:
    with pytest.raises(AgentGoneError):
        await client(FakeSfu()).usage("demo")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"jpeg_base64": 3, "captured_at": "2026-11-23T08:00:00Z"},
        {"jpeg_base64": "!!", "captured_at": "2026-11-23T08:00:00Z"},
        {"jpeg_base64": "PGh0bWw+", "captured_at": "2026-11-23T08:00:00Z"},  # <html>
        {"jpeg_base64": "/9j/" + "A" * 40_000, "captured_at": "2026-11-23T08:00:00Z"},
        {"jpeg_base64": "/9j/", "captured_at": "yesterday"},
    ],
)
async def test_a_thumbnail_must_be_a_small_jpeg(answer: dict[str, Any]) -> None:
    sfu = FakeSfu(answer=lambda method, body: answer)
    sfu.put_agent("demo")
    with pytest.raises(AgentAnswerError):
        await client(sfu).thumbnail("demo")


async def test_a_good_thumbnail() -> None:
    sfu = FakeSfu()
    sfu.put_agent("demo")
    assert (await client(sfu).thumbnail("demo")).jpeg == JPEG


async def test_an_answer_that_is_no_object() -> None:
    sfu = FakeSfu(answer=lambda method, body: [1])  # type: ignore[arg-type, return-value]
    sfu.put_agent("demo")
    with pytest.raises(AgentError):
        await client(sfu).usage("demo")
