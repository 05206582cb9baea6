"""The page in a real Firefox: whether or not it plays H.264 over WebRTC, people see the session."""

from pathlib import Path

import pytest

from support.agent_process import agent_process, call
from support.axe import RULES, source
from support.firefox import Firefox, firefox
from support.shim_process import API_KEY, ShimProcess
from support.xserver import Canvas, XServer

pytestmark = pytest.mark.browser

PLAYS_H264 = "RTCRtpReceiver.getCapabilities('video').codecs.some((c) => /h264/i.test(c.mimeType))"
SHOWN = "document.querySelector('main.viewer')?.dataset.state === 'live'"
BY_VNC = "document.querySelector('.vnc-panel')?.dataset.state === 'showing'"


async def breaks(page: Firefox) -> list[str]:
    await page.evaluate(f"(() => {{ {source()}; return true; }})()")
    found: list[str] = await page.evaluate(
        f"axe.run(document, {{ runOnly: {RULES!r} }}).then((r) => r.violations.map((v) => v.id))"
    )
    return found


async def colour(page: Firefox, selector: str) -> list[int]:
    """Of the middle of a video or canvas."""
    found: list[int] = await page.evaluate(
        f"""(() => {{
          const from = document.querySelector('{selector}');
          const canvas = document.createElement('canvas');
          const [w, h] = [from.videoWidth ?? from.width, from.videoHeight ?? from.height];
          canvas.width = w; canvas.height = h;
          const context = canvas.getContext('2d');
          context.drawImage(from, 0, 0);
          return [...context.getImageData(w / 2 | 0, h / 2 | 0, 1, 1).data].slice(0, 3);
        }})()"""
    )
    return found


async def test_a_link_shows_the_session_and_says_how(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with x.connect() as display, agent_process(shim, x, tmp_path, "fox") as agent:
        Canvas(display).fill(0x2060C0)
        display.sync()
        agent.wait_ready()
        link = {"role": "observer", "ttl_seconds": 600, "max_uses": 1}
        async with firefox(tmp_path) as page:
            await page.goto(call(shim, "POST", "/sessions/fox/join-links", link)["url"])
            if await page.evaluate(PLAYS_H264):
                await page.until(SHOWN)
                red, _, blue = await colour(page, "video")
            else:
                await page.until(BY_VNC)
                note = await page.evaluate("document.querySelector('.fall-note').innerText")
                assert "this browser cannot play H.264 over WebRTC" in note
                red, _, blue = await colour(page, ".vnc-canvas")
            assert blue > 150
            assert red < 80
            assert await breaks(page) == []
            await page.picture(tmp_path / "firefox.png")


async def test_the_explorer_lists_and_opens(shim: ShimProcess, x: XServer, tmp_path: Path) -> None:
    with agent_process(shim, x, tmp_path, "listed") as agent:
        agent.wait_ready()
        async with firefox(tmp_path, 390, 844) as page:
            await page.goto(shim.url + "/")
            await page.until("document.querySelector('#api-key')")
            await page.evaluate(
                f"""(() => {{ const field = document.querySelector('#api-key');
                  field.value = '{API_KEY}'; field.form.requestSubmit(); return true; }})()"""
            )
            await page.until("document.querySelector('[data-session=listed] .thumb-image.loaded')")
            assert await breaks(page) == []
            await page.picture(tmp_path / "firefox-list.png")
            await page.evaluate(
                "document.querySelector('[data-session=listed] .card-link').click() ?? true"
            )
            await page.until(f"{SHOWN} || {BY_VNC}")
