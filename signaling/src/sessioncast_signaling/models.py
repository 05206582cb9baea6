"""The bodies of requests and answers about sessions, and what all bodies share.

The OpenAPI document is made of these and of `models_access`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .ids import SESSION_MAX_LENGTH, SESSION_PATTERN, clean_name
from .roles import Actor, Detail, Kind, Role, State

MAX_TTL_S = 30 * 24 * 3600
MAX_LABELS = 32
PAGE_DEFAULT = 100
PAGE_MAX = 1_000

SessionId = Annotated[str, Field(pattern=SESSION_PATTERN, max_length=SESSION_MAX_LENGTH)]
SessionPath = Annotated[
    str,
    Path(
        pattern=SESSION_PATTERN,
        max_length=SESSION_MAX_LENGTH,
        description="The session's id.",
        examples=["demo"],
    ),
]
LinkPath = Annotated[
    str, Path(pattern=r"^jl-[0-9a-f]{12}$", max_length=15, examples=["jl-0a1b2c3d4e5f"])
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items on one page.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; its content is ours.")
]
Name = Annotated[str, Field(max_length=256), AfterValidator(clean_name)]


def _label(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a label has no control characters")
    return text


LabelKey = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_label)]
LabelValue = Annotated[str, Field(max_length=256), AfterValidator(_label)]


def example(**values: Any) -> ConfigDict:
    """Return a model configuration with one example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class StrictRequest(BaseModel):
    """A request body: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class CreateSession(StrictRequest):
    """A session to make, or to find again."""

    model_config = example(session="demo", kind="desktop", labels={"team": "qa"}, ttl_seconds=3600)

    session: SessionId | None = Field(default=None, description="Its id; made up when left out.")
    kind: Kind | None = Field(default=None, description="What is shown; desktop when left out.")
    labels: dict[LabelKey, LabelValue] | None = Field(default=None, max_length=MAX_LABELS)
    ttl_seconds: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=MAX_TTL_S,
        description="It ends by itself after this time.",
    )


class AgentAccess(BaseModel):
    """What the session's agent needs; keep it as a secret."""

    model_config = example(credential="sca_9y0t…", expires_at=None)

    credential: str = Field(description="For POST …/agent/token.")
    expires_at: datetime | None = Field(description="Null: as long as the session.")


class SessionCreated(BaseModel):
    """The session as it is now, and its agent's credential."""

    model_config = example(
        session="demo",
        room="demo",
        kind="desktop",
        state="waiting",
        agent={"credential": "sca_9y0t…", "expires_at": None},
    )

    session: str
    room: str
    kind: Kind
    state: State
    agent: AgentAccess


class Control(BaseModel):
    """Who steers."""

    model_config = example(
        holder="viewer-2f00c1a9d7e3b45f60718293", name="Ana", actor="person", mode="explicit"
    )

    holder: str | None
    name: str | None
    actor: str | None
    mode: str | None


class SessionView(BaseModel):
    """A session as the explorer shows it."""

    model_config = example(
        session="demo",
        room="demo",
        kind="desktop",
        state="live",
        detail=None,
        labels={"team": "qa"},
        created_at="2026-11-23T10:00:00Z",
        ends_at=None,
        ended_at=None,
        size_px=[1280, 720],
        watching=2,
        control=None,
        recording=False,
    )

    session: str
    room: str
    kind: Kind
    state: State
    detail: Detail | None = Field(description="What is wrong, if something is.")
    labels: dict[str, str]
    created_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None
    size_px: tuple[int, int] | None = Field(description="Width and height of the screen.")
    watching: int = Field(description="How many look at it now.")
    control: Control | None
    recording: bool


class SessionList(BaseModel):
    """A page of sessions, newest first; ended ones stay in it for a day."""

    model_config = example(items=[], next=None)

    items: list[SessionView]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class ParticipantView(BaseModel):
    """One who watches."""

    model_config = example(
        identity="viewer-2f00c1a9d7e3b45f60718293",
        name="Ana",
        role="observer",
        actor="person",
        joined_at="2026-11-23T10:00:00Z",
    )

    identity: str
    name: str
    role: Role
    actor: Actor
    joined_at: datetime


class ParticipantList(BaseModel):
    """Who is in the room, without the agent."""

    model_config = example(items=[], next=None)

    items: list[ParticipantView]
    next: str | None


class Usage(BaseModel):
    """What a session costs, as its agent counts it; more fields may come."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "session": "demo",
                    "since": "2026-11-23T10:00:00Z",
                    "uptime_seconds": 61.2,
                    "cpu_seconds": {"capture": 0.8, "encode": 3.1, "process": 6.2},
                    "frames": {"captured": 1200, "encoded": 1260, "keyframes": 4, "dropped": 0},
                    "bytes_sent": 3100000,
                    "watched_seconds": 40.1,
                    "unwatched_seconds": 21.1,
                    "rss_bytes": 130000000,
                }
            ]
        },
    )

    session: str
    cpu_seconds: dict[str, float]


class Time(BaseModel):
    """The clock that agents and pages measure their offset to."""

    model_config = example(unix_us=1795420800000000)

    unix_us: int


class Health(BaseModel):
    """It runs."""

    model_config = example(status="ok", version="0.1.0")

    status: Literal["ok"]
    version: str


class ProblemBody(BaseModel):
    """RFC 9457."""

    model_config = example(
        type="urn:sessioncast:problem:session-ended",
        title="Session ended",
        status=410,
        detail="The session demo has ended and does not come back: create one with another name.",
    )

    type: str = Field(description="Stable; what a program looks at.")
    title: str
    status: int
    detail: str = Field(description="One sentence with the remedy.")
    errors: list[dict[str, str]] | None = None
