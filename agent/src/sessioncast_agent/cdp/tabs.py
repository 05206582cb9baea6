"""All tabs of the browser, and which of them is shown. On the CDP loop.

A new tab or pop-up is followed, as in any browser; when the shown one closes, its opener or the one
shown before it comes back; a browser never stays without a tab.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from sessioncast_agent.cdp.connection import Connection, Params
from sessioncast_agent.cdp.guest import Guest
from sessioncast_agent.cdp.tab import Tab, TabHost
from sessioncast_agent.errors import BrowserLost, BrowserRefused

log = logging.getLogger(__name__)

MAX_TABS = 30
SETTLE_S = 0.3
ATTACH_WAIT_S = 3.0
_PAGES = [{"type": "page"}]


class Tabs:
    """See the module. `shown` is called with the tab that is shown from now on, or None."""

    def __init__(
        self, host: TabHost, connection: Connection, shown: Callable[[Tab | None], None]
    ) -> None:
        self._host, self._connection, self._shown = host, connection, shown
        self._by_session: dict[str, Tab] = {}
        self._guests: dict[str, Guest] = {}  # frames of other sites, by their session
        self._order: list[Tab] = []  # by their last showing
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready: dict[str, asyncio.Event] = {}  # by target: prepared for its first request
        self._settled = False
        self.switching = asyncio.Lock()  # held while which tab is shown is being changed
        self.active: Tab | None = None

    @property
    def all(self) -> Iterable[Tab]:
        """In the order of their coming."""
        return self._by_session.values()

    async def start(self) -> None:
        """Attach to every page and show the one in front. Raises BrowserLost."""
        if self._host.page_only:
            info = (await self._connection.send("Target.getTargetInfo"))["targetInfo"]
            tab = self._add(info, "")
            await tab.prepare()
            self.show(tab)
            return
        await self._connection.send(
            "Target.setDiscoverTargets", {"discover": True, "filter": _PAGES}
        )
        await self._connection.send("Target.setAutoAttach", {
            "autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": _PAGES,
        })  # fmt: skip
        await asyncio.sleep(SETTLE_S / 3)
        if not self._by_session:
            await self._connection.send("Target.createTarget", {"url": "about:blank"})
            await asyncio.sleep(SETTLE_S)
        self._settled = True
        if front := await self._in_front():
            self.show(front)

    def event(self, method: str, params: Params, session: str) -> bool:
        """One event; False when it is nobody's here."""
        match method:
            case "Target.attachedToTarget":
                self._attached(params, session)
            case "Target.detachedFromTarget":
                gone = params.get("sessionId", "")
                if guest := self._guests.pop(gone, None):
                    guest.closed()
                else:
                    self._gone(self._by_session.get(gone))
            case "Target.targetInfoChanged":
                info = params["targetInfo"]
                for tab in self.all:
                    if tab.id == info["targetId"]:
                        tab.info_changed(info)
                        self._host.changed()
            case _:
                place = self._by_session.get(session) or self._guests.get(session)
                if place is None:
                    return False
                place.event(method, params)
        return True

    def find(self, number: str) -> Tab:
        """Raises BrowserRefused."""
        for tab in self.all:
            if tab.id == number:
                return tab
        raise BrowserRefused("there is no such tab")

    def of_session(self, session: str) -> Tab | None:
        """The tab of a session."""
        return self._by_session.get(session)

    def show(self, tab: Tab) -> None:
        """Bring a tab to the front and show it."""
        before, self.active = self.active, tab
        if before is not None and before is not tab:
            before.active = False
            before.cast(False)
            before.set_focused(False)
        tab.active = True
        if tab in self._order:
            self._order.remove(tab)
        self._order.append(tab)
        if not self._host.page_only:
            self._connection.post("Target.activateTarget", {"targetId": tab.id})
        tab.set_focused(True)
        self._shown(tab)
        self._host.changed()

    async def follow_front(self, hidden: Tab) -> None:
        """Somebody else at the browser shows another tab: show that too."""
        await asyncio.sleep(SETTLE_S)
        if hidden is not self.active:
            return
        hidden.set_focused(False)
        front = await self._in_front()
        if front is not None and self.active is hidden:
            self.show(front)

    async def open(self, url: str) -> None:
        """A new tab, shown when this returns. Raises BrowserRefused."""
        self._not_alone()
        if refusal := self._host.policy.refusal(url):
            raise BrowserRefused(refusal)
        if len(self._by_session) >= MAX_TABS:
            raise BrowserRefused(f"there are {MAX_TABS} tabs already; close some")
        params: dict[str, Any] = {"url": url}
        if self.active is not None and self.active.context:
            params["browserContextId"] = self.active.context
        try:
            made = await self._connection.send("Target.createTarget", params)
        except BrowserRefused:  # the default context has an id that must not be named
            made = await self._connection.send("Target.createTarget", {"url": url})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ATTACH_WAIT_S):
                await self._ready_event(made["targetId"]).wait()

    async def close(self, tab: Tab) -> None:
        """Ask a tab to close; the last one leaves a blank one behind. Raises BrowserRefused."""
        self._not_alone()
        if len(self._by_session) == 1:
            await self._connection.send("Target.createTarget", {"url": "about:blank"})
        await self._connection.send("Target.closeTarget", {"targetId": tab.id})

    def stop(self) -> None:
        """The connection is gone."""
        for task in self._tasks:
            task.cancel()
        for tab in list(self.all):
            tab.closed()
        self._by_session.clear()
        self._ready.clear()
        self.active = None

    # -- helpers -----------------------------------------------------------------------------

    def _ready_event(self, target: str) -> asyncio.Event:
        return self._ready.setdefault(target, asyncio.Event())

    def _not_alone(self) -> None:
        if self._host.page_only:
            raise BrowserRefused("this session is one page; give the browser's address for tabs")

    def _add(self, info: Params, session: str) -> Tab:
        tab = self._by_session[session] = Tab(self._host, self._connection, info, session)
        self._order.insert(0, tab)
        return tab

    def _attached(self, params: Params, parent: str) -> None:
        info, session = params["targetInfo"], params["sessionId"]
        above = self._guests.get(parent)
        tab_around = above.tab if above is not None else self._by_session.get(parent)
        if info.get("type") == "iframe" and tab_around is not None:
            guest = self._guests[session] = Guest(tab_around, self._connection, info, session)
            guest.prepare(self._host.scripts)
            return
        if info.get("type") != "page" or info.get("subtype"):
            self._connection.post("Runtime.runIfWaitingForDebugger", {}, session)
            return
        tab = self._add(info, session)
        new = self._settled

        async def prepare() -> None:
            try:
                await tab.prepare()
            except (BrowserRefused, BrowserLost) as error:
                log.debug("a new tab was not ready: %s", error)
            self._ready_event(tab.id).set()

        self._run(prepare())
        if new:
            self.show(tab)
        self._host.changed()

    def _gone(self, tab: Tab | None) -> None:
        if tab is None:
            return
        self._by_session.pop(tab.session, None)
        for session, guest in list(self._guests.items()):
            if guest.tab is tab:
                del self._guests[session]
        self._ready.pop(tab.id, None)
        if tab in self._order:
            self._order.remove(tab)
        tab.closed()
        if tab is self.active:
            self.active = None
            opener = next((other for other in self.all if other.id == tab.opener), None)
            following = opener or (self._order[-1] if self._order else None)
            if following is not None:
                self.show(following)
            else:
                self._shown(None)
                self._connection.post("Target.createTarget", {"url": "about:blank"})
        self._host.changed()

    async def _in_front(self) -> Tab | None:
        """The tab that is visible in its window; any, when none or each says so."""
        for tab in list(self.all):
            try:
                answer = await tab.send(
                    "Runtime.evaluate", {"expression": "document.visibilityState"}, timeout_s=1.0
                )
            except BrowserRefused:
                continue
            if answer.get("result", {}).get("value") == "visible" and tab is not self.active:
                return tab
        return next(iter(self.all), None) if self.active is None else None

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
