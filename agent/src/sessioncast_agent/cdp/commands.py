"""What an operator can ask of the browser, by name; arguments are checked here. On the CDP loop."""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

from sessioncast_agent.cdp.downloads import Downloads
from sessioncast_agent.cdp.news import Answer
from sessioncast_agent.cdp.policy import complete
from sessioncast_agent.cdp.prompts import Prompts
from sessioncast_agent.cdp.tab import Tab
from sessioncast_agent.cdp.tabs import Tabs
from sessioncast_agent.errors import BrowserRefused

MAX_URL_CHARS = 8_192
COMMANDS = frozenset(
    {
        "tabs.open",
        "tabs.close",
        "tabs.activate",
        "page.navigate",
        "page.back",
        "page.forward",
        "page.reload",
        "page.stop",
    }
)


class BadArguments(ValueError):
    """The request is malformed."""


class Commanded(Protocol):
    """What commands work on."""

    tabs: Tabs | None
    prompts: Prompts
    downloads: Downloads


def _text(arguments: dict[str, Any], name: str, limit: int = MAX_URL_CHARS) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or len(value) > limit:
        raise BadArguments(f"{name} must be a text of at most {limit} characters")
    return value


async def run_command(on: Commanded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Raises BrowserRefused for what cannot be, BadArguments for what is malformed."""
    tabs = on.tabs
    if tabs is None:
        raise BrowserRefused("the browser is away; it is tried again")
    async with tabs.switching:  # what is asked right after "new tab" is meant for the new one
        if name == "tabs.open":
            await tabs.open(complete(_text(arguments, "url") if arguments.get("url") else ""))
            return {"ok": True}
        if name in {"tabs.close", "tabs.activate"}:
            tab = tabs.find(_text(arguments, "id", 64))
            if name == "tabs.close":
                await tabs.close(tab)
            else:
                tabs.show(tab)
            return {"ok": True}
        active = tabs.active
    if active is None:
        raise BrowserRefused("no page is open")
    await _on_page(active, name, arguments)
    return {"ok": True}


async def _on_page(tab: Tab, name: str, arguments: dict[str, Any]) -> None:
    match name:
        case "page.navigate":
            await tab.navigate(complete(_text(arguments, "url")))
        case "page.back":
            await tab.step(-1)
        case "page.forward":
            await tab.step(1)
        case "page.reload":
            await tab.send("Page.reload", {"ignoreCache": arguments.get("hard") is True})
        case "page.stop":
            await tab.send("Page.stopLoading")
        case _:
            raise BadArguments("there is no such request")


async def answer_prompt(on: Commanded, number: str, answer: Answer) -> dict[str, Any]:
    """Raises BrowserRefused."""
    await on.prompts.answer(number, answer)
    return {"ok": True}


def clipboard_script(text: str) -> str:
    """Puts text on the clipboard from our own world."""
    return f"sessioncastSet({json.dumps(text)})"


def image_script(png: bytes) -> str:
    """Puts a picture on the clipboard from our own world; gives false where the page has none.

    A `copy` event takes no pictures, and the page's security policy may forbid to fetch `data:`.
    """
    data = base64.b64encode(png).decode()
    return f"""(async () => {{
      if (!navigator.clipboard?.write) return false;
      const bytes = Uint8Array.from(atob({json.dumps(data)}), (c) => c.charCodeAt(0));
      const picture = new Blob([bytes], {{ type: 'image/png' }});
      await navigator.clipboard.write([new ClipboardItem({{ 'image/png': picture }})]);
      return true;
    }})().catch(() => null)"""
