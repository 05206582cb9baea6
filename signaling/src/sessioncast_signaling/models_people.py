"""The bodies about people who are there: control, and what an agent reports."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
