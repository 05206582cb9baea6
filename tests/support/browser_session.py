"""A `CdpBackend` on a real Chromium, with everything it tells kept in lists."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from sessioncast_agent.backend import BackendEvents, BackendState, CursorImage, CursorPosition
from sessioncast_agent.cdp.address import parse_address
from sessioncast_agent.cdp.backend import CdpBackend
from sessioncast_agent.cdp.news import News, Notice, Prompt, PromptClosed, PromptOpened, TabsChanged
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.cdp.screen import Viewport
from sessioncast_agent.inputs import Button, Clip, Key, Press
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.video.convert import Converter

DEADLINE_S = 15.0
T = TypeVar("T")


def until(found: Callable[[], T], what: str, within_s: float = DEADLINE_S) -> T:
    """Ask until it gives something true; the failure names `what`."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what}")


@dataclass
class BrowserSession:
    """What a browser session has shown and told so far."""

    usage: UsageMeter
    backend: CdpBackend = field(init=False)
    states: list[BackendState] = field(default_factory=list)
    images: list[CursorImage] = field(default_factory=list)
    places: list[CursorPosition] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    frames: list[tuple[float, RawFrame]] = field(default_factory=list)

    def tabs(self) -> Any:
        """The newest list of tabs."""
        lists = [item.tabs for item in self.news if isinstance(item, TabsChanged)]
        return lists[-1] if lists else ()

    def active(self) -> Any:
        """The shown tab, if any."""
        return next((tab for tab in self.tabs() if tab.active), None)

    def notices(self) -> list[str]:
        """What operators were told."""
        return [item.text for item in self.news if isinstance(item, Notice)]

    def open_prompts(self) -> list[Prompt]:
        """What waits."""
        closed = {item.id for item in self.news if isinstance(item, PromptClosed)}
        opened = [item.prompt for item in self.news if isinstance(item, PromptOpened)]
        return [prompt for prompt in opened if prompt.id not in closed]

    def prompt(self, kind: str) -> Prompt:
        """Wait for a question of that kind."""
        return until(
            lambda: [prompt for prompt in self.open_prompts() if prompt.kind == kind],
            f"a prompt of kind {kind}",
        )[0]

    def command(self, name: str, **arguments: object) -> dict[str, Any]:
        """One request of an operator."""
        return self.backend.command(name, arguments).result(30)

    def goto(self, url: str) -> None:
        """Navigate and wait for the page to be there."""
        self.command("page.navigate", url=url)
        until(lambda: (tab := self.active()) and tab.url.startswith(url) and not tab.loading, url)

    def click(self, x: int, y: int) -> None:
        """Press and release the left button."""
        self.backend.inject([Press(Button.LEFT, True, (x, y)), Press(Button.LEFT, False, (x, y))])

    def chord(self, *keysyms: int) -> None:
        """Press keys together."""
        self.backend.inject(
            [Key(key, True) for key in keysyms] + [Key(key, False) for key in reversed(keysyms)]
        )

    def evaluate(self, expression: str) -> Any:
        """What a script in the shown page gives."""
        driver = self.backend._driver
        assert driver is not None

        async def ask(driver: Any) -> Any:
            answer = await driver.tabs.active.send(
                "Runtime.evaluate",
                {
                    "expression": expression,
                    "returnByValue": True,
                    "awaitPromise": True,
                    "userGesture": True,
                },
            )
            return answer["result"].get("value")

        return self.backend._call(ask).result(20)

    def luma(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The newest picture's luma, limited range, as the encoder gets it."""
        frame = self.frames[-1][1]
        plane = Converter().convert(frame.picture).planes[0]
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return pixels[: frame.height_px, : frame.width_px].copy()

    def pixel(self, x: int, y: int) -> int:
        """One luma value of the newest picture, or -1."""
        if not self.frames:
            return -1
        picture = self.luma()
        return int(picture[y, x]) if y < picture.shape[0] and x < picture.shape[1] else -1


@contextlib.contextmanager
def browser_session(
    cdp_url: str,
    policy: UrlPolicy | None = None,
    *,
    size: tuple[int, int, float] = (1280, 720, 1.0),
    watched: bool = True,
    embed_pointer: bool = False,
) -> Iterator[BrowserSession]:
    """Run a backend for the body."""
    usage = UsageMeter()
    session = BrowserSession(usage)
    events = BackendEvents(
        state=session.states.append,
        cursor_image=session.images.append,
        cursor_position=session.places.append,
        clipboard=session.clips.append,
    )
    backend = session.backend = CdpBackend(
        parse_address(cdp_url), policy or UrlPolicy(), Viewport(*size), fps=60, usage=usage,
        events=events, embed_pointer=embed_pointer,
    )  # fmt: skip
    backend.news = session.news.append
    arrived = threading.Event()
    slot: LatestSlot[RawFrame] = LatestSlot(on_put=arrived.set)
    stopping = False

    def take() -> None:
        while not stopping:
            arrived.wait(0.5)
            arrived.clear()
            frame = slot.take()
            if frame is not None:
                session.frames.append((time.monotonic(), frame))
                del session.frames[:-600]

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    try:
        backend.start(slot)
        backend.set_watched(watched)
        yield session
    finally:
        stopping = True
        backend.stop(5.0)
        taker.join(5)
