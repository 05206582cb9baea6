"""An existing VNC server to relay, as the command line names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sessioncast_agent.errors import CannotStart

DEFAULT_PORT = 5900


@dataclass(frozen=True)
class VncServer:
    """Where it is, and its password, which is never printed."""

    host: str
    port: int
    password: str | None = field(default=None, repr=False)


def vnc_server(
    url: str | None, password: str | None, password_file: Path | None
) -> VncServer | None:
    """The server to relay, if one is named; raises CannotStart."""
    if not url:
        return None
    try:
        parts = urlsplit(url if "//" in url else f"vnc://{url}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "vnc":
        raise CannotStart("--vnc-url must be an address like vnc://127.0.0.1:5900")
    if parts.username or parts.password or parts.query or parts.path.strip("/"):
        raise CannotStart("--vnc-url must hold no user, password or path; see VNC_PASSWORD_FILE")
    if password_file is not None:
        try:
            # VNC passwords may hold spaces: only the line's end is no part of it
            password = password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CannotStart(f"--vnc-password-file {password_file} cannot be read") from error
    return VncServer(host, port, password or None)
