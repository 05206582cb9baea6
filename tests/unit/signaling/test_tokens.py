"""Every grant of every token, as the SFU will read it."""

from typing import Any

import jwt
import pytest

from sessioncast_signaling.roles import Actor, Role
from sessioncast_signaling.tokens import TOKEN_TTL_S, TokenMinter

pytestmark = pytest.mark.unit

SECRET = "s" * 40
NEVER = {
    "roomCreate": False,
    "roomList": False,
    "roomRecord": False,
    "roomAdmin": False,
    "ingressAdmin": False,
    "hidden": False,
    "recorder": False,
    "agent": False,
    "canManageAgentSession": False,
    "canSubscribeMetrics": False,
}


def decoded(token: str) -> dict[str, Any]:
    return dict(
        jwt.decode(
            token,
            SECRET,
            algorithms=["HS256"],
            issuer="key",
            options={"require": ["exp", "nbf", "iss", "sub"]},
        )
    )


def viewer(role: Role) -> dict[str, Any]:
    minter = TokenMinter("key", SECRET)
    return decoded(
        minter.viewer("demo", identity="viewer-1", role=role, actor=Actor.AI, name="Ana")
    )


def test_an_observer_only_subscribes() -> None:
    assert viewer(Role.OBSERVER)["video"] == NEVER | {
        "room": "demo",
        "roomJoin": True,
        "canSubscribe": True,
        "canPublish": False,
        "canPublishSources": [],
        "canPublishData": False,
        "canUpdateOwnMetadata": False,
    }


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_who_takes_part_also_speaks_and_sends_data(role: Role) -> None:
    assert viewer(role)["video"] == NEVER | {
        "room": "demo",
        "roomJoin": True,
        "canSubscribe": True,
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canPublishData": True,
        "canUpdateOwnMetadata": False,
    }


def test_a_viewers_token_says_who_it_is_and_ends_soon() -> None:
    claims = viewer(Role.OPERATOR)
    assert claims["sub"] == "viewer-1"
    assert claims["name"] == "Ana"
    assert claims["kind"] == "standard"
    assert claims["attributes"] == {"role": "operator", "actor": "ai"}
    assert claims["exp"] - claims["nbf"] == TOKEN_TTL_S <= 600
    assert not {"roomConfig", "roomPreset", "metadata"} & claims.keys()


def test_the_agent_publishes_its_three_tracks_and_its_state() -> None:
    claims = decoded(TokenMinter("key", SECRET).agent("demo"))
    assert claims["sub"] == "agent-demo"
    assert claims["kind"] == "standard"
    assert claims["exp"] - claims["nbf"] == TOKEN_TTL_S
    assert claims["video"] == NEVER | {
        "room": "demo",
        "roomJoin": True,
        "canSubscribe": True,
        "canPublish": True,
        "canPublishSources": ["screen_share", "screen_share_audio", "microphone"],
        "canPublishData": True,
        "canUpdateOwnMetadata": True,
    }


def test_the_minter_does_not_show_its_secret() -> None:
    assert SECRET not in repr(TokenMinter("key", SECRET))
