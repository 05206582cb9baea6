"""What a page asks of its user, put to the operator instead. On the CDP loop, one per tab."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from urllib.parse import urlsplit

from sessioncast_agent.cdp.connection import Params
from sessioncast_agent.cdp.news import Answer, Upload
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.prompts import Deliver, Prompts

log = logging.getLogger(__name__)

MAX_UPLOAD_BYTES = 32_000_000
# the page's name of a permission → the browser's
PERMISSIONS = {
    "notifications": ("notifications", "show notifications"),
    "geolocation": ("geolocation", "know where this browser is"),
    "camera": ("videoCapture", "use a camera"),
    "microphone": ("audioCapture", "use a microphone"),
    "clipboard-read": ("clipboardReadWrite", "read the clipboard"),
    "midi": ("midi", "use MIDI devices"),
}

# gives files to an <input type=file>, also where browser and agent share no disk
_SET_FILES = """async function (files) {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  this.files = transfer.files;
  this.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
  this.dispatchEvent(new Event('change', { bubbles: true }));
}"""


class AskingTab(Protocol):
    """The tab that asks."""

    id: str
    session: str
    context: str

    @property
    def origin(self) -> str:
        """Who asks."""

    async def send(self, method: str, params: Params | None = None, **more: float) -> Params:
        """One command to the page."""

    def post(self, method: str, params: Params | None = None) -> None:
        """One command that nobody waits for."""

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside."""


class Asking:
    """Turns the page's questions into prompts and the answers into commands."""

    def __init__(
        self, tab: AskingTab, prompts: Prompts, policy: UrlPolicy, notice: Callable[[str], None]
    ) -> None:
        self._tab, self._prompts, self._policy, self._notice = tab, prompts, policy, notice
        self._tried: dict[str, int] = {}

    def event(self, method: str, params: Params) -> None:
        """One event of the page that may be a question."""
        match method:
            case "Page.javascriptDialogOpening":
                self._dialog(params)
            case "Page.javascriptDialogClosed":
                self._prompts.withdraw(tab=self._tab.id, kind="dialog")
            case "Page.fileChooserOpened":
                self._file_chooser(params)
            case "Fetch.requestPaused":
                self._request(params)
            case "Fetch.authRequired":
                self._auth(params)

    def permission(self, world: int, number: str, name: str) -> None:
        """The page's script would ask for a permission."""
        known = PERMISSIONS.get(name)

        async def deliver(answer: Answer) -> None:
            granted = answer.accept and known is not None
            if known is not None:
                await self._set_permission(name, granted)
            await self._tab.send("Runtime.evaluate", {
                "expression": f"sessioncastAnswer({json.dumps(number)}, {json.dumps(granted)})",
                "contextId": world,
            })  # fmt: skip

        if known is None:
            self._tab.later(deliver(Answer(accept=False)))
            return
        self._ask("permission", known[1], deliver)

    async def _set_permission(self, name: str, granted: bool) -> None:
        names = {"notifications": "notifications", "clipboard-read": "clipboard-read"}
        params: Params = {
            "permission": {"name": names.get(name, name)},
            "setting": "granted" if granted else "denied",
            "origin": self._tab.origin,
        }
        if self._tab.context:
            params["browserContextId"] = self._tab.context
        await self._tab.send("Browser.setPermission", params)

    def _ask(self, kind: str, text: str, deliver: Deliver, **more: Any) -> str:
        origin = more.pop("origin", self._tab.origin)
        return self._prompts.open(
            kind=kind, tab=self._tab.id, origin=origin, text=text, deliver=deliver, **more
        )

    def _dialog(self, params: Params) -> None:
        async def deliver(answer: Answer) -> None:
            await self._tab.send("Page.handleJavaScriptDialog", {
                "accept": answer.accept, "promptText": answer.text,
            })  # fmt: skip

        kind = params.get("type", "alert")
        if kind not in {"alert", "confirm", "prompt", "beforeunload"}:
            kind = "alert"
        text = params.get("message", "")
        if kind == "beforeunload":
            text = "Leave this page? Changes may not be saved."
        self._ask(kind, text, deliver, default=params.get("defaultPrompt") or "")

    def _file_chooser(self, params: Params) -> None:
        node = params.get("backendNodeId")

        async def deliver(answer: Answer) -> None:
            if node is None or not answer.accept or not answer.files:
                return  # a chooser that is closed without a choice tells the page nothing
            found = await self._tab.send("DOM.resolveNode", {"backendNodeId": node})
            await self._tab.send("Runtime.callFunctionOn", {
                "objectId": found["object"]["objectId"],
                "functionDeclaration": _SET_FILES,
                "arguments": [{"value": [_packed(file) for file in answer.files]}],
                "awaitPromise": True,
                "userGesture": True,
            }, timeout_s=30.0)  # fmt: skip

        multiple = params.get("mode") == "selectMultiple"
        what = "files" if multiple else "a file"
        self._ask("file", f"The page asks for {what}.", deliver, multiple=multiple)

    def _request(self, params: Params) -> None:
        request = params["requestId"]
        refusal = self._policy.refusal(params["request"]["url"])
        if refusal is None:
            self._tab.post("Fetch.continueRequest", {"requestId": request})
            return
        self._tab.post(
            "Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"}
        )
        self._notice(f"Not opened: {refusal}.")

    def _auth(self, params: Params) -> None:
        request, challenge = params["requestId"], params.get("authChallenge", {})
        origin = challenge.get("origin", self._tab.origin)

        async def deliver(answer: Answer) -> None:
            response: Params = {"response": "CancelAuth"}
            if answer.accept:
                response = {
                    "response": "ProvideCredentials",
                    "username": answer.text,
                    "password": answer.secret,
                }
            await self._tab.send("Fetch.continueWithAuth", {
                "requestId": request, "authChallengeResponse": response,
            })  # fmt: skip

        host = urlsplit(origin).netloc or origin
        realm = str(challenge.get("realm", ""))[:100]
        who = "The proxy" if challenge.get("source") == "Proxy" else host
        text = f"{who} asks for a name and a password" + (f" ({realm})." if realm else ".")
        self._ask("auth", text, deliver, origin=origin)


def _packed(file: Upload) -> list[str]:
    return [file.name, file.mime, base64.b64encode(file.data).decode()]
