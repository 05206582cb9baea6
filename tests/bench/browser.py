"""A headless Chromium with a fresh profile, and pages that carry the probe."""

import asyncio
import base64
import contextlib
import io
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import BrowserContext, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from bench import barcode, procs
from bench.procs import SystemFailedError

HERE = Path(__file__).resolve().parent / "viewer"
REPOSITORY = Path(__file__).resolve().parents[2]
PICTURE_S = 20.0
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
)


def livekit_client() -> Path:
    """Return livekit-client's browser bundle: LIVEKIT_CLIENT, or what the page was built with."""
    named = os.environ.get("LIVEKIT_CLIENT")
    built = "signaling/web/node_modules/livekit-client/dist/livekit-client.umd.js"
    path = Path(named) if named else REPOSITORY / built
    if not path.is_file():
        raise SystemFailedError(f"no livekit-client at {path}: run `make setup`")
    return path


@contextlib.asynccontextmanager
async def serve_pages() -> AsyncIterator[str]:
    """Serve the viewer page and the clock on the loopback; yields the address."""

    async def clock(_: web.Request) -> web.Response:
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
        return web.Response(text=str(barcode.clock_us()), headers=headers)

    async def client(_: web.Request) -> web.FileResponse:
        return web.FileResponse(livekit_client())

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "livekit.html")

    async def jpeg_page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "jpeg.html")

    application = web.Application()
    application.router.add_get("/jpeg", jpeg_page)
    application.router.add_get("/clock", clock)
    application.router.add_get("/livekit-client.umd.js", client)
    application.router.add_get("/viewer", page)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@dataclass
class Reading:
    """What one viewer saw between `reset` and `collect`."""

    samples: list[tuple[int, float]]  # the stamp, and when the page saw it
    received: list[tuple[int, float]]  # the stamp, and when its last packet had come
    counters: dict[str, int]
    error: str | None


@dataclass
class Grab:
    """One picture of the page: as RGB, and the decoder's luma plane where there is one."""

    after_ms: float
    rgb: NDArray[np.uint8]
    luma: NDArray[np.uint8] | None
    matrix: str | None  # as the stream says: bt709, smpte170m …
    full_range: bool


def _grab(item: dict[str, Any]) -> Grab:
    picture = Image.open(io.BytesIO(base64.b64decode(item["png"]))).convert("RGB")
    plane = item["luma"]
    luma = None
    if plane is not None:
        data = np.frombuffer(base64.b64decode(plane["data"]), dtype=np.uint8)
        luma = data.reshape(plane["height"], plane["stride"])[:, : plane["width"]]
    return Grab(
        after_ms=item["at_us"] / 1000,
        rgb=np.asarray(picture),
        luma=luma,
        matrix=plane["matrix"] if plane else None,
        full_range=bool(plane and plane["full"]),
    )


class Viewer:
    """One page of the browser."""

    def __init__(self, page: Page, pages_url: str) -> None:
        self.page = page
        self.pages_url = pages_url
        self.clock: dict[str, float] = {}

    async def goto(self, url: str, surface: str = "video") -> None:
        """Open an address and set the page's clock by the painter's.

        `surface` is the element that the page shows its picture on: video or canvas.
        """
        try:
            await self.page.goto(url, wait_until="commit", timeout=15_000)
            self.clock = await self.page.evaluate(
                "([geometry, surface, clock]) => bench.begin(geometry, surface, clock)",
                [barcode.geometry(), surface, f"{self.pages_url}/clock"],
            )
        except PlaywrightError as error:
            raise SystemFailedError(f"the page did not open: {error.message[:300]}") from None

    async def evaluate(self, script: str, argument: object = None) -> Any:
        """Run a script in the page; its errors are the system's."""
        try:
            async with asyncio.timeout(60):
                return await self.page.evaluate(script, argument)
        except (PlaywrightError, TimeoutError) as error:
            raise SystemFailedError(f"the page failed: {str(error)[:300]}") from None

    async def wait_picture(self) -> float:
        """Wait until a barcode was read; return when the page saw it (the painter's clock, µs)."""
        deadline = asyncio.get_running_loop().time() + PICTURE_S
        while asyncio.get_running_loop().time() < deadline:
            first = await self.evaluate("() => (bench.attach(), bench.firstSeen())")
            if first is not None:
                return float(first)
            await asyncio.sleep(0.1)
        state = await self.evaluate("() => [bench.surface(), bench.collect()]")
        raise SystemFailedError(f"no picture within {PICTURE_S} s; the page has {str(state)[:400]}")

    async def reset(self) -> None:
        """Forget what was seen so far."""
        await self.evaluate("() => bench.reset()")

    async def collect(self) -> Reading:
        """Return what was seen since the last reset."""
        answer = await self.evaluate("() => bench.collect()")
        samples = [(int(stamp), float(seen)) for stamp, seen, _ in answer["samples"]]
        received = [(int(stamp), float(at)) for stamp, _, at in answer["samples"] if at]
        return Reading(samples, received, answer["counters"], answer["error"])

    async def stats(self) -> dict[str, Any]:
        """Return received bytes and the WebRTC statistics."""
        answer: dict[str, Any] = await self.evaluate("() => bench.stats()")
        return answer

    async def grabs(self, from_us: int, delays_ms: tuple[int, ...]) -> list[Grab]:
        """Return what the page shows at each delay after from_us."""
        taken = await self.evaluate(
            "([from, delays]) => bench.grabs(from, delays)",
            [from_us, [delay * 1000 for delay in delays_ms]],
        )
        return [_grab(item) for item in taken]


class Browser:
    """The browser of one sitting."""

    def __init__(self, context: BrowserContext, profile: Path, pages_url: str) -> None:
        self._context = context
        self._profile = profile
        self.pages_url = pages_url

    async def open(self) -> Viewer:
        """Return a new, empty page with the probe in it."""
        return Viewer(await self._context.new_page(), self.pages_url)

    def pids(self) -> list[int]:
        """Return the browser's processes."""
        return procs.find(f"--user-data-dir={self._profile}")


@contextlib.asynccontextmanager
async def open_browser(
    directory: Path, pages_url: str, width_px: int, height_px: int
) -> AsyncIterator[Browser]:
    """Run a Chromium whose window holds a picture of that size 1:1."""
    profile = directory / "chromium"
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            headless=True,
            args=list(FLAGS),
            viewport={"width": width_px, "height": height_px},
            bypass_csp=True,
            chromium_sandbox=False,
        )
        try:
            await context.add_init_script(path=HERE / "probe.js")
            yield Browser(context, profile, pages_url)
        finally:
            await context.close()
