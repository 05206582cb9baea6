"""Input packets: the shared examples, and whatever hypothesis thinks of."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioncast_agent.control.messages import (
    BeatMessage,
    ButtonMessage,
    KeyMessage,
    Message,
    MoveMessage,
    Refusal,
    RelMessage,
    ResetMessage,
    TextMessage,
    TouchMessage,
    WheelMessage,
    parse,
)

pytestmark = pytest.mark.unit

EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "fixtures/input_messages.json").read_text(encoding="utf-8")
)
KINDS: dict[type[Message], str] = {
    MoveMessage: "move",
    RelMessage: "rel",
    ButtonMessage: "button",
    WheelMessage: "wheel",
    KeyMessage: "key",
    TextMessage: "text",
    TouchMessage: "touch",
    BeatMessage: "beat",
    ResetMessage: "reset",
}


def reading(message: Message | Refusal) -> Any:
    assert not isinstance(message, Refusal), message
    fields = asdict(message)
    return json.loads(json.dumps({"kind": KINDS[type(message)]} | fields))


@pytest.mark.parametrize("example", EXAMPLES["valid"], ids=lambda example: example["name"])
def test_a_valid_example_is_read(example: dict[str, Any]) -> None:
    assert reading(parse(example["raw"].encode())) == example["reading"]


@pytest.mark.parametrize("example", EXAMPLES["invalid"], ids=lambda example: example["name"])
def test_an_invalid_example_is_refused(example: dict[str, Any]) -> None:
    refusal = parse(example["raw"].encode())
    assert isinstance(refusal, Refusal)
    assert 0 < len(refusal.reason) < 60


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'[1,"text","\xe9"]', b"\x00", b'[1,"reset"]' * 2])
def test_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    assert isinstance(parse(raw), Refusal)


@given(st.binary(max_size=9_000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    parse(raw)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([1, 0, 97, 1e9, 2**53, "start", "a", "\ud800", "KeyA"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(sorted(KINDS.values())), st.lists(json_values, max_size=7))
def test_any_fields_of_a_known_kind_are_read_or_refused(kind: str, fields: list[Any]) -> None:
    message = parse(json.dumps([1, kind, *fields]).encode())
    if not isinstance(message, Refusal):
        assert parse(json.dumps([1, kind, *fields]).encode()) == message
        for value in asdict(message).values():
            assert not isinstance(value, float) or abs(value) <= 100_000


valid_raws = st.sampled_from([example["raw"] for example in EXAMPLES["valid"]])


@given(valid_raws, st.data())
def test_a_damaged_example_is_read_or_refused(raw: str, data: st.DataObject) -> None:
    content = bytearray(raw.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    parse(bytes(content))
