"""Control over the real SFU: who acts, who waits, what is let go, and what programs received."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import rtc

from sessioncast_agent.client import Refused, ask_for_offer, open_session
from sessioncast_agent.control.audit import verify_lines
from support.agent_process import PROGRAM, AgentProcess, agent_process, call
from support.livekit import LiveKitServer
from support.operators import flood, operator
from support.programs import xterm
from support.shim_process import API_KEY, ShimProcess
from support.viewer import eventually
from support.xserver import XServer

pytestmark = pytest.mark.integration

SESSION = "control"
SHIFT_L = 0xFFE1


@pytest.fixture(scope="module")
def agent(shim: ShimProcess, x: XServer, module_path: Path) -> Iterator[AgentProcess]:
    with agent_process(
        shim, x, module_path, SESSION, "--audit", str(module_path / "audit.jsonl")
    ) as process:
        process.wait_ready()
        yield process


@pytest.fixture
async def free(agent: AgentProcess, shim: ShimProcess) -> None:
    """Nobody has control at the beginning."""
    del agent
    async with operator(shim, SESSION, "admin") as admin:
        await admin.call("control.mode", mode="implicit")
        await admin.call("control.take")
        await admin.call("control.release")


def down(x: XServer) -> tuple[int, int]:
    """How many keys, and which buttons, are down."""
    with x.connect() as display:
        keys = sum(bin(byte).count("1") for byte in display.query_keymap())
        return keys, int(display.screen().root.query_pointer().mask) & 0x1F00


def pointer(x: XServer) -> tuple[int, int]:
    with x.connect() as display:
        place = display.screen().root.query_pointer()
        return place.root_x, place.root_y


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("hello", [True, False], ids=["with-hello", "without-hello"])
async def test_the_first_click_and_key_act_within_a_second_of_connecting(
    hello: bool, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with xterm(x, tmp_path) as program:
        async with operator(shim, SESSION, hello=hello) as ana:
            connected = time.monotonic()
            await ana.click(120, 110)
            await ana.stroke(ord("q"), "KeyQ")
            await eventually(lambda: program.received() == "q", "the key has come", 5.0)
            assert time.monotonic() - connected < 1.5, "not the three seconds of an announcement"
            assert pointer(x) == (120, 110)
            await ana.sees_holder(ana.identity)
            assert ana.control["control.actor"] == "person"


@pytest.mark.usefixtures("free")
async def test_a_thousand_characters_in_one_burst_are_complete_and_in_order(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    text = "".join(chr(0x21 + number * 7 % 94) for number in range(1000))
    with xterm(x, tmp_path) as program:
        async with operator(shim, SESSION) as ana:
            ana.beat()
            await ana.click(120, 110)
            for char in text:
                await ana.stroke(ord(char))
            await eventually(lambda: len(program.received()) >= 1000, "all came", 20.0)
            assert program.received() == text
            await ana.send("text", "日本語 👋")
            await eventually(lambda: program.received()[1000:] == "日本語 👋", "composed text")


@pytest.mark.usefixtures("free")
async def test_request_grant_deny_release_and_take_among_people(
    shim: ShimProcess, x: XServer
) -> None:
    async with (
        operator(shim, SESSION, name="Ana") as ana,
        operator(shim, SESSION, name="Ben") as ben,
        operator(shim, SESSION, "admin", name="Ada") as ada,
    ):
        assert await ana.call("control.request") == {"state": "granted"}
        ana.beat()
        await eventually(lambda: ana.notices("control.granted"), "Ana is told")
        await ana.key(SHIFT_L, True, "ShiftLeft")
        await ana.button(True, 300, 300)
        await eventually(lambda: down(x) == (1, 0x100), "Shift and the button are down")
        pending = await ben.call("control.request")
        assert pending["state"] == "pending"
        assert pending["holder"] == {"identity": ana.identity, "name": "Ana", "actor": "person"}
        assert pending["timeout_ms"] > 1_000
        await eventually(lambda: ana.notices("control.requested"), "Ana is asked")
        assert ana.notices("control.requested")[0][1:4] == [ben.identity, "Ben", "person"]
        await ana.call("control.deny", identity=ben.identity)
        await eventually(lambda: ben.notices("control.denied"), "Ben is told")
        assert down(x) == (1, 0x100), "a request lets nothing go"
        # Ben moves and is seen, clicks and is refused
        await ben.move(50, 60)
        await eventually(lambda: ada.notices("ptr", "presence"), "Ada sees Ben's pointer")
        assert ada.notices("ptr", "presence")[-1] == ["ptr", ben.identity, "Ben", "person", 50, 60]
        assert pointer(x) == (300, 300)
        await ben.click(10, 10)
        await eventually(lambda: ben.notices("refused"), "Ben is refused")
        assert await ben.refused("control.take") == 1403
        assert await ben.refused("control.grant", identity=ben.identity) == 1403
        assert await ben.refused("click", x=1, y=1) == 1409
        # granted: everything of Ana's is let go
        await ben.call("control.request")
        await ana.call("control.grant", identity=ben.identity)
        await ana.stop_beating()
        ben.beat()
        await ada.sees_holder(ben.identity)
        await eventually(lambda: down(x) == (0, 0), "Ana's keys are up")
        await eventually(lambda: ana.notices("control.lost"), "Ana is told")
        await ben.button(True, 310, 310)
        await eventually(lambda: down(x) == (0, 0x100), "Ben's button is down")
        assert await ada.call("control.take") == {"state": "granted"}
        await ben.stop_beating()
        await ana.sees_holder(ada.identity)
        await eventually(lambda: down(x) == (0, 0), "Ben's button is up")
        await ada.call("control.release")
        await ana.sees_holder("")
        # explicit: acting is not enough
        await ada.call("control.mode", mode="explicit")
        before = len(ana.notices("refused"))
        await ana.click(20, 20)
        await eventually(lambda: len(ana.notices("refused")) > before, "Ana must ask")
        await ada.call("control.mode", mode="implicit")
        assert await ana.refused("control.mode", mode="explicit") == 1403
        assert await ana.refused("control.grant") == 1400


@pytest.mark.usefixtures("free")
async def test_a_silent_holder_loses_keys_and_lease_and_a_beat_brings_it_back(
    shim: ShimProcess, x: XServer
) -> None:
    async with operator(shim, SESSION) as ana, operator(shim, SESSION) as ben:
        ana.beat()
        await ana.click(10, 10)
        await ana.key(SHIFT_L, True)
        await eventually(lambda: down(x) == (1, 0), "Shift is down")
        await ana.stop_beating()
        silent = time.monotonic()
        await eventually(lambda: down(x) == (0, 0), "Shift is up", 5.0)
        assert time.monotonic() - silent > 0.5
        await ben.sees_holder("", 6.0)
        ana.keys.clear()
        ana.beat()
        await ben.sees_holder(ana.identity)
        # what a beat does not know to be down is let go
        await ana.send("key", SHIFT_L, True, "")
        await eventually(lambda: down(x) == (0, 0), "the beat says that it is up")
        await ana.key(SHIFT_L, True)
        await eventually(lambda: down(x) == (1, 0), "Shift is down")
        await ana.send("reset")
        await eventually(lambda: down(x) == (0, 0), "reset lets go")


@pytest.mark.usefixtures("free")
async def test_a_holder_who_closes_the_tab_or_is_banned_holds_nothing(
    shim: ShimProcess, x: XServer
) -> None:
    async with operator(shim, SESSION) as ben:
        async with operator(shim, SESSION) as ana:
            ana.beat()
            await ana.click(10, 10)
            await ana.key(SHIFT_L, True)
            await eventually(lambda: down(x) == (1, 0), "Shift is down")
            await ana.stop_beating()
        await eventually(lambda: down(x) == (0, 0), "Shift is up", 6.0)
        await ben.sees_holder("", 8.0)


@pytest.mark.usefixtures("free")
async def test_observers_and_malformed_packets_have_no_effect(
    shim: ShimProcess, agent: AgentProcess, x: XServer
) -> None:
    async with operator(shim, SESSION) as ana:
        await ana.click(33, 44)
        await eventually(lambda: pointer(x) == (33, 44), "the click has come")
        examples = json.loads(
            (Path(__file__).parents[1] / "fixtures/input_messages.json").read_text()
        )
        for example in examples["invalid"]:
            await ana.room.local_participant.publish_data(
                example["raw"][:60_000], destination_identities=[ana.agent], topic=ana.topic
            )
        await ana.click(55, 66)
        await eventually(lambda: pointer(x) == (55, 66), "it is still alive")
        assert agent.log().count("input refused") in range(1, 10)
        metrics = agent.metrics()
        assert metrics["sessioncast_input_total/refused"] >= len(examples["invalid"])
        assert metrics["sessioncast_input_total/done"] >= 4
        assert "Traceback" not in agent.log()


@pytest.mark.usefixtures("free")
async def test_a_program_drives_the_desktop_and_yields_to_a_person(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with xterm(x, tmp_path) as terminal:
        offer = await ask_for_offer(shim.url, SESSION, API_KEY, name="bot")
        assert offer.participant_token not in repr(offer)
        async with (
            open_session(offer) as bot,
            operator(shim, SESSION, "observer", hello=False) as watcher,
        ):
            await eventually(lambda: watcher.notices("pos", "cursor"), "the watcher is connected")
            await bot.request_control()
            moved = time.monotonic()
            await bot.move(321, 222)
            await eventually(
                lambda: [321, 222] in [p[2:4] for p in watcher.notices("pos", "cursor")],
                "the watcher sees the bare move", 2.0,
            )  # fmt: skip
            assert time.monotonic() - moved < 1.0
            await bot.click(120, 110)
            await bot.type("héllo 世界\n")
            await bot.key("ctrl+d")
            await eventually(lambda: len(terminal.received()) >= 10, "it was typed")
            assert terminal.received() == "héllo 世界\r\x04"
            picture = await bot.screenshot(max_width_px=640)
            assert (picture.mime, picture.width_px, picture.height_px) == ("image/jpeg", 640, 360)
            assert picture.data.startswith(b"\xff\xd8")
            png = await bot.screenshot(picture_format="png")
            assert png.data.startswith(b"\x89PNG")
            assert bot.size_px == (1280, 720)
            assert await bot.resize(1000, 601) == (1000, 601)
            assert await bot.resize(1280, 720) == (1280, 720)
            await bot.set_clipboard("from a program")
            assert await bot.clipboard() == "from a program"
            with pytest.raises(Refused) as refused:
                await bot.call("click", {"x": "here"})
            assert refused.value.code == 1400
            async with operator(shim, SESSION) as ana:
                await ana.click(10, 10)
                await ana.sees_holder(ana.identity)
                with pytest.raises(Refused) as refused:
                    await bot.type("no")
                assert refused.value.code == 1409


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("free")
async def test_a_flood_is_silenced_at_the_sfu_nothing_stays_down_and_it_is_heard_again_later(
    shim: ShimProcess, agent: AgentProcess, x: XServer
) -> None:
    async with operator(shim, SESSION) as ana, operator(shim, SESSION) as ben:
        await ana.click(10, 10)
        ana.beat()
        payload = json.dumps([1, "key", SHIFT_L, True, ""])

        # no more than a slow machine's SDK has sent before the rest of ten seconds is over
        sent = await flood(ana.room, ana.agent, ana.topic, payload, per_s=10_000, seconds=2.0)
        assert sent > 10_000, "a flood"
        await ana.send("key", SHIFT_L, False, "")
        await eventually(lambda: down(x) == (0, 0), "nothing is down any more", 20.0)
        await ben.sees_holder("")
        assert ["refused", "input"] in [content[:2] for topic, content in ana.heard]
        assert agent.log().count("input refused") < 40
        await ben.click(20, 20)
        await ben.sees_holder(ben.identity)
        await ben.call("control.release")

        deadline = time.monotonic() + 30
        while ana.control.get("control.holder") != ana.identity:
            assert time.monotonic() < deadline, "heard again after its rest"
            await ana.click(30, 30)
            await asyncio.sleep(0.5)
        dropped = agent.metrics()["sessioncast_input_total/dropped"]
        assert 0 < dropped < sent / 2, "the SFU drops the rest"


@pytest.mark.timeout(120)
async def test_the_operator_keeps_control_when_the_sfu_is_killed(
    sfu: LiveKitServer, shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "kept") as process:
        await asyncio.to_thread(process.wait_ready)
        async with operator(shim, "kept") as ana:
            await ana.click(10, 10)
            ana.beat()
            await ana.sees_holder(ana.identity)
            await ana.key(SHIFT_L, True)
            await eventually(lambda: down(x) == (1, 0), "Shift is down")
            sfu.kill()
            await ana.stop_beating()
            await eventually(lambda: down(x) == (0, 0), "no key stays down meanwhile", 15.0)
            ana.keys.clear()
            await asyncio.sleep(3.0)
            await asyncio.to_thread(sfu.restart)
            await eventually(
                lambda: ana.room.connection_state == rtc.ConnectionState.CONN_CONNECTED
                and ana.agent in ana.room.remote_participants,
                "both are back", 60.0,
            )  # fmt: skip
            ana.beat()
            await ana.sees_holder(ana.identity, 20.0)
            await ana.click(77, 88)
            await eventually(lambda: pointer(x) == (77, 88), "and acts", 20.0)
            assert process.log().count("control lost") == 0


async def test_the_audit_names_who_did_what_and_is_found_changed(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    audit = tmp_path / "audit.jsonl"
    with agent_process(shim, x, tmp_path, "audited", "--audit", str(audit)) as process:
        await asyncio.to_thread(process.wait_ready)
        async with operator(shim, "audited", name="Ana") as ana:
            await ana.click(12, 34)
            await ana.stroke(ord("s"), "KeyS")
            await eventually(lambda: pointer(x) == (12, 34), "the click has come")
            await eventually(lambda: b'"keysym":115' in audit.read_bytes(), "it is written")
        assert process.terminate() == 0
    assert audit.stat().st_mode & 0o077 == 0
    lines = audit.read_bytes().splitlines(keepends=True)
    records = [json.loads(line) for line in lines]
    assert [records[0]["kind"], records[-1]["kind"]] == ["start", "end"]
    acts = [record for record in records if record["kind"] == "act"]
    assert {record["identity"] for record in acts} == {ana.identity}
    assert {(record["name"], record["lease"]) for record in acts} == {("Ana", 1)}
    assert acts[0] | {"do": "button", "down": True, "x": 12, "y": 34} == acts[0]
    assert acts[0]["frame"] > 0
    verdict = verify_lines(lines)
    assert (verdict.intact, verdict.closed) == (True, True)

    async def verify(content: bytes) -> int:
        audit.write_bytes(content)
        program = await asyncio.create_subprocess_exec(
            *PROGRAM, "audit", "verify", str(audit),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        return await program.wait()

    whole = b"".join(lines)
    assert await verify(whole) == 0
    assert await verify(whole.replace(b'"x":12', b'"x":13')) == 1
    assert await verify(b"".join(lines[:2] + lines[3:])) == 1
    assert await verify(b"".join(lines[:-1])) == 1


@pytest.mark.usefixtures("free")
async def test_who_is_removed_holds_nothing_and_is_heard_no_more(
    shim: ShimProcess, x: XServer
) -> None:
    async with operator(shim, SESSION) as ana:
        ana.beat()
        await ana.click(10, 10)
        await ana.key(SHIFT_L, True)
        await eventually(lambda: down(x) == (1, 0), "Shift is down")
        path = f"/sessions/{SESSION}/participants/{ana.identity}"
        await asyncio.to_thread(call, shim, "DELETE", path)
        await eventually(lambda: down(x) == (0, 0), "Shift is up")
        await ana.stop_beating()
    async with operator(shim, SESSION) as ben:
        await ben.click(20, 20)
        await eventually(lambda: pointer(x) == (20, 20), "others still act")


async def test_what_a_killed_agent_left_down_is_lifted_by_the_next(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "killed") as process:
        await asyncio.to_thread(process.wait_ready)
        async with operator(shim, "killed") as ana:
            ana.beat()
            await ana.button(True, 10, 10)
            await ana.key(SHIFT_L, True)
            await eventually(lambda: down(x) == (1, 0x100), "a key and a button are down")
            process.kill()
        assert down(x) == (1, 0x100)
        process.start()
        await asyncio.to_thread(process.wait_ready)
        await eventually(lambda: down(x) == (0, 0), "nothing is down any more")


async def test_a_restarted_agent_knows_the_operator_by_its_token_and_a_stop_lets_go(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with agent_process(shim, x, tmp_path, "again") as process:
        await asyncio.to_thread(process.wait_ready)
        async with operator(shim, "again") as ana:
            ana.beat()
            await ana.click(10, 10)
            await ana.sees_holder(ana.identity)
            process.kill()
            process.start()
            await asyncio.to_thread(process.wait_ready)
            await eventually(lambda: ana.agent in ana.room.remote_participants, "it is back")
            ana.topic = (await ana.call("control.hello"))["topic"]
            await ana.click(30, 30)
            await ana.sees_holder(ana.identity)
            await ana.key(SHIFT_L, True)
            await ana.button(True, 40, 40)
            await eventually(lambda: down(x) == (1, 0x100), "Shift and the button are down")
            assert await asyncio.to_thread(process.terminate) == 0
            assert down(x) == (0, 0)
