"""Which addresses a browser session may open. Pure.

A pattern is `scheme://host/path` with `*` for any run of characters, or a bare host
(`example.com`: it and its subdomains, http and https). Deny wins over allow; without an allow list
everything is allowed that is not denied. Schemes that reach the machine or the browser itself are
always refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sessioncast_agent.errors import CannotStart

# everything that reads the machine, steers the browser, or runs in another page's place
REFUSED_SCHEMES = frozenset(
    {
        "file",
        "chrome",
        "chrome-untrusted",
        "chrome-extension",
        "chrome-search",
        "devtools",
        "view-source",
        "filesystem",
        "javascript",
        "about",
        "edge",
        "brave",
    }
)
_BLANK = re.compile(r"about:(blank|srcdoc)([#?].*)?", re.S)
MAX_URL_CHARS = 8_192
_BARE_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOST_LIKE = re.compile(
    r"(localhost|\d{1,3}(\.\d{1,3}){3}|([a-z0-9-]+\.)+[a-z0-9-]{2,})(:\d{1,5})?([/?#].*)?",
    re.IGNORECASE,
)


def _compile(pattern: str) -> re.Pattern[str]:
    pattern = pattern.strip()
    if _BARE_HOST.fullmatch(pattern):
        host, _, port = pattern.partition(":")
        ports = f":{port}" if port else r"(:\d+)?"
        return re.compile(rf"https?://([^/?#@]+\.)?{re.escape(host)}{ports}([/?#].*)?", re.I | re.S)
    if not _SCHEME.match(pattern.replace("*", "x", 1) if pattern.startswith("*") else pattern):
        raise CannotStart(
            f"the URL pattern {pattern[:80]!r} is none; give one like example.com or "
            "https://*.example.com/*"
        )
    scheme, _, rest = pattern.partition("://")
    if not rest:
        return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.I | re.S)
    host, slash, path = rest.partition("/")
    # a star in a host stays within the host: https://*.a.com must not match https://evil.com/.a.com
    parts = [
        r"[a-z][a-z0-9+.-]*" if scheme == "*" else re.escape(scheme),
        "://",
        r"[^/?#@]*".join(map(re.escape, host.split("*"))),
        "/" + ".*".join(map(re.escape, path.split("*"))) if path else r"([/?#].*)?",
    ]
    del slash
    return re.compile("".join(parts), re.I | re.S)


@dataclass(frozen=True)
class UrlPolicy:
    """`refusal` says why an address is not opened, or nothing."""

    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def from_lists(cls, allow: Iterable[str], deny: Iterable[str]) -> UrlPolicy:
        """Raises CannotStart for what is no pattern."""
        return cls(tuple(map(_compile, allow)), tuple(map(_compile, deny)))

    def refusal(self, url: str) -> str | None:  # noqa: PLR0911  # one reason each
        """One sentence when the address may not be opened."""
        if len(url) > MAX_URL_CHARS and not url.startswith(("data:", "blob:")):
            return f"the address is longer than {MAX_URL_CHARS} characters"
        if not url or _BLANK.fullmatch(url):
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return "this is no address"
        scheme = parts.scheme.lower()
        if scheme in REFUSED_SCHEMES:
            return f"addresses of the kind {scheme}: are refused here"
        target = url
        if scheme == "blob":  # blob:https://host/… belongs to that host
            target = url[5:]
        if any(pattern.fullmatch(target) for pattern in self.deny):
            return "this address is on the list of those that are refused here"
        if not self.allow or scheme == "data":
            return None
        if any(pattern.fullmatch(target) for pattern in self.allow):
            return None
        return "this address is not on the list of those that are allowed here"


def complete(typed: str) -> str:
    """What a person types into an address bar as an address: `example.com` gets its https."""
    typed = typed.strip()
    if not typed:
        return "about:blank"
    if _HOST_LIKE.fullmatch(typed):
        local = typed.startswith(("localhost", "127.", "10.", "192.168."))
        return ("http://" if local else "https://") + typed
    if _SCHEME.match(typed):
        return typed
    return "https://" + typed
