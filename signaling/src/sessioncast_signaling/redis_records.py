"""Records, links and grants as the hashes of Redis, and back. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .roles import Kind, Role
from .store import Grant, Link, SessionRecord

_TIMES = ("ends_at", "ended_at", "agent_seen_at", "agent_token_at")


def flat(fields: Mapping[str, str]) -> list[str]:
    """Return names and values in turn, as a command takes them."""
    return [part for pair in fields.items() for part in pair]


def pairs(flat: Any) -> dict[str, str]:
    """Return what Redis answered, by name."""
    if isinstance(flat, Mapping):
        return dict(flat)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def text_of(value: Any) -> str:
    """Return how a value is written."""
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def fields_of(changes: Mapping[str, Any], absent: str | None = None) -> dict[str, str]:
    """Return what to write; None is left out, or written as `absent`."""
    fields: dict[str, str] = {}
    for name, value in changes.items():
        if value is None:
            if absent is not None:
                fields[name] = absent
        else:
            fields[name] = json.dumps(dict(value)) if name == "labels" else text_of(value)
    return fields


def record_of(flat: Mapping[str, str] | Sequence[str]) -> SessionRecord | None:
    """Return a session; None of an empty hash."""
    fields = pairs(flat)
    if not fields:
        return None
    times = {name: float(fields[name]) if name in fields else None for name in _TIMES}
    return SessionRecord(
        fields["session"],
        Kind(fields["kind"]),
        float(fields["created_at"]),
        json.loads(fields["labels"]),
        **times,
    )


def link_of(fields: Mapping[str, str]) -> Link:
    """Return a join link."""
    return Link(
        id=fields["id"],
        session=fields["session"],
        role=Role(fields["role"]),
        name=fields["name"],
        created_at=float(fields["created_at"]),
        expires_at=float(fields["expires_at"]),
        max_uses=int(fields["max_uses"]),
        uses=int(fields["uses"]),
        may_ask=fields["may_ask"] == "1",
    )


def grant_of(fields: Mapping[str, str]) -> Grant:
    """Return a grant."""
    return Grant(
        session=fields["session"],
        role=Role(fields["role"]),
        name=fields["name"],
        link_id=fields["link_id"],
        may_ask=fields["may_ask"] == "1",
    )
