"""The rules for names that come from outside, and the making of names and secrets of our own."""

import hashlib
import re
import secrets
import unicodedata

SESSION_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
SESSION_MAX_LENGTH = 63
NAME_MAX_LENGTH = 64
SECRET_MAX_LENGTH = 128

_session_rule = re.compile(SESSION_PATTERN.removesuffix("$") + r"\Z")
# Names are shown to people: no control characters, no line breaks, and none of the marks that
# turn the text around them (a name could else pretend to be another).
_BAD_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_BIDI_MARKS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_session_id(text: str) -> bool:
    """Tell whether the text is a session id (and so a room's name)."""
    return _session_rule.match(text) is not None


def new_session_id() -> str:
    """Return an id for a session that was created without one."""
    return "s-" + secrets.token_hex(5)


def agent_identity(session: str) -> str:
    """Return the one identity that state is believed from."""
    return f"agent-{session}"


def new_viewer_identity() -> str:
    """Return an identity nobody else has: 96 random bits."""
    return "viewer-" + secrets.token_hex(12)


def new_link_id() -> str:
    """Return the public name of a join link; it grants nothing."""
    return "jl-" + secrets.token_hex(6)


def new_link_secret() -> str:
    """Return the secret half of a join link: 192 random bits."""
    return "scj_" + secrets.token_urlsafe(24)


def new_grant() -> str:
    """Return a browser's grant: 256 random bits."""
    return "scg_" + secrets.token_urlsafe(32)


def new_ticket() -> str:
    """Return a ticket for one WebSocket: 192 random bits, usable as a subprotocol."""
    return "sct_" + secrets.token_urlsafe(24)


def new_api_key() -> str:
    """Return an API key: 256 random bits."""
    return "sck_" + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored instead of a random secret: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def clean_name(name: str) -> str:
    """Return a person's name as it will be shown; raises ValueError with the rule it breaks."""
    name = name.strip()
    if len(name) > NAME_MAX_LENGTH:
        raise ValueError(f"a name has at most {NAME_MAX_LENGTH} characters")
    if any(unicodedata.category(c) in _BAD_CATEGORIES or c in _BIDI_MARKS for c in name):
        raise ValueError("a name has no control characters")
    return name
