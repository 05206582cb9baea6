"""Tells the shim what has changed, for its lists and those who listen to its news. A hint only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sessioncast_agent.errors import AgentError
from sessioncast_agent.stages import Stage

log = logging.getLogger(__name__)

SETTLE_S = 0.1  # several changes at once are one report
REPEAT_S = 10.0
RETRY_S = 2.0

Report = Callable[[dict[str, str]], Awaitable[None]]


class Herald(Stage):
    """Reports the attributes when they change, and now and then."""

    name = "herald"

    def __init__(self) -> None:
        self.report: Report | None = None  # set before it runs; stays unset without a shim
        self._attributes: dict[str, str] | None = None
        self._due = asyncio.Event()

    def published(self, attributes: dict[str, str]) -> None:
        """See Stage."""
        if attributes != self._attributes:
            self._attributes = dict(attributes)
            self._due.set()

    def left(self) -> None:
        """See Stage; the next room hears it all again."""
        self._attributes = None

    async def run(self) -> None:
        """See Stage."""
        while True:
            try:
                async with asyncio.timeout(REPEAT_S):
                    await self._due.wait()
                await asyncio.sleep(SETTLE_S)
            except TimeoutError:
                pass
            self._due.clear()
            if self.report is None or self._attributes is None:
                continue
            try:
                await self.report(self._attributes)
            except AgentError as error:
                log.debug("the shim was not told: %s", error)
                await asyncio.sleep(RETRY_S)
                self._due.set()
