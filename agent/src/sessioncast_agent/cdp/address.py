"""Where the browser's DevTools are: `--cdp-url`, checked. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sessioncast_agent.errors import CannotStart


@dataclass(frozen=True)
class CdpAddress:
    """A checked `--cdp-url`. `page` is true for one page's WebSocket: then it is all there is."""

    url: str = field(repr=False)  # its path or query may be a capability
    page: bool
    place: str

    @property
    def loopback(self) -> bool:
        """Whether the browser is on this machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> CdpAddress:
    """Raises CannotStart."""
    try:
        parts = urlsplit(text.strip())
        valid = (
            parts.scheme in {"http", "https", "ws", "wss"}
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        valid = False
    if not valid:
        raise CannotStart(
            "--cdp-url must be http://host:port, or a browser's or page's DevTools WebSocket"
        )
    if parts.username or parts.password:
        raise CannotStart("--cdp-url must hold no user and password")
    page = parts.scheme in {"ws", "wss"} and "/devtools/page/" in parts.path
    return CdpAddress(text.strip().rstrip("/"), page, parts.netloc)
