"""One page of the browser: what it shows, what it asks, how it is steered. On the CDP loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from functools import cache
from importlib import resources
from typing import Any, Protocol
from urllib.parse import urlsplit

from sessioncast_agent.cdp.asking import Asking
from sessioncast_agent.cdp.connection import Connection, Params
from sessioncast_agent.cdp.guest import BINDING, WORLD, preparations
from sessioncast_agent.cdp.news import TabInfo
from sessioncast_agent.cdp.picture import JPEG_QUALITY
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.prompts import Prompts
from sessioncast_agent.errors import BrowserLost, BrowserRefused

log = logging.getLogger(__name__)

MAX_TITLE_CHARS, MAX_SHOWN_URL_CHARS = 120, 500
RELOADS, RELOADS_IN_S = 3, 60.0  # a page that crashes more often is left for a person to decide


@cache
def script(name: str) -> str:
    """One of the scripts beside this module, as it is."""
    return (resources.files("sessioncast_agent.cdp") / name).read_text("utf-8")


def scripts(event: str) -> tuple[str, str]:
    """The isolated world's and the page's own, with the secret name of the event between them."""
    return (
        script("observer.js").replace("@EVENT@", event),
        script("shim.js").replace("@EVENT@", event),
    )


class TabHost(Protocol):
    """What a tab needs of the session around it."""

    policy: UrlPolicy
    prompts: Prompts
    scripts: tuple[str, str]
    page_only: bool

    def notice(self, text: str) -> None:
        """Tell the operators."""

    def changed(self) -> None:
        """Title, address or state of a tab changed."""

    def hidden(self, tab: Tab) -> None:
        """Somebody else brought another tab to the front."""

    def visible(self, tab: Tab) -> None:
        """Somebody else brought this tab to the front."""

    def page_resized(self, tab: Tab) -> None:
        """The page has got another size, from us or from another DevTools client."""

    def pointer(self, tab: Tab, shape: str, place_css: tuple[float, float] | None) -> None:
        """The page's pointer has this shape, at this place where it is known."""

    def secret(self, tab: Tab) -> None:
        """A password field has got or lost the focus."""

    def copied(self, text: str) -> None:
        """The page put text on the clipboard."""


class Tab:
    """See the module. `session` is empty where the socket belongs to one page alone."""

    def __init__(self, host: TabHost, connection: Connection, info: Params, session: str) -> None:
        self._host, self._connection = host, connection
        self.id: str = info["targetId"]
        self.session = session
        self.context: str = info.get("browserContextId", "")
        self.opener: str = info.get("openerId", "")
        self.title, self.url = "", ""
        self._title_told = False
        self.info_changed(info)
        self.active = self.casting = self.loading = self.crashed = False
        self.can_back = self.can_forward = False
        self.frame_id = ""
        self._worlds: dict[int, str] = {}
        self._secret_worlds: set[object] = set()  # of its own frames and of its guests'
        self._crashes: deque[float] = deque(maxlen=RELOADS + 1)
        self._asking = Asking(self, host.prompts, host.policy, host.notice)
        self._tasks: set[asyncio.Task[None]] = set()

    def info(self) -> TabInfo:
        """As people see it."""
        return TabInfo(
            self.id, self.title[:MAX_TITLE_CHARS], self.url[:MAX_SHOWN_URL_CHARS], self.active,
            self.loading, self.crashed, self.can_back, self.can_forward,
        )  # fmt: skip

    @property
    def origin(self) -> str:
        """Who asks, as people read it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else self.url[:80]

    @property
    def gate(self) -> UrlPolicy:
        """See GuestHost."""
        return self._host.policy

    @property
    def prompts(self) -> Prompts:
        """See GuestHost."""
        return self._host.prompts

    def notice(self, text: str) -> None:
        """See GuestHost."""
        self._host.notice(text)

    @property
    def secret_focused(self) -> bool:
        """Whether a password field has the focus."""
        return bool(self._secret_worlds)

    # -- commands ----------------------------------------------------------------------------

    async def send(self, method: str, params: Params | None = None, **more: float) -> Params:
        """One command to this page."""
        return await self._connection.send(method, params, self.session, **more)

    def post(self, method: str, params: Params | None = None) -> None:
        """One command to this page that nobody waits for."""
        self._connection.post(method, params, self.session)

    def later(self, work: Any) -> None:
        """Run a coroutine; what the browser refuses of it is only logged."""

        async def quietly() -> None:
            try:
                await work
            except (BrowserRefused, BrowserLost) as error:
                log.debug("tab: %s", error)

        task = asyncio.get_running_loop().create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def prepare(self) -> None:
        """Everything that must be in place before the page's first request, in one go."""
        self.post("Inspector.enable")
        for method, params in preparations(self._host.scripts):
            self.post(method, params)
        tree = self.send("Page.getFrameTree")
        self.post("Runtime.runIfWaitingForDebugger")
        frame = (await tree)["frameTree"]["frame"]
        self.frame_id = frame["id"]
        self._arrived(frame.get("url", ""))
        await self._read_history()

    def set_viewport(self, width_css: int, height_css: int, scale: float) -> None:
        """Size and pixel ratio of what the page believes is its window."""
        self.post("Emulation.setDeviceMetricsOverride", {
            "width": width_css, "height": height_css, "deviceScaleFactor": scale, "mobile": False,
        })  # fmt: skip

    def set_focused(self, focused: bool) -> None:
        """Whether the page believes that its window has the focus."""
        self.post("Emulation.setFocusEmulationEnabled", {"enabled": focused})

    def cast(self, on: bool, width_px: int = 0, height_px: int = 0) -> None:
        """Begin or end the screencast; a beginning one sends the present picture at once."""
        if on:
            self.post("Page.startScreencast", {
                "format": "jpeg", "quality": JPEG_QUALITY, "maxWidth": width_px,
                "maxHeight": height_px, "everyNthFrame": 1,
            })  # fmt: skip
        elif self.casting:
            self.post("Page.stopScreencast")
        self.casting = on

    def skip_turn(self) -> None:
        """The page's animation leaves out one turn; see `drain`."""
        self.post("Runtime.evaluate", {"expression": script("skip.js"), "silent": True})

    async def navigate(self, url: str) -> None:
        """Raises BrowserRefused, with the network's reason or the policy's."""
        if refusal := self._host.policy.refusal(url):
            raise BrowserRefused(refusal)
        answer = await self.send("Page.navigate", {"url": url}, timeout_s=20.0)
        text = answer.get("errorText")
        if text and text not in {"net::ERR_ABORTED", "net::ERR_BLOCKED_BY_CLIENT"}:
            raise BrowserRefused(f"the page could not be opened ({text})")

    async def step(self, by: int) -> None:
        """Back or forward in the history."""
        history = await self.send("Page.getNavigationHistory")
        at = history["currentIndex"] + by
        if not 0 <= at < len(history["entries"]):
            raise BrowserRefused("there is no page that way")
        entry = history["entries"][at]
        if refusal := self._host.policy.refusal(entry["url"]):
            raise BrowserRefused(refusal)
        await self.send("Page.navigateToHistoryEntry", {"entryId": entry["id"]})

    async def evaluate_in_world(self, expression: str) -> Any:
        """Run our own code beside the page, as if the user had just acted."""
        world = next((n for n, frame in self._worlds.items() if frame == self.frame_id), None)
        if world is None:
            world = await self._find_world()
        answer = await self.send("Runtime.evaluate", {
            "expression": expression, "contextId": world, "userGesture": True,
            "returnByValue": True, "awaitPromise": True,
        })  # fmt: skip
        return answer.get("result", {}).get("value")

    # -- events ------------------------------------------------------------------------------

    def info_changed(self, info: Params) -> None:
        """What the browser says of the target."""
        self.url = info.get("url", "")
        if not self._title_told:  # the browser's own is sometimes the one before
            self.title = info.get("title", "")

    def event(self, method: str, params: Params) -> None:
        """One event of this page."""
        handler = getattr(self, "_on_" + method.replace(".", "_"), None)
        if handler is not None:
            handler(params)
        else:
            self._asking.event(method, params)

    def closed(self) -> None:
        """The page is gone."""
        for task in self._tasks:
            task.cancel()
        self._host.prompts.withdraw(tab=self.id)

    def _on_Page_frameNavigated(self, params: Params) -> None:  # noqa: N802  # the protocol's name
        frame = params["frame"]
        if frame.get("parentId"):
            return
        self.frame_id = frame["id"]
        self.crashed = self._title_told = False
        self._arrived(frame.get("url", "") + frame.get("urlFragment", ""))
        self._host.prompts.withdraw(tab=self.id)
        if params.get("type") == "BackForwardCacheRestore":
            self.later(self._find_world())
        self.later(self._read_history())

    def _on_Page_navigatedWithinDocument(self, params: Params) -> None:  # noqa: N802
        if params.get("frameId") == self.frame_id:
            self.url = params.get("url", self.url)
            self.later(self._read_history())

    def _on_Page_frameStartedLoading(self, params: Params) -> None:  # noqa: N802
        self._set_loading(params, True)

    def _on_Page_frameStoppedLoading(self, params: Params) -> None:  # noqa: N802
        self._set_loading(params, False)

    def _set_loading(self, params: Params, loading: bool) -> None:
        if params.get("frameId") != self.frame_id or loading is self.loading:
            return
        self.loading = loading
        self._host.changed()

    def _on_Page_screencastVisibilityChanged(self, params: Params) -> None:  # noqa: N802
        if self.active and not params.get("visible", True):
            self._host.hidden(self)

    def _on_Page_frameResized(self, params: Params) -> None:  # noqa: N802
        del params
        if self.active:
            self._host.page_resized(self)

    def _on_Inspector_targetCrashed(self, params: Params) -> None:  # noqa: N802
        del params
        now = asyncio.get_running_loop().time()
        self._crashes.append(now)
        self.crashed, self.casting = True, False
        self._forget_worlds()
        self._host.prompts.withdraw(tab=self.id)
        often = len(self._crashes) > RELOADS and now - self._crashes[0] < RELOADS_IN_S
        log.warning("a page crashed%s", " again and again" if often else " and is loaded again")
        if often:
            self._host.notice("This page crashes again and again; reload it to try once more.")
        else:
            self._host.notice("The page crashed and is loaded again.")
            self.post("Page.reload")
        self._host.changed()

    def _on_Inspector_targetReloadedAfterCrash(self, params: Params) -> None:  # noqa: N802
        del params
        self.crashed = False
        self._host.changed()

    def _on_Runtime_executionContextCreated(self, params: Params) -> None:  # noqa: N802
        context = params["context"]
        if context.get("name") == WORLD:
            self._worlds[context["id"]] = context.get("auxData", {}).get("frameId", "")

    def _on_Runtime_executionContextDestroyed(self, params: Params) -> None:  # noqa: N802
        number = params["executionContextId"]
        self._worlds.pop(number, None)
        self.set_secret(number, False)

    def _on_Runtime_executionContextsCleared(self, params: Params) -> None:  # noqa: N802
        del params
        self._forget_worlds()

    def _on_Runtime_bindingCalled(self, params: Params) -> None:  # noqa: N802
        world = params["executionContextId"]
        if params.get("name") != BINDING or world not in self._worlds:
            return
        try:
            self.told(world, json.loads(params["payload"]))
        except (ValueError, TypeError, IndexError, KeyError) as error:
            log.debug("the observer's message makes no sense: %r", error)

    def told(self, world: object, message: list[Any]) -> None:
        """See GuestHost."""
        match message:
            case ["pointer", str(shape), x, y]:
                place = (float(x), float(y)) if x is not None and y is not None else None
                self._host.pointer(self, shape, place)
            case ["visible"]:
                if not self.active:
                    self._host.visible(self)
            case ["title", str(title)]:
                self.title, self._title_told = title, True
                self._host.changed()
            case ["secret", bool(focused)]:
                self.set_secret(world, focused)
            case ["copied", str(text)]:
                self._host.copied(text)
            case ["ask", str(number), str(name)] if isinstance(world, int):
                self._asking.permission(world, number, name)

    # -- helpers -----------------------------------------------------------------------------

    def _arrived(self, url: str) -> None:
        self.url = url
        refusal = self._host.policy.refusal(url)
        if refusal and not url.startswith("chrome-error:"):
            log.info("a refused address was left again")
            self._host.notice(f"This page was left again: {refusal}.")
            self.post("Page.navigate", {"url": "about:blank"})
        self._host.changed()

    def _forget_worlds(self) -> None:
        had_secret = bool(self._secret_worlds)
        self._worlds.clear()
        self._secret_worlds.clear()
        if had_secret:
            self._host.secret(self)

    def set_secret(self, world: object, focused: bool) -> None:
        """See GuestHost."""
        before = bool(self._secret_worlds)
        (self._secret_worlds.add if focused else self._secret_worlds.discard)(world)
        if before is not bool(self._secret_worlds):
            self._host.secret(self)

    async def _find_world(self) -> int:
        """Our world in the main frame; a page out of the cache for going back does not tell it."""
        found = await self.send(
            "Page.createIsolatedWorld", {"frameId": self.frame_id, "worldName": WORLD}
        )
        number: int = found["executionContextId"]
        self._worlds[number] = self.frame_id
        answer = await self.send("Runtime.evaluate", {
            "expression": "document.title", "contextId": number, "returnByValue": True,
        })  # fmt: skip
        self.title, self._title_told = str(answer.get("result", {}).get("value") or ""), True
        self._host.changed()
        return number

    async def _read_history(self) -> None:
        history = await self.send("Page.getNavigationHistory")
        at, entries = history["currentIndex"], history["entries"]
        self.can_back, self.can_forward = at > 0, at + 1 < len(entries)
        self._host.changed()
