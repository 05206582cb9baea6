"""Drive a desktop: open a text editor's worth of xterm, type a line, look at the result.

    SESSIONCAST_API_KEY=… python docs/examples/drive_desktop.py http://127.0.0.1:8000 demo

The key comes from the environment (`sessioncast demo --json` prints the demo's as `api_key`). Who
watches the session sees the pointer move and "desk bot" in control; a person who clicks takes over,
and the program ends with a sentence.
"""

import asyncio
import os
import sys
from pathlib import Path

from sessioncast_agent.client import Refused, SessionClient, ask_for_offer, open_session


async def look(session: SessionClient, path: Path) -> None:
    """Save what is on the screen."""
    picture = await session.screenshot(max_width_px=1280, picture_format="png")
    await asyncio.to_thread(path.write_bytes, picture.data)
    print(f"{path}: {picture.width_px}x{picture.height_px}, frame {picture.frame}")


async def main(signaling_url: str, name: str, key: str) -> None:
    """Ask for control, click into the middle, type, scroll, copy, and give control back."""
    offer = await ask_for_offer(signaling_url, name, key, name="desk bot", actor="ai")
    async with open_session(offer) as session:
        await session.request_control()
        width, height = session.size_px
        await look(session, Path("before.png"))
        await session.click(width / 4, height / 3)  # the demo's terminal
        await session.type("echo 'Здравствуй, 世界 👋'\n")
        await session.set_clipboard("echo pasted by a program")
        await session.key("ctrl+shift+v")
        await asyncio.sleep(0.3)  # a terminal fetches what it pastes
        await session.key("Return")
        await session.scroll(width / 4, height / 3, dy=-300)
        await asyncio.sleep(0.5)
        await look(session, Path("after.png"))
        await session.release_control()


if __name__ == "__main__":
    if len(sys.argv) != 3 or "SESSIONCAST_API_KEY" not in os.environ:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2], os.environ["SESSIONCAST_API_KEY"]))
    except Refused as error:
        sys.exit(f"stopped: {error}")
