"""A hostile operator as a process: `python -m bench.flooder AGENT SECONDS PER_SECOND`.

LIVEKIT_URL and LIVEKIT_TOKEN come from the environment. Says hello, holds Shift down again and
again for that long, lets go of it with its very last message, and prints how many messages it was.
"""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

from livekit import rtc

from support.operators import flood

SHIFT_L = 0xFFE1
LINGER_S = 8.0  # what is still in its data channel goes out


async def main(agent: str, seconds: float, per_s: int) -> None:
    """Join, wait for a line on stdin, flood, let go."""
    room = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=False)
    await room.connect(os.environ["LIVEKIT_URL"], os.environ["LIVEKIT_TOKEN"], options)
    topic = "input"
    if agent in room.remote_participants:
        answer = await room.local_participant.perform_rpc(
            destination_identity=agent, method="control.hello", payload="{}"
        )
        topic = json.loads(answer)["topic"]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    down = json.dumps([1, "key", SHIFT_L, True, ""], separators=(",", ":"))
    sent = await flood(room, agent, topic, down, per_s=per_s, seconds=seconds)
    print(sent, flush=True)
    up = json.dumps([1, "key", SHIFT_L, False, ""], separators=(",", ":"))
    await room.local_participant.publish_data(up, destination_identities=[agent], topic=topic)
    await asyncio.sleep(LINGER_S)
    await room.disconnect()


def step_back() -> None:
    """In earnest it is on a machine of its own, where what it computes delays nobody here.

    Where the kernel groups processes by session (sched(7), autogroup), nice values count within a
    group only, and the group has one of its own.
    """
    os.nice(19)
    with contextlib.suppress(OSError):  # a kernel without autogroups
        Path("/proc/self/autogroup").write_text("19")


if __name__ == "__main__":
    step_back()
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
