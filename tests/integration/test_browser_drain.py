"""A page leaves out one turn of its animation, and nothing else of it changes: on Chromium."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sessioncast_agent.cdp.tab import Tab, script
from support.browser_session import BrowserSession, browser_session, until
from support.chromium import Site, chromium

pytestmark = pytest.mark.integration

PAGES = {
    "/moving": """<title>Moving</title><body style='margin:0'><canvas id=c width=300 height=300>
</canvas><script>
  const pen = c.getContext('2d');
  const draw = (ms) => {
    pen.fillStyle = `hsl(${ms / 10 % 360} 80% 50%)`;
    pen.fillRect(0, 0, 300, 300);
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
</script>""",
    "/still": "<title>Still</title><body>",
}
SMALL = (640, 360, 1.0)  # light enough for 60 pictures a second on a busy machine
# Two chains of turns, and what each was given; `skip` is what the agent runs.
TURNS = """
window.turns = { a: [], b: [] };
window.chain = (name, count) => new Promise((done) => {
  const turn = (ms) => {
    turns[name].push(ms);
    if (turns[name].length === count) done(); else requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
});
window.native = requestAnimationFrame;
window.nativeCancel = cancelAnimationFrame;
window.natives = () => requestAnimationFrame === native && cancelAnimationFrame === nativeCancel;
window.skip = () => { (0, eval)(%r); };
"""


@pytest.fixture
def session(tmp_path: Path, pages: Site) -> Iterator[BrowserSession]:
    with (
        chromium(tmp_path, "about:blank") as browser,
        browser_session(browser.cdp_url, size=SMALL) as running,
    ):
        running.goto(pages.url + "/still")
        running.evaluate(TURNS % script("skip.js"))
        yield running


def test_an_animation_goes_on_after_one_turn_that_is_left_out(session: BrowserSession) -> None:
    session.evaluate("setTimeout(skip, 150); Promise.all([chain('a', 30), chain('b', 30)])")
    for name in "ab":
        times_ms = session.evaluate(f"turns.{name}")
        gaps_ms = [b - a for a, b in pairwise(times_ms)]
        assert len(times_ms) == 30
        assert min(gaps_ms) > 0
        assert any(gap > 25 for gap in gaps_ms), gaps_ms
    assert session.evaluate("turns.a.join() === turns.b.join()"), "both left out the same one"


def test_afterwards_the_page_has_its_own_functions_again(session: BrowserSession) -> None:
    assert session.evaluate("skip(); !natives()")
    session.evaluate("chain('a', 6)")
    assert session.evaluate("natives()")


def test_a_turn_that_was_put_off_can_be_cancelled(session: BrowserSession) -> None:
    """At once, and in the turn that was left out, when it is another's number already."""
    heard = session.evaluate(
        """(async () => {
          const heard = [], wait = () => new Promise((f) => setTimeout(f, 100));
          skip();
          cancelAnimationFrame(requestAnimationFrame(() => heard.push('at once')));
          await wait();
          skip();
          const number = requestAnimationFrame(() => heard.push('in the turn'));
          native(() => setTimeout(() => cancelAnimationFrame(number)));
          await wait();
          skip();
          requestAnimationFrame(() => heard.push('not cancelled'));
          await wait();
          return heard;
        })()"""
    )
    assert heard == ["not cancelled"]


def test_what_a_page_puts_in_the_functions_place_stays_there(session: BrowserSession) -> None:
    """As a library does that patches them: before, and in the very turn."""
    assert session.evaluate(
        """(async () => {
          let calls = 0;
          const own = (callback) => { calls += 1; return native(callback); };
          window.requestAnimationFrame = own;
          skip();
          await chain('a', 5);
          if (window.requestAnimationFrame !== own || calls < 5) return 'before';
          skip();
          const between = window.requestAnimationFrame;
          const second = (callback) => between(callback);
          window.requestAnimationFrame = second;
          await chain('b', 5);
          return window.requestAnimationFrame === second;
        })()"""
    )


def test_the_agent_asks_a_page_that_animates_and_no_other(
    session: BrowserSession, pages: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really = Tab.skip_turn

    def noted(tab: Tab) -> None:
        asked.append(tab.title)
        really(tab)

    monkeypatch.setattr(Tab, "skip_turn", noted)
    session.goto(pages.url + "/moving")
    until(lambda: len(asked) >= 2, "asked twice", 60)
    session.frames.clear()
    until(lambda: len(session.frames) > 30, "pictures go on")
    assert set(asked) == {"Moving"}


def test_who_kept_the_function_of_that_turn_is_put_off_no_more(session: BrowserSession) -> None:
    ticks = session.evaluate(
        """(async () => {
          let tick = 0;
          const count = () => { tick += 1; native(count); };
          native(count);
          skip();
          const kept = window.requestAnimationFrame, ticks = [];
          await new Promise((done) => {
            const turn = () => { ticks.push(tick); if (ticks.length < 8) kept(turn); else done(); };
            kept(turn);
          });
          return ticks;
        })()"""
    )
    assert [b - a for a, b in pairwise(ticks[1:])] == [1] * 6, ticks
