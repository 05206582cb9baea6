"""A browser session in its room: observers, an operator and real Playwright at the same browser."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc
from playwright.async_api import Page, async_playwright

from support.agent_process import AgentProcess, agent_process
from support.chromium import Chromium, Site, chromium
from support.shim_process import ShimProcess
from support.viewer import Viewer, eventually, viewer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PAGES = {
    "/": "<title>Form</title><body style='margin:0;background:#fff'><input id=t autofocus "
    "style='position:absolute;left:10px;top:10px;width:400px;height:40px'>"
    "<div id=lamp style='position:absolute;left:600px;top:100px;width:400px;height:400px;"
    "background:#000'></div>",
    "/next": "<title>Next</title><body style='background:#000'>",
    "/ask": "<title>Ask</title><script>addEventListener('click',()=>{window.said="
    "confirm('Sure?')})</script>",
    "/files": "<title>Files</title><body style='margin:0'><input type=file id=f "
    "style='position:absolute;left:0;top:0;width:400px;height:100px'>",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with chromium(tmp_path) as running:
        yield running


@pytest.fixture
def agent(shim: ShimProcess, browser: Chromium, tmp_path: Path) -> Iterator[AgentProcess]:
    with agent_process(
        shim, None, tmp_path, "web", "--cdp-url", browser.cdp_url, "--sound", "off"
    ) as running:
        running.wait_ready()
        yield running


@asynccontextmanager
async def playwright_page(browser: Chromium) -> AsyncIterator[Page]:
    """The page that the session shows, in the hands of a real automation."""
    async with async_playwright() as playwright:
        client = await playwright.chromium.connect_over_cdp(browser.cdp_url)
        try:
            yield client.contexts[0].pages[0]
        finally:
            await client.close()


class Operator:
    """Requests and input of one viewer with the role for it."""

    def __init__(self, notes: Viewer) -> None:
        self.room = notes.room
        self.notes = notes
        self._seq = 0
        self._topic = ""

    async def call(self, method: str, **body: object) -> Any:
        answer = await self.room.local_participant.perform_rpc(
            destination_identity="agent-web",
            method=method,
            payload=json.dumps(body),
            response_timeout=25,
        )
        return json.loads(answer)

    async def send(self, *message: object) -> None:
        self._topic = self._topic or (await self.call("control.hello"))["topic"]
        await self.room.local_participant.publish_data(
            json.dumps([1, *message]).encode(),
            reliable=True,
            topic=self._topic,
            destination_identities=["agent-web"],
        )

    async def click(self, x: int, y: int) -> None:
        for down in (True, False):
            self._seq += 1
            await self.send("button", self._seq, 0, down, x, y, 0)

    def told(self, kind: str) -> list[Any]:
        """Messages of that kind on the topic `browser`."""
        messages = [json.loads(data) for topic, data in self.notes.data if topic == "browser"]
        return [message[1] for message in messages if message[0] == kind]


def bright(notes: Viewer, x: int, y: int) -> int:
    return -1 if notes.last is None else int(notes.last[y, x])


async def test_an_automation_runs_two_observe_an_operator_takes_over_and_hands_back(
    shim: ShimProcess, agent: AgentProcess, browser: Chromium, pages: Site
) -> None:
    async with (
        viewer(shim, "web") as ana,
        viewer(shim, "web") as bo,
        viewer(shim, "web", "operator") as cy,
        playwright_page(browser) as page,
    ):
        await page.goto(pages.url)
        await eventually(
            lambda: all(0 <= bright(notes, 800, 300) < 40 for notes in (ana, bo)), "the page"
        )
        running = True

        async def automate() -> int:
            steps = 0
            while running:
                await page.evaluate("lamp.style.background = lamp.dataset.on ? '#000' : '#fff';"
                                    "lamp.dataset.on = lamp.dataset.on ? '' : '1'")  # fmt: skip
                steps += 1
                await asyncio.sleep(0.25)
            return steps

        automation = asyncio.get_running_loop().create_task(automate())
        seen: set[int] = set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(seen) < 2:
            seen.add(bright(bo, 800, 300) // 128)
            await asyncio.sleep(0.02)
        assert len(seen) == 2, "the observers see what the automation does"

        operator = Operator(cy)
        await operator.click(100, 30)  # takes control, which nobody has
        me = cy.room.local_participant.identity
        await eventually(
            lambda: cy.attributes("web").get("control.holder") == me, "the operator has control"
        )
        await operator.send("text", "typed by a person")
        await page.wait_for_function("t.value === 'typed by a person'", timeout=15_000)
        with pytest.raises(rtc.RpcError):
            await Operator(ana).call("page.navigate", url=pages.url + "/next")
        await operator.call("control.release")
        await eventually(
            lambda: not cy.attributes("web").get("control.holder"), "control is free again"
        )
        running = False
        assert await automation > 4, "the automation was never stopped"
        await page.fill("#t", "typed by a program")
        await page.goto(pages.url + "/next")
        await eventually(lambda: 0 <= bright(ana, 100, 30) < 40, "the page after the hand-over")


async def test_tabs_addresses_and_questions_reach_the_operator_and_titles_everybody(
    shim: ShimProcess, agent: AgentProcess, browser: Chromium, pages: Site
) -> None:
    async with viewer(shim, "web") as ana, viewer(shim, "web", "operator") as cy:
        await cy.first_picture()
        operator = Operator(cy)
        await operator.call("page.navigate", url=pages.url + "/ask?secret=1")
        await operator.call("tabs.open", url=pages.url + "/next")

        def titles(notes: Viewer) -> list[str]:
            return [row[1] for row in json.loads(notes.attributes("web").get("tabs", "[]"))]

        await eventually(lambda: titles(ana) == ["Ask", "Next"], "the titles")
        assert "secret" not in ana.attributes("web")["tabs"]
        assert not Operator(ana).told("tabs"), "addresses are not for observers"
        state = await operator.call("browser.state")
        assert [tab["title"] for tab in state["tabs"]] == ["Ask", "Next"]
        assert "secret=1" in state["tabs"][0]["url"]
        await operator.call("tabs.activate", id=state["tabs"][0]["id"])
        await eventually(lambda: 0 <= bright(cy, 600, 400) > 200, "the first tab")
        await operator.click(300, 300)
        await eventually(lambda: operator.told("prompt"), "the question")
        prompt = operator.told("prompt")[-1]
        assert (prompt["kind"], prompt["text"]) == ("confirm", "Sure?")
        assert (await operator.call("browser.state"))["prompts"][0]["id"] == prompt["id"]
        with pytest.raises(rtc.RpcError):
            await Operator(ana).call("dialog.answer", id=prompt["id"], accept=True)
        await operator.call("dialog.answer", id=prompt["id"], accept=True)
        await eventually(lambda: operator.told("answered"), "it is closed for everybody")
        for bad in ({"id": 7}, {"accept": True}, {"id": "p1", "accept": "yes"}):
            with pytest.raises(rtc.RpcError) as refusal:
                await operator.call("dialog.answer", **bad)
            assert refusal.value.code == 1400
        with pytest.raises(rtc.RpcError, match="file: are refused"):
            await operator.call("page.navigate", url="file:///etc/passwd")


async def test_files_go_in_and_come_out(
    shim: ShimProcess, agent: AgentProcess, browser: Chromium, pages: Site
) -> None:
    async with viewer(shim, "web", "operator") as cy:
        await cy.first_picture()
        operator = Operator(cy)
        received: list[tuple[dict[str, str], bytes]] = []
        readers: set[asyncio.Task[None]] = set()

        async def read(reader: Any) -> None:
            data = b"".join([chunk async for chunk in reader])
            received.append((reader.info.attributes, data))

        cy.room.register_byte_stream_handler(
            "download",
            lambda reader, _: readers.add(asyncio.get_running_loop().create_task(read(reader))),
        )
        await operator.call("page.navigate", url=pages.url + "/files")
        await asyncio.sleep(1.0)
        await operator.click(50, 50)
        await eventually(lambda: operator.told("prompt"), "the file chooser")
        prompt = operator.told("prompt")[-1]
        writer = await cy.room.local_participant.stream_bytes(
            "upload", attributes={"prompt": prompt["id"], "name": "plan.txt"}, topic="upload",
            mime_type="text/plain", destination_identities=["agent-web"],
        )  # fmt: skip
        await writer.write(b"to do")
        await writer.aclose()
        await operator.call("dialog.answer", id=prompt["id"], accept=True, files=1)
        async with playwright_page(browser) as page:
            names = await page.evaluate("[...f.files].map(x => [x.name, x.size])")
            assert names == [["plan.txt", 5]]

        await asyncio.sleep(1.5)  # the automation that has just left takes its settings with it
        with pytest.raises(rtc.RpcError):
            await operator.call("download.fetch", id="nonsense")
        await operator.call("page.navigate", url=pages.url + "/file.bin")

        def done() -> list[Any]:
            return [item for item in operator.told("download") if item["state"] == "done"]

        await eventually(lambda: bool(done()), "the download")
        await operator.call("download.fetch", id=done()[-1]["id"])
        await eventually(lambda: bool(received), "the file")
        attributes, data = received[-1]
        assert attributes["name"] == "report.bin"
        assert data == bytes(range(256)) * 64


async def test_a_still_page_costs_next_to_nothing_and_a_late_viewer_sees_it(
    shim: ShimProcess, agent: AgentProcess, browser: Chromium, pages: Site
) -> None:
    async with viewer(shim, "web", "operator") as cy:
        await cy.first_picture()
        await Operator(cy).call("page.navigate", url=pages.url + "/next")
        await eventually(lambda: 0 <= bright(cy, 100, 30) < 40, "the page")
        await asyncio.sleep(8.0)
        before = agent.metrics()["sessioncast_frames_total/captured"]
        await asyncio.sleep(3.0)
        assert agent.metrics()["sessioncast_frames_total/captured"] - before <= 2
        async with viewer(shim, "web") as late:
            picture = await late.first_picture()
            assert int(picture[30, 100]) < 40
