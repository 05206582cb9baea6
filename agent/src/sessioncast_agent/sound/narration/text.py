"""What may be spoken, and in which pieces. Pure."""

from __future__ import annotations

import re
import unicodedata

from sessioncast_agent.errors import AgentError

MAX_CHARS = 3_500  # what fits a signed call through the SFU, whatever the characters
MAX_SENTENCE_CHARS = 400
MAX_VOICE_CHARS = 64

MALFORMED, NOT_ALLOWED, NO_SUCH, TOO_LARGE, TOO_MANY, UNAVAILABLE = (
    1400, 1403, 1404, 1413, 1429, 1503,
)  # fmt: skip

_END = re.compile(r"(?<=[.!?…:;。！？])[\"'”’)\]]*\s+|\n\s*")  # noqa: RUF001 - other scripts' stops


class NarrationRefused(AgentError):
    """Not to be spoken; the code is the RPC error's of docs/protocol.md."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_text(text: object) -> str:
    """The text to speak; raises NarrationRefused."""
    if not isinstance(text, str):
        raise NarrationRefused(MALFORMED, "narration needs a text")
    if len(text) > MAX_CHARS:
        raise NarrationRefused(
            TOO_LARGE, f"the text is longer than {MAX_CHARS:,} characters; send it in parts"
        )
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\n\r" for c in text):
        raise NarrationRefused(
            MALFORMED, "the text holds control characters; only line breaks and tabs may be in it"
        )
    if not any(c.isalnum() for c in text):
        raise NarrationRefused(MALFORMED, "there is nothing to speak in the text")
    return text.strip()


def sentences(text: str) -> list[str]:
    """Pieces of at most MAX_SENTENCE_CHARS, cut where a voice would pause."""
    pieces: list[str] = []
    for raw in _END.split(text):
        rest = " ".join(raw.split())
        while len(rest) > MAX_SENTENCE_CHARS:
            cut = rest.rfind(" ", 1, MAX_SENTENCE_CHARS)
            cut = MAX_SENTENCE_CHARS if cut < 1 else cut
            pieces.append(rest[:cut])
            rest = rest[cut:].strip()
        if any(c.isalnum() for c in rest):
            pieces.append(rest)
    return pieces
