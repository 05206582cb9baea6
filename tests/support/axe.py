"""axe-core on a page as it stands: what breaks the rules that a program can check."""

from functools import cache
from typing import Any

from playwright.async_api import Page

from support.livekit import REPOSITORY

AXE = REPOSITORY / "signaling" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    return AXE.read_text()


def source() -> str:
    """Return the program itself, for a browser that is driven in another way."""
    return _source()


async def violations(page: Page) -> list[str]:
    """Return one line for each element that breaks a rule; none is what a test wants."""
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(_source())
    found: dict[str, Any] = await page.evaluate(
        """async (tags) => {
          // nothing may be judged half faded in
          const ends = (a) => a.effect?.getComputedTiming().iterations !== Infinity;
          const moving = document.getAnimations().filter(ends);
          await Promise.allSettled(moving.map((a) => a.finished));
          return await window.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
        }""",
        RULES,
    )
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
