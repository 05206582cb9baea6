"""A frame of another site inside a page, which lives in a process of its own. On the CDP loop.

DevTools gives such a frame a session of its own: what the page's session arranges (the policy's
gate, what is asked of operators, pointer and password focus) is arranged here once more.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol
from urllib.parse import urlsplit

from sessioncast_agent.cdp.asking import Asking
from sessioncast_agent.cdp.connection import Connection, Params
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.prompts import Prompts

log = logging.getLogger(__name__)

WORLD = "sessioncast"
BINDING = "sessioncastTell"
ATTACH_FRAMES: Params = {
    "autoAttach": True,
    "waitForDebuggerOnStart": True,
    "flatten": True,
    "filter": [{"type": "iframe"}],
}


def preparations(scripts: tuple[str, str]) -> list[tuple[str, Params]]:
    """What must be in place before the first request of a page or of such a frame."""
    observer, shim = scripts
    return [
        ("Page.enable", {}),
        ("Runtime.enable", {}),
        ("Runtime.addBinding", {"name": BINDING, "executionContextName": WORLD}),
        ("Page.addScriptToEvaluateOnNewDocument",
         {"source": observer, "worldName": WORLD, "runImmediately": True}),
        ("Page.addScriptToEvaluateOnNewDocument", {"source": shim, "runImmediately": True}),
        ("Page.setInterceptFileChooserDialog", {"enabled": True}),
        # documents only: the policy's gate costs the page's other requests nothing
        ("Fetch.enable", {
            "patterns": [{"urlPattern": "*", "resourceType": "Document"}],
            "handleAuthRequests": True,
        }),
        ("Target.setAutoAttach", ATTACH_FRAMES),
    ]  # fmt: skip


class GuestHost(Protocol):
    """The tab around it."""

    id: str
    context: str

    @property
    def gate(self) -> UrlPolicy:
        """Which addresses may be opened."""

    @property
    def prompts(self) -> Prompts:
        """Where questions go."""

    def notice(self, text: str) -> None:
        """Tell the operators."""

    def later(self, work: Any) -> None:
        """Run it beside."""

    def told(self, world: object, message: list[Any]) -> None:
        """What the observer of any frame says."""

    def set_secret(self, world: object, focused: bool) -> None:
        """A password field of this world has or has lost the focus."""


class Guest:
    """See the module."""

    def __init__(self, tab: GuestHost, connection: Connection, info: Params, session: str) -> None:
        self._tab, self._connection, self.session = tab, connection, session
        self.id, self.context = tab.id, tab.context
        self._url: str = info.get("url", "")
        self._worlds: set[int] = set()
        self._asking = Asking(self, tab.prompts, tab.gate, tab.notice)

    @property
    def tab(self) -> GuestHost:
        """The tab around it."""
        return self._tab

    @property
    def origin(self) -> str:
        """Who asks, as people read it."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else self._url[:80]

    async def send(self, method: str, params: Params | None = None, **more: float) -> Params:
        """One command to this frame."""
        return await self._connection.send(method, params, self.session, **more)

    def post(self, method: str, params: Params | None = None) -> None:
        """One command to this frame that nobody waits for."""
        self._connection.post(method, params, self.session)

    def later(self, work: Any) -> None:
        """See AskingTab."""
        self._tab.later(work)

    def prepare(self, scripts: tuple[str, str]) -> None:
        """Everything before its first request."""
        for method, params in preparations(scripts):
            self.post(method, params)
        self.post("Runtime.runIfWaitingForDebugger")

    def event(self, method: str, params: Params) -> None:
        """One event of this frame."""
        match method:
            case "Page.frameNavigated":
                self._url = params["frame"].get("url", "")
            case "Runtime.executionContextCreated":
                if params["context"].get("name") == WORLD:
                    self._worlds.add(params["context"]["id"])
            case "Runtime.executionContextDestroyed":
                self._forget(params["executionContextId"])
            case "Runtime.executionContextsCleared":
                self.closed()
            case "Runtime.bindingCalled":
                self._called(params)
            case _:
                self._asking.event(method, params)

    def _called(self, params: Params) -> None:
        world = params["executionContextId"]
        if params.get("name") != BINDING or world not in self._worlds:
            return
        try:
            message = json.loads(params["payload"])
            match message:
                case ["ask", str(number), str(name)]:
                    self._asking.permission(world, number, name)
                case ["pointer" | "secret" | "copied", *_]:
                    self._tab.told((self.session, world), message)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            log.debug("a frame's observer makes no sense: %r", error)

    def _forget(self, world: int) -> None:
        self._worlds.discard(world)
        self._tab.set_secret((self.session, world), False)

    def closed(self) -> None:
        """It is gone, or shows another document."""
        for world in list(self._worlds):
            self._forget(world)
