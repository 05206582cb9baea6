"""What the demo tells its user: a line per part on stderr, the result on stdout."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass

from sessioncast_agent.demo.errors import DemoError, PartFailed

_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Result:
    """The demo as it stands; the keys of `--json`."""

    viewer_url: str
    api_url: str
    api_key: str
    livekit_url: str
    session: str
    display: str | None
    xauthority: str | None
    pulse_server: str
    cdp_url: str | None
    recordings: str | None
    pids: dict[str, int]


class Step:
    """One part on its way up; `detail` ends its line."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.detail = ""


class Report:
    """Writes progress; a step that takes longer says so every other second."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._pending: dict[str, Step] = {}

    def say(self, text: str) -> None:
        """Write a line of progress; nobody may be listening any more."""
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Report a part's start."""
        step = self._pending[name] = Step()
        try:
            yield step
        finally:
            del self._pending[name]
        self.say(f"  ✓ {name:<10} {time.monotonic() - step.start:4.1f} s   {step.detail}".rstrip())

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Say what is still awaited, every other second."""

        async def tick() -> None:
            while True:
                await asyncio.sleep(_PATIENCE_S)
                now = time.monotonic()
                slow = {name: now - step.start for name, step in self._pending.items()}
                late = [f"{name} ({s:.0f} s)" for name, s in slow.items() if s >= _PATIENCE_S * 0.9]
                if late:
                    self.say(f"  … still starting: {', '.join(late)}")

        ticking = asyncio.create_task(tick(), name="patience")
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    def result(self, result: Result) -> None:
        """Write the result."""
        if self._as_json:
            text = json.dumps(asdict(result))
        else:
            text = (
                "\nWatch it here; the link lets you in as an operator, again and again:\n\n"
                f"    {result.viewer_url}\n\n"
                f"Session Explorer: {result.api_url}/   API key: {result.api_key}\n"
                "Ctrl-C ends everything."
            )
        with contextlib.suppress(OSError, ValueError):
            print(text, flush=True)

    def failure(self, error: DemoError, log_tail: str) -> None:
        """Write what went wrong, with the end of the part's log."""
        self.say(f"  ✗ {error}")
        if isinstance(error, PartFailed) and log_tail:
            self.say(f"the end of the log of {error.part}:")
            self.say("\n".join(f"    {line}" for line in log_tail.splitlines()))
