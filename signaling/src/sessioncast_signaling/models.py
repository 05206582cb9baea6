"""The bodies of requests and answers; the OpenAPI document is made of them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .ids import SECRET_MAX_LENGTH, SESSION_MAX_LENGTH, SESSION_PATTERN, clean_name
from .roles import Actor, Detail, Kind, Role, State

MAX_TTL_S = 30 * 24 * 3600
MAX_LINK_USES = 100_000
MAX_LABELS = 32
PAGE_DEFAULT = 100
PAGE_MAX = 500

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


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreateSession(_Request):
    """A session to make, or to find again."""

    model_config = _example(session="demo", kind="desktop", labels={"team": "qa"}, ttl_seconds=3600)

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

    model_config = _example(credential="sca_9y0t…", expires_at=None)

    credential: str = Field(description="For POST …/agent/token.")
    expires_at: datetime | None = Field(description="Null: as long as the session.")


class SessionCreated(BaseModel):
    """The session as it is now, and its agent's credential."""

    model_config = _example(
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

    model_config = _example(holder="viewer-2f00c1", mode="exclusive")

    holder: str | None
    mode: str | None


class SessionView(BaseModel):
    """A session as the explorer shows it."""

    model_config = _example(
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

    model_config = _example(items=[], next=None)

    items: list[SessionView]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class OfferRequest(_Request):
    """What a viewer asks for. LiveKit's TokenSource fields and an SDP `offer` are understood."""

    model_config = _example(role="observer", name="Ana", actor="person")

    role: Role | None = Field(
        default=None,
        description="Observer when left out; with a join link's grant, the link's role.",
    )
    name: Name | None = Field(default=None, description="Shown to others; at most 64 characters.")
    actor: Actor = Actor.PERSON
    room_name: str | None = Field(
        default=None, max_length=256, description="TokenSource: must be the session's id."
    )
    participant_name: Name | None = Field(
        default=None, description="TokenSource: the same as `name`."
    )
    participant_identity: Any = Field(
        default=None, description="TokenSource: refused, it is made here."
    )
    participant_metadata: Any = Field(default=None, description="TokenSource: refused.")
    participant_attributes: Any = Field(default=None, description="TokenSource: refused.")
    room_config: Any = Field(default=None, description="TokenSource: refused.")
    offer: Any = Field(default=None, description="SDP: ignored, a token takes its place.")
    sdp: Any = Field(default=None, description="SDP: ignored, a token takes its place.")
    type: Literal["offer"] | None = Field(default=None, description="SDP: ignored.")

    @model_validator(mode="after")
    def _one_name(self) -> "OfferRequest":
        if self.name and self.participant_name and self.name != self.participant_name:
            raise ValueError("name and participant_name are two different names")
        return self


class Fallback(BaseModel):
    """The VNC way in, when there is one."""

    model_config = _example(
        url="wss://cast.example/api/v1/sessions/demo/fallback",
        ticket="sct_…",
        expires_at="2026-11-23T10:05:00Z",
    )

    url: str
    ticket: str
    expires_at: datetime


class OfferAnswer(BaseModel):
    """Everything that a LiveKit client needs to connect."""

    model_config = _example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="viewer-2f00c1a9d7e3b45f60718293",
        role="observer",
        state="live",
        expires_at="2026-11-23T10:05:00Z",
        fallback=None,
    )

    server_url: str
    participant_token: str = Field(description="Good for one connect within five minutes.")
    room_name: str
    identity: str
    role: Role
    state: State
    expires_at: datetime
    fallback: Fallback | None = None


class JoinRequest(_Request):
    """The secret of a join link's fragment."""

    model_config = _example(secret="scj_…", name="Ana")  # noqa: S106 - an example

    secret: str = Field(min_length=1, max_length=SECRET_MAX_LENGTH)
    name: Name | None = None


class JoinAnswer(OfferAnswer):
    """An offer's answer, and what this browser keeps to come back without the link."""

    model_config = _example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="viewer-2f00c1a9d7e3b45f60718293",
        role="operator",
        state="live",
        expires_at="2026-11-23T10:05:00Z",
        fallback=None,
        session="demo",
        grant="scg_…",
        grant_expires_at="2026-11-23T22:00:00Z",
    )

    session: str
    grant: str = Field(description="A bearer for this session's offer, view and thumbnail.")
    grant_expires_at: datetime = Field(description="Each use moves it on.")


class CreateLink(_Request):
    """A link to share."""

    model_config = _example(role="observer", name="Ana", ttl_seconds=3600, max_uses=1)

    role: Role = Role.OBSERVER
    name: Name | None = Field(
        default=None, description="Who it is for; the name of whoever comes by it."
    )
    ttl_seconds: int = Field(default=3600, strict=True, ge=1, le=MAX_TTL_S)
    max_uses: int = Field(default=1, strict=True, ge=1, le=MAX_LINK_USES)


class LinkView(BaseModel):
    """A join link without its secret."""

    model_config = _example(
        id="jl-0a1b2c3d4e5f",
        role="observer",
        name="Ana",
        created_at="2026-11-23T10:00:00Z",
        expires_at="2026-11-23T11:00:00Z",
        max_uses=1,
        uses=0,
    )

    id: str
    role: Role
    name: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int


class LinkCreated(LinkView):
    """A new join link; its secret is shown this once."""

    model_config = _example(
        id="jl-0a1b2c3d4e5f",
        role="observer",
        name="Ana",
        created_at="2026-11-23T10:00:00Z",
        expires_at="2026-11-23T11:00:00Z",
        max_uses=1,
        uses=0,
        url="https://cast.example/sessions/demo#join=scj_…",
    )

    url: str


class LinkList(BaseModel):
    """A page of join links, oldest first."""

    model_config = _example(items=[], next=None)

    items: list[LinkView]
    next: str | None


class ExpectedView(BaseModel):
    """A viewer who was given a token in the last minutes."""

    model_config = _example(
        identity="viewer-2f00c1a9d7e3b45f60718293",
        role="observer",
        actor="person",
        name="Ana",
        expires_at="2026-11-23T10:09:30Z",
    )

    identity: str
    role: Role
    actor: Actor
    name: str
    expires_at: datetime


class AgentTokenAnswer(BaseModel):
    """Everything that an agent needs to connect."""

    model_config = _example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="agent-demo",
        expires_at="2026-11-23T10:05:00Z",
        expected=[],
    )

    server_url: str
    participant_token: str
    room_name: str
    identity: str
    expires_at: datetime
    expected: list[ExpectedView]


class ParticipantView(BaseModel):
    """One who watches."""

    model_config = _example(
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

    model_config = _example(items=[], next=None)

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

    model_config = _example(unix_us=1795420800000000)

    unix_us: int


class Health(BaseModel):
    """It runs."""

    model_config = _example(status="ok", version="0.1.0")

    status: Literal["ok"]
    version: str


class ProblemBody(BaseModel):
    """RFC 9457."""

    model_config = _example(
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
