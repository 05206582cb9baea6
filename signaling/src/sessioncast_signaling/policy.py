"""Who may show, frame and call this server from a browser: the headers of every answer. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import Problem

CORS_METHODS = "GET, POST, DELETE"
CORS_HEADERS = "Authorization, Content-Type, Last-Event-ID"
CORS_EXPOSED = "Retry-After, X-Captured-At"
CORS_MAX_AGE_S = 600
# what is asked by address, not by name: probes and scrapers
_ANY_HOST = {"/healthz", "/readyz", "/metrics"}

WRONG_HOST = Problem(
    421,
    "host-unknown",
    "Host unknown",
    "This server does not answer under this name: add it to TRUSTED_HOSTS, or use another.",
)


def content_security_policy(
    viewer_sfu_url: str, *, embed_origins: Sequence[str] = (), more: Iterable[str] = ()
) -> str:
    """Return the policy of the page: only what it ships with, and those whom it must ask.

    These are the SFU that it watches, and `more` (where people sign in).
    """
    framers = " ".join(embed_origins) or "'none'"
    connect = ["'self'", *sfu_origins(viewer_sfu_url), *sorted(more)]
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src {' '.join(connect)}",
            f"frame-ancestors {framers}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types sessioncast",  # the page's one policy lets its own worker through
        ]
    )


def sfu_origins(url: str) -> list[str]:
    """Return the ws and http origins of an SFU's address (livekit-client uses both)."""
    parts = urlsplit(url)
    secure = parts.scheme in {"wss", "https"}
    schemes = ("wss", "https") if secure else ("ws", "http")
    return [f"{scheme}://{parts.netloc}" for scheme in schemes]


@dataclass
class BrowserPolicy:
    """What a running server says; `sign_in_origins` may grow while it runs."""

    viewer_sfu_url: str
    embed_origins: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    sign_in_origins: Callable[[], set[str]] = set
    _made: dict[frozenset[str], dict[str, str]] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer has."""
        origins = frozenset(self.sign_in_origins())
        if origins not in self._made:
            self._made = {origins: self._make(origins)}
        return self._made[origins]

    def _make(self, origins: frozenset[str]) -> dict[str, str]:
        made = {
            "Content-Security-Policy": content_security_policy(
                self.viewer_sfu_url, embed_origins=self.embed_origins, more=origins
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "cross-origin" if self.cors_origins else "same-origin",
            "Permissions-Policy": (
                "camera=(), display-capture=(), geolocation=(), payment=(), usb=(), "
                "microphone=(self), fullscreen=(self), "
                "clipboard-read=(self), clipboard-write=(self)"
            ),
        }
        if self.embed_origins:
            del made["X-Frame-Options"]  # it cannot name origins; frame-ancestors does
        return made

    def cors_headers(self, origin: str | None) -> dict[str, str]:
        """Return what a call from a page of another origin needs; nothing unless it may call."""
        if not self.cors_origins:
            return {}
        if origin is None or origin.lower() not in self.cors_origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": CORS_EXPOSED,
        }

    def preflight_headers(self, origin: str | None) -> dict[str, str] | None:
        """Return the answer to a browser's question before such a call; None when it may not."""
        allowed = self.cors_headers(origin)
        if "Access-Control-Allow-Origin" not in allowed:
            return None
        return allowed | {
            "Access-Control-Allow-Methods": CORS_METHODS,
            "Access-Control-Allow-Headers": CORS_HEADERS,
            "Access-Control-Max-Age": str(CORS_MAX_AGE_S),
        }

    def is_for_us(self, host: str, path: str) -> bool:
        """Tell whether a request with this Host header is meant for this server."""
        if not self.trusted_hosts or path in _ANY_HOST:
            return True
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return any(
            name == trusted or (trusted.startswith("*.") and name.endswith(trusted[1:]))
            for trusted in self.trusted_hosts
        )
