"""Optional parts of a session (control, sound, the fallback, …), and who looks after them.

A stage may fail without harm to picture and room: its `run` is started again with a growing pause,
and its state can be seen in the metrics and the agent's attributes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from livekit import rtc

from sessioncast_agent.audience import Person
from sessioncast_agent.backend import CursorImage, CursorPosition
from sessioncast_agent.errors import StageUnavailable
from sessioncast_agent.inputs import Clip

log = logging.getLogger(__name__)

RpcHandler = Callable[[rtc.RpcInvocationData], Awaitable[str]]
ShimMethod = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

RESTART_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
SETTLED_S = 30.0  # after this long without a failure the next one counts as the first


class Stage:
    """Override what is needed; every method is called on the event loop and must not block."""

    name = "stage"

    async def run(self) -> None:
        """The stage's work until it is cancelled; an exception starts it again.

        Raise StageUnavailable for what cannot work here at all (no sound server is named): said
        once, never tried again.
        """
        await asyncio.Event().wait()

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """Methods that participants may call in each new room."""
        return {}

    def shim_methods(self) -> dict[str, ShimMethod]:
        """Methods that only the shim may call (in signed envelopes), by their `shim.*` names."""
        return {}

    def attributes(self) -> dict[str, str]:
        """What late joiners must know; ask the session for `attributes_due` when it changes."""
        return {}

    def expected(self, person: Person) -> None:
        """The shim gave this viewer a token; its role is known from here on."""

    def banned(self, identity: str, until_us: int) -> None:
        """The shim has removed this viewer: nothing more of it or for it until then (monotonic)."""

    def pardoned(self, identity: str) -> None:
        """The shim lets this viewer in again."""

    def published(self, attributes: dict[str, str]) -> None:
        """The room knows these attributes now."""

    def joined(self, room: rtc.Room) -> None:
        """A new room stands."""

    def left(self) -> None:
        """The room is gone; another may follow."""

    def participant_joined(self, identity: str) -> None:
        """Somebody was announced (up to three seconds late)."""

    def participant_left(self, identity: str) -> None:
        """Somebody is gone (up to three seconds late)."""

    def watched(self, watched: bool) -> None:
        """Somebody watches now, or nobody any more."""

    def copied(self, clip: Clip) -> None:
        """A program of the session copied something."""

    def pointer_shape(self, image: CursorImage) -> None:
        """The pointer looks different now."""

    def pointer_place(self, place: CursorPosition) -> None:
        """The pointer moved."""

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        """A data packet; `identity` is who the SFU says has sent it, empty when it does not."""


class StageKeeper(Stage):
    """All stages as one: runs them side by side, starts again what fails, and tells each of them
    everything. What one does wrong while it is told is logged and harms no other."""

    name = "stages"

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)
        self.state: dict[str, str] = {stage.name: "starting" for stage in self._stages}

    async def run(self) -> None:
        """Until cancelled; ends the stages in reverse order."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._keep(stage), name=stage.name) for stage in self._stages]
        try:
            await asyncio.Event().wait()
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            self.state[stage.name] = "running"
            try:
                await stage.run()
                self.state[stage.name] = "ended"
                return
            except StageUnavailable as error:
                log.info("%s is off: %s", stage.name, error)
                self.state[stage.name] = "off"
                return
            except Exception as error:
                if loop.time() - began > SETTLED_S:
                    failures = 0
                pause_s = RESTART_PAUSES_S[min(failures, len(RESTART_PAUSES_S) - 1)]
                failures += 1
                self.state[stage.name] = "restarting"
                log.warning("%s failed and starts again in %.1f s: %r", stage.name, pause_s, error)
                await asyncio.sleep(pause_s)

    def _tell(self, call: Callable[[Stage], None]) -> None:
        for stage in self._stages:
            try:
                call(stage)
            except Exception:
                log.exception("%s could not take what it was told", stage.name)

    def rpc_handlers(self) -> dict[str, RpcHandler]:
        """Of all stages."""
        return dict(item for stage in self._stages for item in stage.rpc_handlers().items())

    def shim_methods(self) -> dict[str, ShimMethod]:
        """Of all stages."""
        return dict(item for stage in self._stages for item in stage.shim_methods().items())

    def attributes(self) -> dict[str, str]:
        """Of all stages."""
        return dict(item for stage in self._stages for item in stage.attributes().items())

    def expected(self, person: Person) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.expected(person))

    def banned(self, identity: str, until_us: int) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.banned(identity, until_us))

    def pardoned(self, identity: str) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.pardoned(identity))

    def published(self, attributes: dict[str, str]) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.published(attributes))

    def joined(self, room: rtc.Room) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.joined(room))

    def left(self) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.left())

    def participant_joined(self, identity: str) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.participant_joined(identity))

    def participant_left(self, identity: str) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.participant_left(identity))

    def watched(self, watched: bool) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.watched(watched))

    def copied(self, clip: Clip) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.copied(clip))

    def pointer_shape(self, image: CursorImage) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.pointer_shape(image))

    def pointer_place(self, place: CursorPosition) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.pointer_place(place))

    def data(self, topic: str, payload: bytes, identity: str) -> None:
        """Tell all."""
        self._tell(lambda stage: stage.data(topic, payload, identity))
