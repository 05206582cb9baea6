"""The parts for the page: an X server of odd size, and Chromium under the shim's own CSP."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.browser import Browsers, Guest, chromium
from support.xserver import XServer, x_server

__all__ = ["Browsers", "Guest"]


@pytest.fixture(scope="module")
def x(module_path: Path) -> Iterator[XServer]:
    """An odd size, so that the pad is seen, or rather not."""
    with x_server(module_path, "1279x719") as server:
        yield server


@pytest.fixture
async def browsers() -> AsyncIterator[Browsers]:
    async with chromium() as guests:
        yield guests
