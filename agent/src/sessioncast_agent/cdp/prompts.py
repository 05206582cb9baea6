"""What waits for an operator: dialogs, file choosers, authentication, permissions.

Nothing waits for ever: what nobody answers in `PATIENCE_S` is dismissed, so that a page goes on.
Runs on the CDP loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from sessioncast_agent.cdp.news import Answer, News, Prompt, PromptClosed, PromptOpened
from sessioncast_agent.errors import BrowserLost, BrowserRefused

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
MAX_OPEN = 16  # a page that asks more often than that is refused at once
MAX_TEXT_CHARS = 2_000

Deliver = Callable[[Answer], Awaitable[None]]


@dataclass
class _Open:
    prompt: Prompt
    deliver: Deliver
    timer: asyncio.TimerHandle


class Prompts:
    """Each is answered once: by an operator, by somebody else at the browser, or by time."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._last = 0
        self._open: dict[str, _Open] = {}
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> tuple[Prompt, ...]:
        """All that wait now, oldest first."""
        return tuple(entry.prompt for entry in self._open.values())

    def open(
        self,
        *,
        kind: str,
        tab: str,
        origin: str,
        text: str,
        deliver: Deliver,
        default: str = "",
        multiple: bool = False,
    ) -> str:
        """Ask; the prompt's id."""
        self._last += 1
        number = f"p{self._last}"
        if len(self._open) >= MAX_OPEN:
            self._deliver(deliver, Answer(accept=False))
            return number
        prompt = Prompt(
            number,
            kind,
            tab,
            origin[:300],
            text[:MAX_TEXT_CHARS],
            default[:MAX_TEXT_CHARS],
            multiple,
        )
        timer = self._loop.call_later(PATIENCE_S, self._expired, number)
        self._open[number] = _Open(prompt, deliver, timer)
        self._tell(PromptOpened(prompt))
        return number

    async def answer(self, number: str, answer: Answer) -> None:
        """Raises BrowserRefused when it waits no more, or when the browser refuses the answer."""
        entry = self._take(number)
        if entry is None:
            raise BrowserRefused("this has been answered already")
        await entry.deliver(answer)

    def get(self, number: str) -> Prompt | None:
        """What waits under this id."""
        entry = self._open.get(number)
        return None if entry is None else entry.prompt

    def withdraw(
        self, *, number: str | None = None, tab: str | None = None, kind: str = ""
    ) -> None:
        """Somebody else answered, or the page that asked is gone."""
        kinds = {"alert", "confirm", "prompt", "beforeunload"} if kind == "dialog" else {kind}
        for key, entry in list(self._open.items()):
            prompt = entry.prompt
            if key == number or (prompt.tab == tab and (not kind or prompt.kind in kinds)):
                self._take(key)

    def clear(self) -> None:
        """The browser is gone."""
        for number in list(self._open):
            self._take(number)

    def _take(self, number: str) -> _Open | None:
        entry = self._open.pop(number, None)
        if entry is not None:
            entry.timer.cancel()
            self._tell(PromptClosed(number))
        return entry

    def _expired(self, number: str) -> None:
        entry = self._take(number)
        if entry is not None:
            log.info("nobody answered, dismissed kind=%s", entry.prompt.kind)
            # a page that asks before it goes is let go: to stay would hang whoever navigates
            accept = entry.prompt.kind == "beforeunload"
            self._deliver(entry.deliver, Answer(accept=accept))

    def _deliver(self, deliver: Deliver, answer: Answer) -> None:
        async def quietly() -> None:
            with suppress(BrowserRefused, BrowserLost):
                await deliver(answer)

        task = self._loop.create_task(quietly())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
