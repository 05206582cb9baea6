"""A browser behind the `SessionBackend` interface: one thread with a loop, everything on it.

Thread: `sc-cdp`. One socket carries pictures, input, cursor and clipboard, so it is one loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sessioncast_agent.backend import BackendEvents
from sessioncast_agent.cdp.address import CdpAddress
from sessioncast_agent.cdp.commands import answer_prompt
from sessioncast_agent.cdp.driver import Driver
from sessioncast_agent.cdp.news import Answer, Download, News, Prompt
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.screen import Viewport
from sessioncast_agent.errors import BrowserRefused, CannotStart, CaptureFailed
from sessioncast_agent.inputs import Clip, InputEvent
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

START_PATIENCE_S = 10.0  # a browser that starts beside us takes a few seconds
T = TypeVar("T")


class CdpBackend:
    """A browser. `news` may be set before `start`; it is called on the CDP thread."""

    def __init__(
        self,
        address: CdpAddress,
        policy: UrlPolicy,
        viewport: Viewport,
        *,
        fps: int,
        usage: UsageMeter,
        events: BackendEvents,
        embed_pointer: bool = False,
    ) -> None:
        self._embed_pointer = embed_pointer
        self._address, self._policy, self._viewport = address, policy, viewport
        self._fps, self._usage, self._events = fps, usage, events
        self.news: Callable[[News], None] = lambda _: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._driver: Driver | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._frames: LatestSlot[RawFrame] | None = None
        self._fps_cap = 0.0
        self._thread = threading.Thread(target=self._run, name="sc-cdp", daemon=True)

    # -- SessionBackend ----------------------------------------------------------------------

    def start(self, frames: LatestSlot[RawFrame]) -> None:
        """See SessionBackend; a browser that is not there yet is waited for a moment."""
        self._frames = frames
        self._thread.start()
        deadline = time.monotonic() + START_PATIENCE_S
        self._ready.wait(START_PATIENCE_S)
        driver = self._driver
        while driver is not None and time.monotonic() < deadline:
            if driver.connected.is_set():
                return
            time.sleep(0.05)
        reason = "its thread did not start" if driver is None else driver.last_error
        raise CannotStart(reason)

    def set_watched(self, watched: bool) -> None:
        """See SessionBackend."""
        self._soon(lambda driver: driver.screen.set_watched(watched))

    def set_fps_cap(self, fps: float) -> None:
        """See SessionBackend."""
        if fps != self._fps_cap and self._soon(lambda driver: driver.screen.set_fps_cap(fps)):
            self._fps_cap = fps  # told with every picture; a wake-up of the loop each would be dear

    def snapshot(self) -> Future[RawFrame]:
        """See SessionBackend."""
        future: Future[RawFrame] = Future()
        if not self._soon(lambda driver: driver.snapshot(future)):
            future.set_exception(CaptureFailed("the browser session stops"))
        return future

    def inject(self, events: Sequence[InputEvent]) -> None:
        """See SessionBackend."""
        self._soon(lambda driver: driver.input.put(events))

    def release_all(self) -> None:
        """See SessionBackend."""
        self._soon(lambda driver: driver.input.release())

    def set_clipboard(self, clip: Clip) -> Future[None]:
        """See SessionBackend."""
        return self._call(lambda driver: driver.set_clipboard(clip))

    def resize(self, width_px: int, height_px: int) -> Future[tuple[int, int]]:
        """See SessionBackend."""

        async def resize(driver: Driver) -> tuple[int, int]:
            return driver.screen.resize(width_px, height_px)

        return self._call(resize)

    def secret_focus(self) -> bool | None:
        """See SessionBackend."""
        driver = self._driver
        return None if driver is None or not driver.state.live else driver.secret_focused

    def title(self) -> str:
        """See SessionBackend."""
        driver = self._driver
        tabs = None if driver is None else driver.tabs
        tab = None if tabs is None else tabs.active
        return "" if tab is None else tab.info().title

    def check(self) -> None:
        """See SessionBackend; the connection watches over itself."""

    def stop(self, timeout_s: float) -> None:
        """See SessionBackend."""
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(stopping.set)
            except RuntimeError:  # it closed just now
                log.debug("the browser's loop is closed already")
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("the browser's thread did not end in time and is abandoned")

    # -- what only a browser has -------------------------------------------------------------

    def command(self, name: str, arguments: dict[str, Any]) -> Future[dict[str, Any]]:
        """One of `commands.COMMANDS`. BrowserRefused or BadArguments in the future."""
        return self._call(lambda driver: driver.command(name, arguments))

    def answer(self, number: str, answer: Answer) -> Future[dict[str, Any]]:
        """An operator answers a prompt. BrowserRefused in the future."""
        return self._call(lambda driver: answer_prompt(driver, number, answer))

    def waiting(self) -> Future[tuple[tuple[Prompt, ...], tuple[Download, ...]]]:
        """What waits for an answer, and what was downloaded."""

        async def waiting(driver: Driver) -> tuple[tuple[Prompt, ...], tuple[Download, ...]]:
            return driver.prompts.waiting, driver.downloads.list

        return self._call(waiting)

    def download(self, number: str) -> Future[tuple[Download, Path]]:
        """A finished download's file. BrowserRefused in the future."""

        async def download(driver: Driver) -> tuple[Download, Path]:
            return driver.downloads.file(number)

        return self._call(download)

    # -- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        self._usage.own_thread("capture")
        try:
            asyncio.run(self._main())
        finally:
            self._ready.set()
            self._usage.thread_ended()

    async def _main(self) -> None:
        frames = self._frames
        if frames is None:
            return
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._driver = Driver(
            self._address, self._policy, self._viewport, fps=self._fps, usage=self._usage,
            events=self._events, tell=self.news, frames=frames,
            embed_pointer=self._embed_pointer,
        )  # fmt: skip
        self._ready.set()
        running = self._loop.create_task(self._driver.run())
        stopping = self._loop.create_task(self._stopping.wait())
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopping):
            task.cancel()
        results = await asyncio.gather(running, stopping, return_exceptions=True)
        if isinstance(results[0], Exception):
            log.error("the browser session failed: %r", results[0])

    def _soon(self, work: Callable[[Driver], None]) -> bool:
        """Run on the CDP thread; False when there is none (any more)."""
        loop, driver = self._loop, self._driver
        if loop is None or driver is None or loop.is_closed():
            return False
        try:
            loop.call_soon_threadsafe(work, driver)
        except RuntimeError:  # it closed just now
            return False
        return True

    def _call(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> Future[T]:
        future: Future[T] = Future()

        def begin(driver: Driver) -> None:
            task = asyncio.get_running_loop().create_task(work(driver))
            task.add_done_callback(done)

        def done(task: asyncio.Task[T]) -> None:
            if not future.set_running_or_notify_cancel():
                return
            if task.cancelled():
                future.set_exception(BrowserRefused("the browser session stops"))
            elif error := task.exception():
                future.set_exception(error)
            else:
                future.set_result(task.result())

        if not self._soon(begin):
            future.set_exception(BrowserRefused("the browser session stops"))
        return future
