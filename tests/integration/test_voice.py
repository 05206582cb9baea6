"""An operator speaks; a participant hears it in the session, asks, acts and answers."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from support.agent_process import agent_process
from support.livekit import REPOSITORY
from support.pulse import pulse_server
from support.shim_process import API_KEY, ShimProcess
from support.speaker import speaker
from support.stand_in import HERTZ
from support.viewer import eventually
from support.xserver import XServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


async def test_a_spoken_command_is_done_with_the_operators_leave_and_answered_aloud(
    shim: ShimProcess, x: XServer, tmp_path: Path
) -> None:
    with pulse_server() as pulse:
        env = {name: pulse.env[name] for name in ("PULSE_COOKIE", "XDG_RUNTIME_DIR")}
        named = ("--pulse-server", pulse.server)
        with agent_process(shim, x, tmp_path, "spoken", *named, env=env) as agent:
            agent.wait_ready()
            async with speaker(shim, "spoken", HERTZ) as ana:
                ana.level = 0.0
                await ana.take_control()
                ear = ana.ear
                await eventually(
                    lambda: ear.attributes("spoken").get("control.holder") == ear.identity,
                    "control",
                )
                voice = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "sessioncast_agent.voice", "--session", "spoken",
                     "--signaling-url", shim.url, "--recognizer",
                     "support.stand_in:ToneRecognizer", *named,
                    env=env | {
                        "PATH": os.environ["PATH"], "HOME": str(tmp_path),
                        "PYTHONPATH": f"{REPOSITORY / 'agent/src'}:{REPOSITORY / 'tests'}",
                        "SESSIONCAST_API_KEY": API_KEY,
                        "STAND_IN_PHRASE": "computer type hello",
                    },
                )  # fmt: skip
                try:
                    ai = await _asked_for_control(ana.ear.room, ana)
                    await ear.room.local_participant.perform_rpc(
                        destination_identity=ana.agent, method="control.grant",
                        payload=json.dumps({"identity": ai}),
                    )  # fmt: skip
                    await eventually(
                        lambda: any(text == "Typed hello." for text, _ in ear.captions),
                        "the spoken answer", 30,
                    )  # fmt: skip
                    assert ear.attributes("spoken")["control.actor"] == "ai"
                    # it still hears the person who gave it control
                    ear.captions.clear()
                    ana.level = 0.0
                    await asyncio.sleep(1)
                    ana.level = 0.5
                    await eventually(
                        lambda: any(text == "Typed hello." for text, _ in ear.captions),
                        "the next command", 30,
                    )  # fmt: skip
                finally:
                    voice.kill()
                    await voice.wait()


async def _asked_for_control(room: object, ana: object) -> str:
    """Speak once the AI is there, and wait for its request."""
    from livekit import rtc

    from support.speaker import Speaker

    assert isinstance(room, rtc.Room)
    assert isinstance(ana, Speaker)
    requests: list[str] = []

    def data(packet: rtc.DataPacket) -> None:
        if packet.topic == "notice":
            notice = json.loads(packet.data)
            if notice[0] == "control.requested":
                requests.append(notice[1])

    room.on("data_received", data)
    for _ in range(10):
        ana.level = 0.5
        await asyncio.sleep(1.5)
        if requests:
            break
        ana.level = 0.0
        await asyncio.sleep(0.7)
    assert requests, "no request for control came"
    return requests[0]
