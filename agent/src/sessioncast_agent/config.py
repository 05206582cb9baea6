"""The agent's settings and their rules. The command line is the only reader of the environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sessioncast_agent.cdp.address import CdpAddress, parse_address
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.rfb.settings import VncServer
from sessioncast_agent.sound.settings import SoundSettings
from sessioncast_agent.x11.display import is_display_name

SESSION_RULE = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SESSION = re.compile(SESSION_RULE)
_BITRATE = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[kM]?)")
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000}

MIN_FPS, MAX_FPS = 1, 120
MIN_BITRATE_BPS, MAX_BITRATE_BPS = 200_000, 100_000_000
_VIEWPORT = re.compile(r"(\d{3,4})x(\d{3,4})(?:@(\d(?:\.\d{1,2})?))?")
MAX_SECRET_BYTES = 8_192  # a credential or token file that is larger is some other file


class CursorMode(StrEnum):
    """Whether the pointer travels apart from the picture or is burnt into it."""

    SEPARATE = "separate"
    EMBED = "embed"


@dataclass(frozen=True)
class TokenSettings:
    """How the agent gets into the room: a ready token, or the shim with a credential or enrol key.

    Exactly one of `livekit_token`, `credential` and `enroll_key` is set. None is ever printed.
    """

    livekit_url: str | None = None
    signaling_url: str | None = None
    livekit_token: str | None = field(default=None, repr=False)
    credential: str | None = field(default=None, repr=False)
    enroll_key: str | None = field(default=None, repr=False)


class ControlMode(StrEnum):
    """How control is had: by acting while it is free, or only by asking."""

    IMPLICIT = "implicit"
    EXPLICIT = "explicit"


class ClipboardPolicy(StrEnum):
    """Which way the clipboard goes: into the session, out of it, both or neither."""

    OFF = "off"
    IN = "in"
    OUT = "out"
    BOTH = "both"


class AuditText(StrEnum):
    """Whether the audit holds what was typed."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class ControlSettings:
    """Who may do what, and what is kept of it."""

    mode: ControlMode = ControlMode.IMPLICIT
    clipboard: ClipboardPolicy = ClipboardPolicy.BOTH
    audit: Path | None = None
    audit_text: AuditText = AuditText.ON


@dataclass(frozen=True)
class DisplaySource:
    """An X display."""

    name: str


@dataclass(frozen=True)
class BrowserSource:
    """A Chromium behind its DevTools port; sides are even, `scale` is the device pixel ratio."""

    address: CdpAddress
    policy: UrlPolicy = field(default_factory=UrlPolicy)
    width_px: int = 1280
    height_px: int = 720
    scale: float = 1.0


Source = DisplaySource | BrowserSource


@dataclass(frozen=True)
class AgentSettings:
    """Everything one agent needs, checked."""

    session: str
    source: Source
    tokens: TokenSettings
    fps: int = 60
    max_bitrate_bps: int = 8_000_000
    cursor: CursorMode = CursorMode.SEPARATE
    http_host: str = "127.0.0.1"
    http_port: int = 0
    control: ControlSettings = field(default_factory=ControlSettings)
    sound: SoundSettings = field(default_factory=SoundSettings)
    existing_vnc: VncServer | None = None  # shown in the VNC tab instead of ours


def check_session(session: str | None) -> str:
    """A session id that keeps the rule; raises CannotStart."""
    if not session:
        raise CannotStart("no session is named; give --session or set SESSION_ID")
    if not _SESSION.fullmatch(session):
        raise CannotStart(
            f"the session id {session[:80]!r} is outside the rule: 1 to 63 of a-z, 0-9 and '-', "
            "neither first nor last a '-'"
        )
    return session


def check_display(display: str | None) -> str:
    """An X display name; raises CannotStart."""
    if not display:
        raise CannotStart("no display is named; give --display :N or set DISPLAY")
    if not is_display_name(display):
        raise CannotStart(f"{display[:80]!r} is no X display; name one like :1")
    return display


def choose_source(
    *,
    display: str | None,
    cdp_url: str | None,
    allow_urls: list[str],
    deny_urls: list[str],
    viewport: str,
) -> Source:
    """The one thing that is shown; a browser wins, since DISPLAY is often set by itself.

    Raises CannotStart.
    """
    if not cdp_url:
        return DisplaySource(check_display(display))
    match = _VIEWPORT.fullmatch(viewport.strip())
    if not match or not (320 <= int(match[1]) <= 3840 and 240 <= int(match[2]) <= 2160):
        raise CannotStart(f"--viewport {viewport[:40]!r} is no size; give one like 1280x720 or @2")
    scale = float(match[3] or 1)
    if not 0.5 <= scale <= 4:
        raise CannotStart(f"--viewport {viewport[:40]!r}: the scale must be 0.5 to 4")
    policy = UrlPolicy.from_lists(allow_urls, deny_urls)
    return BrowserSource(
        parse_address(cdp_url), policy, int(match[1]) & ~1, int(match[2]) & ~1, scale
    )


def check_fps(fps: int) -> int:
    """A frame rate within the limits; raises CannotStart."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise CannotStart(f"--fps {fps} is out of range; give {MIN_FPS} to {MAX_FPS}")
    return fps


def parse_bitrate_bps(text: str) -> int:
    """`8M`, `800k` or plain bits a second; raises CannotStart."""
    match = _BITRATE.fullmatch(text.strip())
    if not match:
        raise CannotStart(f"--max-bitrate {text[:40]!r} is no bitrate; give one like 8M or 800k")
    bps = int(float(match["number"]) * _UNITS[match["unit"]])
    if not MIN_BITRATE_BPS <= bps <= MAX_BITRATE_BPS:
        raise CannotStart(f"--max-bitrate {text[:40]} is out of range; give 200k to 100M")
    return bps


def check_url(url: str, option: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of `schemes` with a host and no secrets in it; raises CannotStart."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise CannotStart(f"{option} must be a URL like {schemes[0]}://host:port")
    if parts.username or parts.password or parts.query:
        raise CannotStart(f"{option} must hold no user, password or query; secrets go into files")
    return url.rstrip("/")


def read_secret(path: Path, option: str) -> str:
    """The one line of a secret file; raises CannotStart and never quotes the content."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CannotStart(f"{option} {path} cannot be read: {error.strerror}") from error
    try:
        text = raw[: MAX_SECRET_BYTES + 1].decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(raw) > MAX_SECRET_BYTES or any(c.isspace() for c in text):
        raise CannotStart(f"{option} {path} must hold one secret on one line")
    return text


def token_settings(
    *,
    livekit_url: str | None,
    livekit_token: str | None,
    signaling_url: str | None,
    credential: str | None,
    credential_file: Path | None,
    enroll_key_file: Path | None,
) -> TokenSettings:
    """Choose the way into the room; raises CannotStart where it is missing or ambiguous."""
    if signaling_url:
        url = check_url(signaling_url, "--signaling-url", ("http", "https"))
        if credential_file:
            credential = read_secret(credential_file, "--credential-file")
        if credential:
            return TokenSettings(signaling_url=url, credential=credential)
        if enroll_key_file:
            key = read_secret(enroll_key_file, "--enroll-key-file")
            return TokenSettings(signaling_url=url, enroll_key=key)
        raise CannotStart(
            "--signaling-url needs --credential-file, AGENT_CREDENTIAL or --enroll-key-file"
        )
    if livekit_url and livekit_token:
        url = check_url(livekit_url, "--livekit-url", ("ws", "wss"))
        return TokenSettings(livekit_url=url, livekit_token=livekit_token)
    raise CannotStart(
        "no way into the room: give --signaling-url with a credential, "
        "or --livekit-url with LIVEKIT_TOKEN in the environment"
    )
