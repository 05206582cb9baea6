"""Logging: one line an event on stderr, and no secret in any of them.

The SDK quotes the SFU's refusals, and those quote the token (measured on 1.13.5), so the lines are
cleaned where they leave.
"""

import logging
import re
import sys

_SECRETS = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*|\bsc[a-z]_[\w-]{8,}|(?<=access_token=)[^\s&]+")
NOISY = ("livekit", "libav", "asyncio", "aiohttp")


def redact(text: str) -> str:
    """The text without tokens and credentials."""
    return _SECRETS.sub("<secret>", text)


class RedactingFormatter(logging.Formatter):
    """Cleans the finished line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return redact(super().format(record))


def setup_logging(verbose: bool) -> None:
    """Install the one handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.WARNING)
