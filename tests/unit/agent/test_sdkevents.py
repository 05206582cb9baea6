"""The tap of the SDK's events: what is taken goes no further, the rest goes the SDK's way."""

from typing import Any, cast

import pytest
from livekit.rtc._ffi_client import FfiClient, FfiQueue
from livekit.rtc._proto.ffi_pb2 import FfiEvent

from sessioncast_agent.sdkevents import EventTap

pytestmark = pytest.mark.unit


class Client:
    """What the tap needs of the SDK's."""

    def __init__(self) -> None:
        self.queue: FfiQueue[FfiEvent] = FfiQueue()


def answer(number: int) -> FfiEvent:
    event = FfiEvent()
    event.capture_audio_frame.async_id = number
    return event


async def test_what_is_taken_goes_no_further_until_the_taker_leaves() -> None:
    client = Client()
    tap = EventTap(cast("FfiClient", client))
    rest = client.queue.subscribe()
    taken: list[int] = []

    def even(event: FfiEvent) -> bool:
        number = event.capture_audio_frame.async_id
        if number % 2 == 0:
            taken.append(number)
        return number % 2 == 0

    def put(event: FfiEvent) -> None:
        client.queue.put(event)

    async def passed() -> Any:
        return (await rest.get()).capture_audio_frame.async_id

    tap.add("capture_audio_frame", even)
    for number in (1, 2, 3, 4):
        put(answer(number))
    assert taken == [2, 4]
    assert [await passed(), await passed()] == [1, 3]
    tap.remove("capture_audio_frame", even)
    tap.remove("capture_audio_frame", even)
    put(answer(6))
    assert await passed() == 6
    assert taken == [2, 4]


async def test_kinds_that_nobody_takes_are_not_offered() -> None:
    client = Client()
    tap = EventTap(cast("FfiClient", client))
    rest = client.queue.subscribe()
    tap.add("room_event", lambda event: pytest.fail(f"offered: {event}"))
    client.queue.put(answer(1))
    client.queue.put(FfiEvent())
    assert (await rest.get()).capture_audio_frame.async_id == 1
    assert (await rest.get()).WhichOneof("message") is None
