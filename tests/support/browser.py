"""A real Chromium for tests: profiles that have never been here, and what goes wrong in them."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Whatever breaks the page's own rules lands here, also from before the first script of the page.
NOTE_VIOLATIONS = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.__violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""
# What LiveKit's SDK writes to the console when its server goes away.
SDK_FAREWELLS = ("DataChannel error on", "Got data while disconnected", "publisher data channel")


@dataclass
class Guest:
    """One browser profile with one tab, and what went wrong in it."""

    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)

    @property
    def own_errors(self) -> list[str]:
        """For tests that take the server away: `errors` without what the SDK says of that."""
        return [error for error in self.errors if not error.startswith(SDK_FAREWELLS)]

    async def state(self, word: str, within_s: float = 15.0) -> None:
        """Wait until the header says this."""
        await self.page.wait_for_selector(
            f".state-word:text-is('{word}')", timeout=within_s * 1000, state="attached"
        )

    async def sentence(self, text: str, within_s: float = 15.0) -> None:
        """Wait until this is said over the picture."""
        await self.page.wait_for_selector(f".sentence:has-text('{text}')", timeout=within_s * 1000)

    async def until(self, script: str, arg: Any = None, within_s: float = 15.0) -> None:
        """Wait until a script says so. Playwright's own waiting is forbidden by our strict CSP."""
        ends = time.monotonic() + within_s
        while not await self.page.evaluate(script, arg):
            assert time.monotonic() < ends, f"never came: {script}"
            await asyncio.sleep(0.05)

    async def say(self, selector: str) -> str:
        """The text of an element."""
        return await self.page.inner_text(selector)

    async def pixel(self, x: float, y: float) -> list[int]:
        """The colour of the shown video at this share of its width and height."""
        colour: list[int] = await self.page.evaluate(
            """([x, y]) => {
              const video = document.querySelector('video');
              const canvas = document.createElement('canvas');
              canvas.width = video.videoWidth; canvas.height = video.videoHeight;
              const context = canvas.getContext('2d');
              context.drawImage(video, 0, 0);
              return [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
            }""",
            [x, y],
        )
        return colour[:3]

    async def violations(self) -> list[str]:
        """What the Content-Security-Policy forbade."""
        found: list[str] = await self.page.evaluate("window.__violations")
        return found


class Browsers:
    """Makes guests; closes them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def guest(self, width: int = 1440, height: int = 900, **more: Any) -> Guest:
        """A browser profile that has never been here; `more` goes to Playwright's new_context."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, **more
        )
        await context.add_init_script(NOTE_VIOLATIONS)
        page = await context.new_page()
        guest = Guest(context, page)

        def note(message: ConsoleMessage) -> None:
            if message.type == "error" and "Failed to load resource" not in message.text:
                guest.errors.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: guest.errors.append(str(error)))
        return guest


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise RuntimeError("no Chromium: `make setup` installs it")


@contextlib.asynccontextmanager
async def chromium(
    *arguments: str, prefix: Sequence[str] = (), scratch: Path | None = None
) -> AsyncIterator[Browsers]:
    """Run Chromium for the body.

    `prefix` is a command that runs it elsewhere (`ip netns exec …`); Playwright wants one file to
    execute, which is then written into `scratch`.
    """
    path = os.environ.get("CHROMIUM") or _chromium()
    if prefix:
        if scratch is None:
            raise ValueError("a prefix needs a scratch directory")
        script = scratch / "chromium"
        script.write_text("#!/bin/sh\nexec " + " ".join([*prefix, path]) + ' "$@"\n')
        script.chmod(0o755)
        path = str(script)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*QUIET, *arguments])
        try:
            yield Browsers(browser)
        finally:
            await browser.close()
