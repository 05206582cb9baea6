"""The browser session on its own loop: connects, connects again, and puts the parts together.

Everything here runs on the CDP thread; `CdpBackend` is how the others speak to it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import aiohttp

from sessioncast_agent.backend import BackendEvents, BackendState, CursorPosition
from sessioncast_agent.cdp.address import CdpAddress
from sessioncast_agent.cdp.commands import clipboard_script, image_script, run_command
from sessioncast_agent.cdp.connection import Connection, Params
from sessioncast_agent.cdp.cursor import HIDDEN, cursor_image, known_shape
from sessioncast_agent.cdp.discovery import find_endpoint
from sessioncast_agent.cdp.downloads import Downloads
from sessioncast_agent.cdp.embedded import PointerPainter
from sessioncast_agent.cdp.input import InputPump, InputTranslator
from sessioncast_agent.cdp.news import News, Notice, SecretFocus, TabsChanged
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.prompts import Prompts
from sessioncast_agent.cdp.screen import Screen, Viewport
from sessioncast_agent.cdp.tab import Tab, scripts
from sessioncast_agent.cdp.tabs import Tabs
from sessioncast_agent.errors import BrowserLost, BrowserRefused
from sessioncast_agent.inputs import Clip
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

RETRY_S = 0.5
CLAIM_INTERVAL_S = 1.0
TOLD_INTERVAL_S = 0.1  # titles and addresses change in bursts


def _no_redirect(*_: object) -> None:
    raise BrowserLost("the DevTools address redirects elsewhere; that is not followed")


class Driver:
    """See the module. Made on its loop; `run` connects until it is cancelled."""

    def __init__(
        self,
        address: CdpAddress,
        policy: UrlPolicy,
        viewport: Viewport,
        *,
        fps: int,
        usage: UsageMeter,
        events: BackendEvents,
        tell: Callable[[News], None],
        frames: LatestSlot[RawFrame],
        embed_pointer: bool = False,
    ) -> None:
        self._address, self._events, self.tell = address, events, tell
        self.policy, self.page_only = policy, address.page
        self.scripts = scripts("sc" + secrets.token_hex(8))
        self.prompts = Prompts(tell)
        self.downloads = Downloads(tell, local=address.loopback and not address.page)
        self.state = BackendState(live=False, size_px=viewport.size_px)
        self._painter = PointerPainter() if embed_pointer else None
        self.screen = Screen(
            viewport, fps=fps, usage=usage, frames=frames, resized=self._resized,
            local=address.loopback, painter=self._painter,
        )  # fmt: skip
        self.input = InputPump(InputTranslator(), self._post_input)
        self._resized(viewport.size_px, viewport.scale)
        self.tabs: Tabs | None = None
        self.connected = asyncio.Event()
        self.last_error = f"no browser answers at {address.place}"
        self._connection: Connection | None = None
        self._cursor: CursorPosition | None = None
        self._shape = ""
        self._claim_at = 0.0
        self.secret_focused = False
        self._told: tuple[Any, ...] = ()
        self._tell_timer: asyncio.TimerHandle | None = None

    # -- the connection ----------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        trace = aiohttp.TraceConfig()

        async def redirected(*_: object) -> None:
            _no_redirect()

        trace.on_request_redirect.append(redirected)
        pump = asyncio.get_running_loop().create_task(self.input.run())
        try:
            async with aiohttp.ClientSession(trace_configs=[trace]) as http:
                failed = False
                while True:
                    try:
                        await self._serve(http, given_failed=failed)
                    except BrowserLost as error:
                        failed = not failed or self._connection is not None
                        self._gone(error)
                    except Exception as error:
                        log.exception("the browser session failed and starts again")
                        self._gone(BrowserLost(f"the browser session failed: {error!r}"))
                    await asyncio.sleep(RETRY_S)
        finally:
            pump.cancel()
            self.downloads.close()
            await asyncio.gather(pump, return_exceptions=True)

    async def _serve(self, http: aiohttp.ClientSession, *, given_failed: bool) -> None:
        endpoint = await find_endpoint(http, self._address, given_failed=given_failed)
        connection = await Connection.open(
            http, endpoint, on_event=self._event, on_picture=self._picture
        )
        self._connection = connection
        reading = asyncio.get_running_loop().create_task(connection.run())
        try:
            self.tabs = Tabs(self, connection, self._shown)
            if not self.page_only:
                self.downloads.connected(connection)
            try:
                await self.tabs.start()
            except BrowserRefused as error:
                raise BrowserLost(str(error)) from error
            log.info("connected to the browser at %s", self._address.place)
            self.connected.set()
            self._report(BackendState(True, self.screen.size_px))
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _gone(self, error: BrowserLost) -> None:
        self.last_error = str(error)
        self._connection = None
        if self.tabs is not None:
            self.tabs.stop()
            self.tabs = None
        self.prompts.clear()
        self.screen.show(None)
        if self.state.live:
            log.warning("browser lost, tried again twice a second: %s", error)
            self._report(BackendState(False, self.state.size_px, str(error)))
            self.secret(None)
            self.changed()

    def _report(self, state: BackendState) -> None:
        if state != self.state:
            self.state = state
            self._events.state(state)

    def _event(self, method: str, params: Params, session: str) -> None:
        if method.startswith("Browser.download"):
            self.downloads.event(method, params)
        elif self.tabs is not None:
            self.tabs.event(method, params, session)

    def _picture(self, jpeg: bytes, params: Params, session: str) -> None:
        connection = self._connection
        if connection is None:
            return
        tab = None if self.tabs is None else self.tabs.of_session(session)
        acknowledge = {"sessionId": params["sessionId"]}

        def answer() -> None:
            connection.post("Page.screencastFrameAck", acknowledge, session)

        if tab is None or not tab.active:
            answer()
            return
        self.screen.picture(jpeg, params.get("metadata", {}), answer)
        self.input.resume()

    # -- what the tabs tell (TabHost) ----------------------------------------------------------

    def notice(self, text: str) -> None:
        """See TabHost."""
        self.tell(Notice(text))

    def changed(self) -> None:
        """See TabHost; told at most ten times a second, and only when it differs."""
        if self._tell_timer is None:
            loop = asyncio.get_running_loop()
            self._tell_timer = loop.call_later(TOLD_INTERVAL_S, self._tell_tabs)

    def _tell_tabs(self) -> None:
        self._tell_timer = None
        infos = () if self.tabs is None else tuple(tab.info() for tab in self.tabs.all)
        if infos != self._told:
            self._told = infos
            self.tell(TabsChanged(infos))

    def hidden(self, tab: Tab) -> None:
        """See TabHost."""
        if self.tabs is not None:
            tab.later(self.tabs.follow_front(tab))

    def visible(self, tab: Tab) -> None:
        """See TabHost."""
        if self.tabs is not None:
            self.tabs.show(tab)

    def page_resized(self, tab: Tab) -> None:
        """See TabHost."""
        tab.later(self.screen.keep(tab))

    def pointer(self, tab: Tab, shape: str, place_css: tuple[float, float] | None) -> None:
        """See TabHost."""
        if not tab.active:
            return
        scale = self.screen.scale
        place = self.input.translator.place_px
        if place_css is not None:
            place = (round(place_css[0] * scale), round(place_css[1] * scale))
        visible = shape != HIDDEN
        if self._painter is not None:  # then nothing else tells of the pointer
            self._painter.move(place, known_shape(shape) if visible else "")
            self.screen.pointer_moved()
            return
        if visible:
            shape = known_shape(shape)
            if shape != self._shape:
                self._shape = shape
                self._events.cursor_image(cursor_image(shape))
        now = CursorPosition(*place, f"css-{self._shape}" if self._shape else "", visible)
        if now != self._cursor:
            self._cursor = now
            self._events.cursor_position(now)

    def secret(self, tab: Tab | None) -> None:
        """See TabHost."""
        focused = tab is not None and tab.active and tab.secret_focused
        if focused is not self.secret_focused:
            self.secret_focused = focused
            self.tell(SecretFocus(focused))

    def copied(self, text: str) -> None:
        """See TabHost."""
        self._events.clipboard(Clip("text/plain", text.encode()))

    # -- what the session asks -----------------------------------------------------------------

    def _shown(self, tab: Tab | None) -> None:
        self.input.hold()
        self.screen.show(tab)
        self.secret(tab)
        self._cursor = None

    def _resized(self, size_px: tuple[int, int], scale: float) -> None:
        translator = self.input.translator
        translator.size_px, translator.scale = size_px, scale
        if self.state.live:
            self._report(BackendState(True, size_px))

    def _post_input(self, method: str, params: Params) -> asyncio.Future[Any] | None:
        tab = None if self.tabs is None else self.tabs.active
        if tab is None or self._connection is None:
            return None
        if params.get("type") in {"mousePressed", "keyDown", "rawKeyDown"}:
            self._claim_downloads()
        if params.get("type") not in {"mouseMoved", "mouseWheel"}:
            tab.post(method, params)
            return None
        sending = asyncio.get_running_loop().create_task(tab.send(method, params))
        sending.add_done_callback(lambda task: task.cancelled() or task.exception())
        return sending

    def _claim_downloads(self) -> None:
        """What an operator's act downloads is the operator's; what an automation's, its own."""
        now = asyncio.get_running_loop().time()
        if not self.page_only and now >= self._claim_at:
            self._claim_at = now + CLAIM_INTERVAL_S
            self.downloads.claim()

    async def set_clipboard(self, clip: Clip) -> None:
        """Raises BrowserRefused."""
        tab = None if self.tabs is None else self.tabs.active
        if tab is None:
            raise BrowserRefused("no page is open")
        if clip.mime == "image/png":
            done = await tab.evaluate_in_world(image_script(clip.data))
            if done is False:
                raise BrowserRefused("a page without HTTPS takes only text into its clipboard")
            if not done:
                raise BrowserRefused("the page did not let the picture into the clipboard")
            return
        if clip.mime != "text/plain":
            raise BrowserRefused("a browser session takes text and PNG into its clipboard")
        script = clipboard_script(clip.data.decode("utf-8", "replace"))
        if not await tab.evaluate_in_world(script):
            raise BrowserRefused("the page did not let the text into the clipboard")

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One request of an operator; see `commands`. Raises BrowserRefused."""
        if self.tabs is None:
            raise BrowserRefused("the browser is away; it is tried again")
        self._claim_downloads()
        return await run_command(self, name, arguments)

    def snapshot(self, future: Future[RawFrame]) -> None:
        """The present picture."""
        self.screen.snapshot(future)
