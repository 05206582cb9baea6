"""The bodies of requests and answers about ways in: offers, join links, the agent's token."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from .ids import SECRET_MAX_LENGTH
from .models import MAX_TTL_S, Name, StrictRequest, example
from .roles import Actor, Role, State

MAX_LINK_USES = 100_000


class OfferRequest(StrictRequest):
    """What a viewer asks for. LiveKit's TokenSource fields and an SDP `offer` are understood."""

    model_config = example(role="observer", name="Ana", actor="person")

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
    """The VNC way in, when there is one: a WebSocket, its ticket sent as a subprotocol."""

    model_config = example(
        url="wss://cast.example/api/v1/sessions/demo/fallback",
        ticket="sct_…",
        expires_at="2026-11-23T10:05:00Z",
    )

    url: str = Field(description="Where the WebSocket is; it also takes the subprotocol `binary`.")
    ticket: str = Field(description="Good for one connection; `Sec-WebSocket-Protocol: <ticket>`.")
    expires_at: datetime


class OfferAnswer(BaseModel):
    """Everything that a LiveKit client needs to connect."""

    model_config = example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="viewer-2f00c1a9d7e3b45f60718293",
        role="observer",
        state="live",
        expires_at="2026-11-23T10:05:00Z",
        fallback=None,
        may_ask=False,
    )

    server_url: str
    participant_token: str = Field(description="Good for one connect within five minutes.")
    room_name: str
    identity: str
    role: Role
    state: State
    expires_at: datetime
    fallback: Fallback | None = None
    may_ask: bool = Field(
        default=False, description="An observer who may ask for control with POST …/control."
    )


class JoinRequest(StrictRequest):
    """The secret of a join link's fragment."""

    model_config = example(secret="scj_…", name="Ana")  # noqa: S106 - an example

    secret: str = Field(min_length=1, max_length=SECRET_MAX_LENGTH)
    name: Name | None = None


class JoinAnswer(OfferAnswer):
    """An offer's answer, and what this browser keeps to come back without the link."""

    model_config = example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="viewer-2f00c1a9d7e3b45f60718293",
        role="operator",
        state="live",
        expires_at="2026-11-23T10:05:00Z",
        fallback=None,
        may_ask=False,
        session="demo",
        grant="scg_…",
        grant_expires_at="2026-11-23T22:00:00Z",
    )

    session: str
    grant: str = Field(description="A bearer for this session's offer, view and thumbnail.")
    grant_expires_at: datetime = Field(description="Each use moves it on.")


class CreateLink(StrictRequest):
    """A link to share."""

    model_config = example(role="observer", name="Ana", ttl_seconds=3600, max_uses=1)

    role: Role = Role.OBSERVER
    name: Name | None = Field(
        default=None, description="Who it is for; the name of whoever comes by it."
    )
    ttl_seconds: int = Field(default=3600, strict=True, ge=1, le=MAX_TTL_S)
    max_uses: int = Field(default=1, strict=True, ge=1, le=MAX_LINK_USES)
    may_ask: bool = Field(
        default=False, strict=True, description="An observer who comes by it may ask for control."
    )


class LinkView(BaseModel):
    """A join link without its secret."""

    model_config = example(
        id="jl-0a1b2c3d4e5f",
        role="observer",
        name="Ana",
        created_at="2026-11-23T10:00:00Z",
        expires_at="2026-11-23T11:00:00Z",
        max_uses=1,
        uses=0,
        may_ask=False,
    )

    id: str
    role: Role
    name: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int
    may_ask: bool


class LinkCreated(LinkView):
    """A new join link; its secret is shown this once."""

    model_config = example(
        id="jl-0a1b2c3d4e5f",
        role="observer",
        name="Ana",
        created_at="2026-11-23T10:00:00Z",
        expires_at="2026-11-23T11:00:00Z",
        max_uses=1,
        uses=0,
        may_ask=False,
        url="https://cast.example/sessions/demo#join=scj_…",
    )

    url: str


class LinkList(BaseModel):
    """A page of join links, oldest first."""

    model_config = example(items=[], next=None)

    items: list[LinkView]
    next: str | None


class ExpectedView(BaseModel):
    """A viewer who was given a token in the last minutes."""

    model_config = example(
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

    model_config = example(
        server_url="ws://127.0.0.1:7880",
        participant_token="eyJ…",  # noqa: S106 - an example
        room_name="demo",
        identity="agent-demo",
        expires_at="2026-11-23T10:05:00Z",
        expected=[],
        banned=[],
    )

    server_url: str
    participant_token: str
    room_name: str
    identity: str
    expires_at: datetime
    expected: list[ExpectedView]
    banned: list[str] = Field(description="Identities that were removed: they get no media.")
