"""The bodies of requests and answers about narration."""

import unicodedata
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, Field

from .models import StrictRequest, example

MAX_CHARS = 3_500  # of the agent's own rule; what fits a call through the SFU


def _speakable(text: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\n\r" for c in text):
        raise ValueError("no control characters but line breaks and tabs")
    if not any(c.isalnum() for c in text):
        raise ValueError("there is nothing to speak in it")
    return text


NarrationPath = Annotated[
    str, Path(pattern=r"^n[0-9a-f]{12}$", max_length=13, examples=["n0a1b2c3d4e5f"])
]


class Narrate(StrictRequest):
    """What to speak."""

    model_config = StrictRequest.model_config | example(
        text="The report is ready. I will send it now.", voice="en-us", interrupt=False
    )

    text: Annotated[str, Field(min_length=1, max_length=MAX_CHARS), AfterValidator(_speakable)]
    voice: Annotated[
        str | None,
        Field(max_length=64, description="One of the agent's; a wrong one is answered with all."),
    ] = None
    interrupt: Annotated[
        bool, Field(description="Cancel what is being said and what waits, and say this.")
    ] = False


class Narrated(BaseModel):
    """A narration, and what becomes of it."""

    model_config = example(id="n0a1b2c3d4e5f", state="queued")

    id: Annotated[str, Field(pattern=r"^n[0-9a-f]{12}$")]
    state: Literal["queued", "speaking", "done", "cancelled", "failed"]
