"""A browser session without a room: pictures, input, questions, tabs, on a real Chromium."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessioncast_agent.cdp.cursor import cursor_image
from sessioncast_agent.cdp.news import Answer, DownloadChanged, Upload
from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.errors import BrowserRefused
from sessioncast_agent.inputs import Button, Clip, Move, Press, Text, Touch, TouchPoint, Wheel
from support.browser_session import BrowserSession, browser_session, until
from support.chromium import Chromium, Site, chromium

pytestmark = pytest.mark.integration

WHITE, BLACK = 235, 16
CTRL, SHIFT = 0xFFE3, 0xFFE1
PAGES = {
    "/": "<title>Home</title><body style='margin:0;background:#fff'>"
    "<div style='width:200px;height:200px;background:#000'></div>",
    "/form": "<title>Form</title><body style='margin:0'>"
    "<input id=t style='position:absolute;left:10px;top:10px;width:300px;height:30px'>"
    "<input id=p type=password style='position:absolute;left:10px;top:60px;width:300px;"
    "height:30px'>"
    "<a href='#x' id=a style='position:absolute;left:10px;top:120px;width:300px;height:30px'>link"
    "</a><div id=m style='position:absolute;left:400px;top:0;width:300px;height:300px;"
    "cursor:move'></div><script>window.log=[];for(const k of ['mousedown','mouseup','click',"
    "'dblclick','contextmenu','wheel','keydown','keyup','touchstart','touchend','mousemove'])"
    "addEventListener(k,e=>log.push([k,e.button??0,e.key??'',e.code??'',e.ctrlKey,e.shiftKey,"
    "Math.round(e.clientX??-1),Math.round(e.clientY??-1),e.deltaY??0,e.keyCode??0,e.detail]))"
    "</script>",
    "/ask": "<title>Ask</title><body style='margin:0'><script>"
    "document.addEventListener('mousedown',()=>setTimeout(()=>{window.said=[confirm('Sure?'),"
    "prompt('Name?','Bo')]},0))</script>",
    "/leave": "<title>Leave</title><body><script>addEventListener('beforeunload',"
    "e=>{e.preventDefault()})</script>",
    "/files": "<title>Files</title><body style='margin:0'><input type=file multiple id=f "
    "style='position:absolute;left:0;top:0;width:400px;height:100px'>",
    "/secret": "<title>Vault</title>open",
    "/popup": "<title>Opener</title><body style='margin:0'>"
    "<a target=_blank href='/' style='position:absolute;inset:0'>x</a>",
    "/animated": "<title>Animated</title><body style='margin:0;background:#fff'><div id=d style="
    "'width:200px;height:200px'></div><script>let n=0;(function f(){d.style.background="
    "n++%2?'#000':'#fff';requestAnimationFrame(f)})()</script>",
    "/permission": "<title>Permission</title><body style='margin:0'><script>"
    "document.addEventListener('click',async()=>{window.got='asking';"
    "window.got=await Notification.requestPermission()})</script>",
    "/copy": "<title>Copy</title><body><textarea id=t>words to copy</textarea><script>"
    "t.focus();t.select()</script>",
    "/paste": "<title>Paste</title><body style='margin:0'><textarea style='width:300px;"
    "height:60px'></textarea><script>addEventListener('paste',async e=>{const f="
    "e.clipboardData.items[0].getAsFile();const b=await createImageBitmap(f);"
    "window.got=`${f.type} ${b.width}x${b.height}`})</script>",
    "/button": "<title>Button</title><body><script>document.addEventListener('click',()=>"
    "navigator.clipboard.writeText('by the button'))</script>",
}


@pytest.fixture(scope="module")
def browser(module_path: Path) -> Iterator[Chromium]:
    with chromium(module_path) as running:
        yield running


@pytest.fixture
def session(browser: Chromium, pages: Site) -> Iterator[BrowserSession]:
    with browser_session(browser.cdp_url) as running:
        running.goto(pages.url + "/")
        yield running
        for tab in running.tabs()[1:]:
            running.command("tabs.close", id=tab.id)


def sees(session: BrowserSession, x: int, y: int, luma: int) -> None:
    until(lambda: abs(session.pixel(x, y) - luma) <= 3, f"luma {luma} at {x},{y}")


def test_the_picture_is_the_page_in_limited_range(session: BrowserSession) -> None:
    sees(session, 100, 100, BLACK)
    sees(session, 600, 400, WHITE)
    frame = session.frames[-1][1]
    assert (frame.width_px, frame.height_px) == (1280, 720)
    until(lambda: session.active().title == "Home", "the title")


def test_a_late_viewer_of_a_still_page_sees_it_at_once(session: BrowserSession) -> None:
    sees(session, 100, 100, BLACK)
    session.backend.set_watched(False)
    time.sleep(3.0)
    before = len(session.frames)
    time.sleep(1.0)
    assert len(session.frames) == before, "nothing is captured while nobody watches"
    session.backend.set_watched(True)
    until(lambda: len(session.frames) > before, "a picture for the late viewer", within_s=5.0)
    assert session.backend.snapshot().result(5).width_px == 1280


def test_an_animated_page_comes_at_a_high_rate_and_the_cap_holds(
    session: BrowserSession, pages: Site
) -> None:
    session.goto(pages.url + "/animated")
    time.sleep(1.0)
    first = len(session.frames)
    time.sleep(2.0)
    fast = (len(session.frames) - first) / 2
    session.backend.set_fps_cap(2)
    time.sleep(1.0)
    first = len(session.frames)
    time.sleep(3.0)
    slow = (len(session.frames) - first) / 3
    assert slow < 4, slow
    assert fast > 6, fast  # busy machines draw little


def test_clicks_keys_wheel_and_touch_arrive_as_a_person_makes_them(
    session: BrowserSession, pages: Site
) -> None:
    session.goto(pages.url + "/form")
    session.click(50, 25)
    session.chord(SHIFT, ord("H"))
    session.backend.inject([Text("é日本")])
    session.chord(0x20AC)
    until(lambda: session.evaluate("t.value") == "Hé日本€", "the typed text")
    session.click(50, 25)
    session.click(50, 25)
    place = (500, 100)
    session.backend.inject(
        [Press(Button.RIGHT, True, place), Press(Button.RIGHT, False, place), Wheel(0, 120, place)]
    )
    session.backend.inject([Touch("start", (TouchPoint(1, 600, 400),)), Touch("end", ())])
    kinds = until(
        lambda: (
            (kinds := {row[0] for row in session.evaluate("log")})
            >= {"click", "dblclick", "contextmenu", "wheel", "touchstart", "touchend"}
            and kinds
        ),
        "all kinds of events",
    )
    assert kinds
    log = session.evaluate("log")
    down = next(row for row in log if row[0] == "keydown" and row[2] == "H")
    assert down[3] == "KeyH"
    assert down[5] is True, "shift"
    assert down[9] == ord("H")
    wheel = next(row for row in log if row[0] == "wheel")
    assert wheel[6:9] == [500, 100, 120]


def test_shortcuts_select_copy_cut_and_paste(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/form")
    session.backend.set_clipboard(Clip("text/plain", "of the agent ÄÖ".encode())).result(10)
    session.click(50, 25)
    session.chord(CTRL, ord("v"))
    until(lambda: session.evaluate("t.value") == "of the agent ÄÖ", "the pasted text")
    session.chord(CTRL, ord("a"))
    session.chord(CTRL, ord("x"))
    until(lambda: session.evaluate("t.value") == "", "the cut")
    until(lambda: [c.data.decode() for c in session.clips] == ["of the agent ÄÖ"], "the clip")


def test_a_picture_of_the_agent_is_pasted_where_the_page_is_secure(
    session: BrowserSession, pages: Site
) -> None:
    png = cursor_image("move").png
    session.goto(pages.url + "/paste")
    session.backend.set_clipboard(Clip("image/png", png)).result(10)
    session.click(50, 25)
    session.chord(CTRL, ord("v"))
    until(lambda: session.evaluate("window.got") == "image/png 32x32", "the pasted picture")
    with pytest.raises(BrowserRefused, match="did not let"):
        session.backend.set_clipboard(Clip("image/png", b"no picture")).result(10)
    with pytest.raises(BrowserRefused, match="text and PNG"):
        session.backend.set_clipboard(Clip("image/gif", b"GIF89a")).result(10)
    session.goto("data:text/html,insecure")
    with pytest.raises(BrowserRefused, match="without HTTPS"):
        session.backend.set_clipboard(Clip("image/png", png)).result(10)


def test_what_a_script_copies_is_told_too(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/button")
    session.click(300, 300)
    until(lambda: any(clip.data == b"by the button" for clip in session.clips), "the clip")


def test_keys_that_are_down_are_released(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/form")
    session.click(50, 25)
    session.backend.inject([Press(Button.LEFT, True, (300, 300))])
    from sessioncast_agent.inputs import Key

    session.backend.inject([Key(SHIFT, True), Key(ord("A"), True)])
    session.backend.release_all()
    ups: list[list[object]] = []

    def released() -> bool:
        ups[:] = [row for row in session.evaluate("log") if row[0] == "keyup"]
        return len(ups) >= 2

    until(released, "keyup")
    assert {row[2] for row in ups} == {"Shift", "A"}
    assert [row[0] for row in session.evaluate("log")].count("mouseup") >= 2


def test_the_pointers_shape_and_place_are_reported(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/form")
    for place, shape in (((500, 100), "move"), ((50, 25), "text"), ((20, 130), "pointer")):
        session.backend.inject([Move(*place)])
        until(
            lambda place=place, shape=shape: (
                session.places  # type: ignore[misc]
                and (session.places[-1].x_px, session.places[-1].y_px) == place
                and session.places[-1].digest == f"css-{shape}"
            ),
            f"{shape} at {place}",
        )
    assert {image.digest for image in session.images} >= {"css-move", "css-text", "css-pointer"}
    assert all(image.png.startswith(b"\x89PNG") for image in session.images)


def test_a_pointer_in_the_picture_is_drawn_where_it_is_on_a_still_page(
    browser: Chromium, pages: Site
) -> None:
    with browser_session(browser.cdp_url, embed_pointer=True) as session:
        session.goto(pages.url + "/form")
        sees(session, 500, 100, WHITE)
        session.backend.inject([Move(500, 100)])
        sees(session, 500, 100, BLACK)  # the middle of the cross for `move`
        session.backend.inject([Move(600, 200)])
        sees(session, 500, 100, WHITE)
        sees(session, 600, 200, BLACK)
        assert not session.places, "nothing else tells of it"
        assert not session.images


def test_a_password_field_with_the_focus_is_known(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/form")
    assert session.backend.secret_focus() is False
    session.click(50, 75)
    until(lambda: session.backend.secret_focus() is True, "the password field has the focus")
    session.click(50, 25)
    until(lambda: session.backend.secret_focus() is False, "and has it no more")
    session.click(50, 75)
    until(lambda: session.backend.secret_focus() is True, "again")
    session.goto(pages.url + "/")
    until(lambda: session.backend.secret_focus() is False, "a page that is gone has no focus")


def test_dialogs_wait_for_the_operator_and_not_for_ever(
    session: BrowserSession, pages: Site
) -> None:
    session.goto(pages.url + "/ask")
    session.click(300, 300)
    confirm = session.prompt("confirm")
    assert confirm.text == "Sure?"
    assert session.backend.snapshot().result(10).width_px, "a dialog does not take the picture away"
    session.backend.answer(confirm.id, Answer(accept=True)).result(10)
    question = session.prompt("prompt")
    assert (question.text, question.default) == ("Name?", "Bo")
    session.backend.answer(question.id, Answer(accept=True, text="Ana")).result(10)
    until(lambda: session.evaluate("window.said") == [True, "Ana"], "the answers")
    with pytest.raises(BrowserRefused):
        session.backend.answer(question.id, Answer(accept=True)).result(10)


def test_a_page_that_asks_before_it_goes_is_asked_about(
    session: BrowserSession, pages: Site
) -> None:
    session.goto(pages.url + "/leave")
    session.click(300, 300)
    waiting = session.backend.command("page.navigate", {"url": pages.url + "/"})
    prompt = session.prompt("beforeunload")
    session.backend.answer(prompt.id, Answer(accept=False)).result(10)
    waiting.exception(20)
    assert session.evaluate("document.title") == "Leave"
    waiting = session.backend.command("page.navigate", {"url": pages.url + "/"})
    session.backend.answer(session.prompt("beforeunload").id, Answer(accept=True)).result(10)
    until(lambda: session.active().title == "Home", "the page was left")


def test_a_file_chooser_takes_files_of_the_operator(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/files")
    session.click(50, 50)
    prompt = session.prompt("file")
    assert prompt.multiple
    files = (Upload("a.txt", "text/plain", b"one"), Upload("b.bin", "", bytes(300_000)))
    session.backend.answer(prompt.id, Answer(accept=True, files=files)).result(20)
    names = session.evaluate("[...f.files].map(x=>[x.name,x.size])")
    assert names == [["a.txt", 3], ["b.bin", 300_000]]


def test_basic_authentication_asks_the_operator(session: BrowserSession, pages: Site) -> None:
    waiting = session.backend.command("page.navigate", {"url": pages.url + "/secret"})
    prompt = session.prompt("auth")
    assert "vault" in prompt.text
    session.backend.answer(prompt.id, Answer(accept=True, text="ana", secret="open")).result(10)
    waiting.result(20)
    until(lambda: session.active().title == "Vault", "the page behind the password")


def test_a_permission_is_the_operators_to_give(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/permission")
    session.click(300, 300)
    prompt = session.prompt("permission")
    session.backend.answer(prompt.id, Answer(accept=True)).result(10)
    until(lambda: session.evaluate("window.got") == "granted", "the permission")


def test_a_download_is_kept_and_told(session: BrowserSession, pages: Site) -> None:
    session.backend.command("page.navigate", {"url": pages.url + "/file.bin"}).exception(20)
    done = until(
        lambda: [
            item.download
            for item in session.news
            if isinstance(item, DownloadChanged) and item.download.state == "done"
        ],
        "the end of the download",
    )[0]
    assert done.name == "report.bin"
    _, path = session.backend.download(done.id).result(10)
    assert path.read_bytes() == bytes(range(256)) * 64
    session.backend.stop(5)
    assert not path.exists(), "nothing of it stays behind"


def test_tabs_open_follow_go_back_and_close(session: BrowserSession, pages: Site) -> None:
    session.goto(pages.url + "/popup")
    until(lambda: session.active().can_back, "a history")
    session.click(300, 300)  # opens a pop-up, which is followed
    until(lambda: len(session.tabs()) == 2 and session.active().title == "Home", "the pop-up")
    sees(session, 100, 100, BLACK)
    session.command("tabs.close", id=session.active().id)
    until(lambda: session.active() and session.active().title == "Opener", "back at the opener")
    session.command("tabs.open", url=pages.url + "/form")
    until(lambda: session.active().title == "Form", "the new tab")
    session.command("tabs.activate", id=session.tabs()[0].id)
    until(lambda: session.active().title == "Opener", "the first tab again")
    session.command("page.back")
    until(lambda: session.active().title == "Home" and session.active().can_forward, "back")
    session.command("page.forward")
    until(lambda: session.active().title == "Opener", "forward")
    with pytest.raises(BrowserRefused):
        session.command("page.forward")


def test_the_last_tab_leaves_a_blank_one(browser: Chromium, pages: Site) -> None:
    with browser_session(browser.cdp_url) as session:
        session.goto(pages.url + "/")
        session.command("tabs.close", id=session.active().id)
        until(lambda: session.active() and session.active().url == "about:blank", "a blank tab")
        session.goto(pages.url + "/")
        sees(session, 100, 100, BLACK)


def test_the_size_and_the_pixel_ratio_are_the_agents(pages: Site, tmp_path: Path) -> None:
    with (
        chromium(tmp_path, "about:blank", "--force-device-scale-factor=2") as fine,
        browser_session(fine.cdp_url, size=(1280, 720, 2.0)) as session,
    ):
        session.goto(pages.url + "/form")
        sides = "[innerWidth,innerHeight,devicePixelRatio]"
        until(lambda: session.evaluate(sides) == [640, 360, 2], "@2")
        session.backend.inject([Move(1000, 200)])
        until(lambda: any(row[6:8] == [500, 100] for row in session.evaluate("log")), "place")

        def shown() -> tuple[int, int]:
            frame = session.frames[-1][1]
            return frame.width_px, frame.height_px

        until(lambda: session.frames and shown() == (1280, 720), "device pixels in the picture")
        assert session.backend.resize(801, 603).result(10) == (800, 602)
        until(lambda: shown() == (800, 602), "the new size")
        until(lambda: session.states[-1].size_px == (800, 602), "told")


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "chrome://version", "view-source:http://a.example", "devtools://x"],
)
def test_the_machine_and_the_browser_are_out_of_reach(
    session: BrowserSession, address: str
) -> None:
    with pytest.raises(BrowserRefused):
        session.command("page.navigate", url=address)
    with pytest.raises(BrowserRefused):
        session.command("tabs.open", url=address)


def test_the_policy_holds_for_links_scripts_and_other_clients(
    browser: Chromium, pages: Site
) -> None:
    policy = UrlPolicy.from_lists([f"{pages.url}/*"], [f"{pages.url}/form*"])
    with browser_session(browser.cdp_url, policy) as session:
        session.goto(pages.url + "/")
        session.evaluate(f"location.href='{pages.url}/form'")
        until(session.notices, "the operator is told")
        time.sleep(0.5)
        assert "Form" not in [tab.title for tab in session.tabs()]
        session.evaluate("window.open('http://127.0.0.1:9/');1")
        until(lambda: len(session.notices()) >= 2, "the pop-up's first request is stopped too")
        session.goto(pages.url + "/popup")
