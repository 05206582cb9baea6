"""Everything that this program can refuse or fail at, as one tree.

ConfigError          the program can never start like this: one sentence, exit code 3
Problem              an HTTP answer (RFC 9457): status, stable type, one sentence with the remedy
SfuError             livekit-server did not do what was asked; raised by `sfu.py` alone
  SfuUnavailableError  it cannot be reached, or did not answer in time
  SfuRefusedError      it does not accept our API key and secret
  SfuNotFoundError     no such room or participant
AgentError           the agent did not do what was asked; raised by `agentrpc.py` alone
  AgentGoneError       it is not in the room
  AgentTimeoutError    it did not answer in time
  AgentRefusedError    it refused the call (signature, clock, unknown method, malformed body)
  AgentAnswerError     its answer is not what the protocol says
"""

from typing import Any


class ConfigError(Exception):
    """The settings make a start impossible; the message is one sentence for the operator."""


class SfuError(Exception):
    """livekit-server failed at what was asked; the message names the call, never a token."""


class SfuUnavailableError(SfuError):
    """livekit-server cannot be reached, or did not answer within the deadline."""


class SfuRefusedError(SfuError):
    """livekit-server does not accept LIVEKIT_API_KEY and LIVEKIT_API_SECRET."""


class SfuNotFoundError(SfuError):
    """livekit-server knows no such room or participant."""


class AgentError(Exception):
    """The agent did not do what was asked through the room."""


class AgentGoneError(AgentError):
    """The agent is not in its room."""


class AgentTimeoutError(AgentError):
    """The agent did not answer within the deadline."""


class AgentRefusedError(AgentError):
    """The agent refused the call: by one of its rules, or its clock, credential or version differs.

    `code` and `sentence` are what it said, as far as they are known.
    """

    def __init__(self, message: str, code: int | None = None, sentence: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.sentence = sentence


class AgentAnswerError(AgentError):
    """The agent's answer is not what docs/protocol.md says; it is dropped."""


PROBLEM_PREFIX = "urn:sessioncast:problem:"


class Problem(Exception):
    """An answer of the API that is not the wanted one.

    `name` is stable and part of the contract; `detail` is one sentence that names the thing and the
    remedy, and never holds a secret or unbounded input.
    """

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{status} {name}")
        self.status = status
        self.name = name
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Return the document of RFC 9457."""
        body: dict[str, Any] = {
            "type": PROBLEM_PREFIX + self.name,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def unauthorized(name: str = "unauthorized") -> Problem:
    """401, the same for a missing, an unknown and a wrong key."""
    return Problem(
        401,
        name,
        "Not authorized",
        "This needs a valid key: send `Authorization: Bearer <key>` with an API key, or the grant "
        "that a join link gave.",
        headers={"WWW-Authenticate": 'Bearer realm="sessioncast"'},
    )


def forbidden(detail: str) -> Problem:
    """403: the key is good, but not for this."""
    return Problem(403, "forbidden", "Not allowed", detail)


def role_above_right(role: str, highest: str) -> Problem:
    """403: a role above the caller's right."""
    return Problem(
        403,
        "role-above-right",
        "Role not allowed",
        f"The role {role} is above what this key may give, which is {highest}: ask for {highest}, "
        "or use a key with that right.",
    )


def removed() -> Problem:
    """403: one who was removed from the session asks for a way back."""
    return Problem(
        403,
        "removed",
        "Removed from the session",
        "You were removed from this session: ask those who run it for a new link.",
    )


def session_unknown(session: str) -> Problem:
    """404: no such session."""
    return Problem(
        404,
        "session-unknown",
        "No such session",
        f"There is no session {session}: create it with POST /api/v1/sessions.",
    )


def session_ended(session: str) -> Problem:
    """410: the session has ended for good."""
    return Problem(
        410,
        "session-ended",
        "Session ended",
        f"The session {session} has ended and does not come back: create one with another name.",
    )


def sfu_problem(error: SfuError) -> Problem:
    """503 (or 502): the media server did not do its part."""
    if isinstance(error, SfuRefusedError):
        return Problem(
            502,
            "sfu-refused",
            "Media server refused",
            "The media server does not accept this server's key: set LIVEKIT_API_KEY and "
            "LIVEKIT_API_SECRET to a pair from its configuration.",
        )
    return Problem(
        503,
        "sfu-unreachable",
        "Media server unreachable",
        "The media server does not answer: try again in a few seconds, or check LIVEKIT_URL.",
        headers={"Retry-After": "2"},
    )
