"""Addresses of the SFU. Pure."""


def http_url(url: str) -> str:
    """Return the HTTP form of a ws(s) address; aiohttp opens WebSockets by it too."""
    return "http" + url.removeprefix("ws") if url.startswith("ws") else url
