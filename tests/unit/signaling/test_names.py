"""Ids, names and secrets."""

import pytest

from sessioncast_signaling import ids
from sessioncast_signaling.credentials import agent_credential, is_agent_credential
from sessioncast_signaling.sessions import parse_size

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("good", ["a", "7", "demo", "a-b", "a--b", "0" * 63])
def test_session_ids(good: str) -> None:
    assert ids.is_session_id(good)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "-a",
        "a-",
        "A",
        "a_b",
        "a.b",
        "../a",
        "a/b",
        "a\n",
        "a\0",
        "é",
        "🙂",
        "a" * 64,
        "a" * 10**6,
    ],
)
def test_what_is_no_session_id(bad: str) -> None:
    assert not ids.is_session_id(bad)


def test_made_names_follow_the_rule_and_differ() -> None:
    made = {ids.new_session_id() for _ in range(100)}
    assert len(made) == 100
    assert all(ids.is_session_id(name) for name in made)
    assert len(ids.new_viewer_identity()) == len("viewer-") + 96 // 4
    assert ids.new_link_secret() != ids.new_link_secret()
    assert len(ids.new_link_secret()) >= 32 + 4
    assert len(ids.new_grant()) >= 43 + 4


def test_names_of_people() -> None:
    assert ids.clean_name("  Zoë 山田 👩‍💻 ") == "Zoë 山田 👩‍💻"
    assert ids.clean_name("<img onerror=x>") == "<img onerror=x>"  # the page shows it as text
    for bad in ["a" * 65, "a\nb", "a\0b", "a\u202eb", "a\u2028b", "\ud800"]:
        with pytest.raises(ValueError, match="a name has"):
            ids.clean_name(bad)


def test_the_credential_is_derived_and_bound_to_its_session() -> None:
    first = agent_credential("s" * 40, "demo")
    assert first.startswith("sca_")
    assert first == agent_credential("s" * 40, "demo")
    assert first != agent_credential("s" * 40, "demo2")
    assert first != agent_credential("t" * 40, "demo")
    assert is_agent_credential("s" * 40, "demo", first)
    assert not is_agent_credential("s" * 40, "demo2", first)
    assert not is_agent_credential("s" * 40, "demo", "")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1280x720", (1280, 720)),
        ("801x601", (801, 601)),
        ("", None),
        ("1280", None),
        ("x", None),
        ("0x720", None),
        ("-1x720", None),
        ("99999999999x1", None),
        ("99999x1", None),
        ("²x²", None),
        ("1280x720x2", None),
    ],
)
def test_an_agents_size(text: str, size: tuple[int, int] | None) -> None:
    assert parse_size(text) == size
