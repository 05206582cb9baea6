"""The bodies about people who are there: control, and what an agent reports."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from .models import StrictRequest, example
from .roles import Actor, ControlAction

MAX_ATTRIBUTES = 64


class ControlRequest(StrictRequest):
    """What to do about control."""

    model_config = example(action="request", identity=None)

    action: ControlAction
    identity: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Of `grant` and `deny`: whom it is about. Else: which of your own viewers "
        "acts; the newest one when left out.",
    )


BanPath = Annotated[str, Path(pattern=r"^ban-[0-9a-f]{16}$", examples=["ban-5d41402abc4b2a76"])]


class BanView(BaseModel):
    """One who was removed and is kept out."""

    model_config = example(
        ban="ban-5d41402abc4b2a76",
        name="Ana",
        identities=["viewer-2f00c1a9d7e3b45f60718293"],
        until="2026-11-24T08:00:00Z",
    )

    ban: str = Field(description="What this ban is called by.")
    name: str
    identities: list[str] = Field(description="The viewers that it is about, oldest first.")
    until: AwareDatetime


class BanList(BaseModel):
    """Who is kept out of a session."""

    model_config = example(items=[], next=None)

    items: list[BanView]
    next: str | None


class ControlHolder(BaseModel):
    """Who has control now, and decides."""

    model_config = example(identity="viewer-2f00c1a9d7e3b45f60718293", name="Ana", actor="person")

    identity: str
    name: str = ""
    actor: Actor = Actor.PERSON


class ControlAnswer(BaseModel):
    """What came of it."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {"state": "granted", "holder": None, "timeout_ms": None},
                {
                    "state": "pending",
                    "holder": {
                        "identity": "viewer-2f00c1a9d7e3b45f60718293",
                        "name": "Ana",
                        "actor": "person",
                    },
                    "timeout_ms": 15000,
                },
            ]
        },
    )

    state: Literal["granted", "pending", "denied", "free"]
    holder: ControlHolder | None = None
    timeout_ms: int | None = Field(
        default=None, description="How long its holder may take to answer."
    )


AttributeName = Annotated[str, Field(min_length=1, max_length=64)]
AttributeValue = Annotated[str, Field(max_length=1024)]


class AgentState(StrictRequest):
    """The agent's own attributes, as the room knows them."""

    model_config = example(attributes={"size": "1280x720", "state": "live", "control.holder": ""})

    attributes: dict[AttributeName, AttributeValue] = Field(max_length=MAX_ATTRIBUTES)


class AgentMute(StrictRequest):
    """Who may send no data for now, or again."""

    model_config = example(identity="viewer-2f00c1a9d7e3b45f60718293", muted=True)

    identity: str = Field(min_length=1, max_length=128)
    muted: bool


def as_control_answer(answer: dict[str, Any]) -> ControlAnswer:
    """Check what an agent has answered; raises ValidationError."""
    return ControlAnswer.model_validate(answer)
