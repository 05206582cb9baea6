"""The picture of the shown tab: screencast, its pace, its size, its last frame. On the CDP loop.

A still page sends no frames, so the last one is kept for late viewers and snapshots.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sessioncast_agent.cdp.drain import Drain
from sessioncast_agent.cdp.embedded import PointerPainter
from sessioncast_agent.cdp.flow import Flow
from sessioncast_agent.cdp.picture import JPEG_QUALITY, JpegDecoder
from sessioncast_agent.cdp.tab import Tab
from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import BrowserLost, BrowserRefused, CaptureFailed
from sessioncast_agent.media import LatestSlot, RawFrame
from sessioncast_agent.usage import UsageMeter

log = logging.getLogger(__name__)

MIN_SIZE_PX, MAX_SIZE_PX = (320, 240), (3840, 2160)
FIRST_PICTURE_S = 0.7  # a screencast that has sent nothing by then is helped by a screenshot
SCREENSHOT_TIMEOUT_S = 3.0
PLAUSIBLE_AGE_US = 1_000_000
LOST_PX = 64  # nobody wants a page that is less wide or high
KEEP_INTERVAL_US = 1_000_000  # so seldom is a lost viewport set again
SETTLE_US = 500_000  # so long may pictures still have the size before


@dataclass(frozen=True)
class Viewport:
    """The page's window: device pixels, both sides even, and device pixels per CSS pixel."""

    width_px: int
    height_px: int
    scale: float

    @property
    def size_px(self) -> tuple[int, int]:
        """In device pixels."""
        return self.width_px, self.height_px

    @property
    def css_px(self) -> tuple[int, int]:
        """In CSS pixels."""
        return round(self.width_px / self.scale), round(self.height_px / self.scale)

    def resized(self, width_px: int, height_px: int) -> Viewport:
        """The nearest size that can be shown."""
        width = min(max(width_px, MIN_SIZE_PX[0]), MAX_SIZE_PX[0]) & ~1
        height = min(max(height_px, MIN_SIZE_PX[1]), MAX_SIZE_PX[1]) & ~1
        return Viewport(width, height, self.scale)

    def apply(self, tab: Tab) -> None:
        """Tell the page."""
        tab.set_viewport(*self.css_px, self.scale)


class Screen:
    """See the module. `resized` is called with the size and scale of what is really shown."""

    def __init__(
        self,
        viewport: Viewport,
        *,
        fps: int,
        usage: UsageMeter,
        frames: LatestSlot[RawFrame],
        resized: Callable[[tuple[int, int], float], None],
        local: bool,
        painter: PointerPainter | None = None,
    ) -> None:
        self.viewport = viewport
        self.size_px, self.scale = viewport.size_px, viewport.scale
        self._usage, self._frames, self._resized, self._local = usage, frames, resized, local
        self._painter = painter
        self._put_us = 0
        self._repaint: asyncio.TimerHandle | None = None
        self._flow = Flow(fps)
        self._drain = Drain()
        self._decoder = JpegDecoder()
        self._tab: Tab | None = None
        self._watched = False
        self._last: RawFrame | None = None
        self._fresh = False  # the last picture is of the running screencast
        self._helper: asyncio.Task[None] | None = None
        self._scale_told = False
        self._settles_us = 0
        self._drawn_s = 0.0
        self._kept_us = 0

    def show(self, tab: Tab | None) -> None:
        """Another tab, or none."""
        self._tab, self._fresh = tab, False
        if tab is not None:
            self._apply(tab)
            self._cast()

    def set_watched(self, watched: bool) -> None:
        """Cast only while somebody watches."""
        if watched is not self._watched:
            self._watched = watched
            self._cast()

    def set_fps_cap(self, fps: float) -> None:
        """At most this many a second."""
        self._flow.set_fps_cap(fps)

    def resize(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Another size for the shown tab and all that follow; what it will be."""
        self.viewport = self.viewport.resized(width_px, height_px)
        if self._tab is not None:
            self._apply(self._tab)
            self._cast()
        self._take_size(self.viewport.size_px, self.viewport.scale)
        return self.viewport.size_px

    async def keep(self, tab: Tab) -> None:
        """The page has another size; see `_keep`."""
        seen = (await tab.send("Page.getLayoutMetrics"))["cssLayoutViewport"]
        ratio = self.viewport.scale
        if tab is self._tab:
            self._keep(tab, (seen["clientWidth"] * ratio, seen["clientHeight"] * ratio))

    def _keep(self, tab: Tab, size_px: tuple[float, float]) -> bool:
        """Set the viewport again if it was lost; whether it was.

        All DevTools clients lose it when one of them leaves that had set it too. What is left is
        the window's own size, and in a window that is hardly larger than its toolbar, as the demo's
        is, no page at all. Other sizes are somebody's wish and stay.
        """
        if min(size_px) >= LOST_PX:
            return False
        now_us = monotonic_us()
        if now_us - self._kept_us > KEEP_INTERVAL_US:
            self._kept_us = now_us
            self._apply(tab)
            self._cast()
        return True

    def _apply(self, tab: Tab) -> None:
        self._settles_us = monotonic_us() + SETTLE_US
        self.viewport.apply(tab)

    def _cast(self) -> None:
        tab = self._tab
        self._fresh, self._drawn_s = False, 0.0
        self._flow.restart()
        self._drain = Drain()
        if self._helper is not None:
            self._helper.cancel()
            self._helper = None
        if tab is None:
            return
        # begun anew each time: only a beginning screencast sends the present picture at once
        tab.cast(False)
        if self._watched:
            tab.cast(True, *self.viewport.size_px)
            self._helper = asyncio.get_running_loop().create_task(self._help(tab))

    async def _help(self, tab: Tab) -> None:
        """A page that paints nothing (a dialog holds it, it hangs) still has a picture, mostly."""
        await asyncio.sleep(FIRST_PICTURE_S)
        if self._has_picture_of(tab):
            return
        with suppress(BrowserRefused, BrowserLost, CaptureFailed):
            frame = await self._screenshot(tab)
            if not self._has_picture_of(tab):
                self._put(frame)

    def _has_picture_of(self, tab: Tab) -> bool:
        """Or is not asked for one any more."""
        return self._fresh or tab is not self._tab

    def picture(
        self, jpeg: bytes, metadata: dict[str, Any], acknowledge: Callable[[], None]
    ) -> None:
        """One screencast frame; the acknowledgement asks for the next, whatever becomes of it."""
        now_us = monotonic_us()
        self._flow.came(now_us, acknowledge)  # first: the browser draws while we decode
        drawn_s = float(metadata.get("timestamp") or 0)
        if not self._watched or drawn_s < self._drawn_s:
            return  # where two are encoded at a time, a later one may have overtaken this one
        self._drawn_s = drawn_s
        try:
            frame = self._decode(jpeg, self._captured_us(metadata, now_us))
        except CaptureFailed as error:
            log.debug("a picture was lost: %s", error)
            return
        size_px, wanted = (frame.width_px, frame.height_px), self.viewport
        if self._tab is not None and self._keep(self._tab, size_px):
            return
        if size_px not in {wanted.size_px, wanted.css_px} and now_us < self._settles_us:
            return  # of the size before
        self._fresh = True
        css_width = metadata.get("deviceWidth") or 0
        scale = frame.width_px / css_width if css_width else self.scale
        self._take_size(size_px, scale)
        self._put(frame)
        self._check_scale(scale)
        if self._drain.due(now_us) and self._tab is not None:
            self._tab.skip_turn()

    def _check_scale(self, scale: float) -> None:
        """Chromium casts at the pixel ratio it was started with, whatever pages are told."""
        if scale != self.viewport.scale and not self._scale_told:
            self._scale_told = True
            log.warning(
                "the browser draws %.2g pixels per CSS pixel; for another ratio start it with "
                "--force-device-scale-factor", scale,
            )  # fmt: skip

    def _captured_us(self, metadata: dict[str, Any], now_us: int) -> int:
        """When the browser drew it; its clock is ours only on the same machine."""
        drawn_us = int(float(metadata.get("monotonicTimestamp") or 0) * 1e6)
        if self._local and 0 <= now_us - drawn_us < PLAUSIBLE_AGE_US:
            return drawn_us
        return now_us

    def _decode(self, jpeg: bytes, captured_us: int) -> RawFrame:
        picture = self._decoder.decode(jpeg)
        self._usage.counters.captured += 1
        return RawFrame(picture, picture.width, picture.height, captured_us)

    def _put(self, frame: RawFrame) -> None:
        self._last, self._put_us = frame, monotonic_us()
        if self._repaint is not None:
            self._repaint.cancel()
            self._repaint = None
        self._frames.put(self._painted(frame))

    def _painted(self, frame: RawFrame) -> RawFrame:
        return frame if self._painter is None else self._painter.painted(frame)

    def pointer_moved(self) -> None:
        """Show the pointer at its new place; a still page sends no picture for that."""
        if self._painter is None or self._repaint is not None:
            return
        wait_us = max(0.0, self._put_us + self._flow.interval_us - monotonic_us())
        self._repaint = asyncio.get_running_loop().call_later(wait_us / 1e6, self._again)

    def _again(self) -> None:
        self._repaint = None
        if self._watched and self._fresh and self._last is not None:
            self._put(replace(self._last, captured_us=monotonic_us()))

    def _take_size(self, size_px: tuple[int, int], scale: float) -> None:
        """What is shown may differ from what we asked for: others set the viewport too."""
        if (size_px, scale) != (self.size_px, self.scale):
            self.size_px, self.scale = size_px, scale
            self._resized(size_px, scale)

    def snapshot(self, future: Future[RawFrame]) -> None:
        """The present picture, also unwatched; it goes to the encoder too."""
        if not future.set_running_or_notify_cancel():
            return
        if self._fresh and self._last is not None:
            frame = self._painted(self._last)
            self._frames.put(frame)
            future.set_result(frame)
            return
        tab = self._tab
        if tab is None:
            future.set_exception(CaptureFailed("no page is open"))
            return

        async def take() -> None:
            try:
                frame = await self._screenshot(tab)
                self._put(frame)
                future.set_result(self._painted(frame))
            except (BrowserRefused, BrowserLost, CaptureFailed) as error:
                future.set_exception(CaptureFailed(str(error)))

        tab.later(take())

    async def _screenshot(self, tab: Tab) -> RawFrame:
        captured_us = monotonic_us()
        answer = await tab.send(
            "Page.captureScreenshot",
            {"format": "jpeg", "quality": JPEG_QUALITY, "optimizeForSpeed": True},
            timeout_s=SCREENSHOT_TIMEOUT_S,
        )
        return self._decode(base64.b64decode(answer["data"]), captured_us)
