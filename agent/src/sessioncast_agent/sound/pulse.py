"""The session's sound server: which monitor to listen to, and a microphone that is not there.

Follows the default sink, whichever an application makes that; makes a null sink where there is
none. The microphone is a null sink of its own whose monitor is offered as a source, so that what
the operator says is never part of what the desktop plays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

# neither package is typed
from pulsectl import PulseDisconnected, PulseError  # type: ignore[import-untyped]
from pulsectl_asyncio import PulseAsync  # type: ignore[import-untyped]

from sessioncast_agent.errors import StageUnavailable

log = logging.getLogger(__name__)

SINK = "sessioncast"
MICROPHONE_SINK = "sessioncast-microphone-in"
MICROPHONE = "sessioncast-microphone"
NULL_SINK = "module-null-sink"
NO_SINKS = {"auto_null", MICROPHONE_SINK}

CONNECT_TIMEOUT_S = 2.0
CALL_TIMEOUT_S = 2.0
CHECK_S = 2.0
RETRY_S = 0.5
SETTLE_S = 0.02  # events come in swarms

RESTORE_EVERY_S = 2.0  # somebody else may insist on another microphone
TIDY_TIMEOUT_S = 1.0
LOST = (PulseError, PulseDisconnected, TimeoutError)

T = TypeVar("T")


@dataclass(frozen=True)
class Devices:
    """What the sound server offers now. `index` changes when a device is made anew."""

    monitor: str
    index: int
    microphone_sink: str | None
    microphone_index: int = 0


class PulseWatch:
    """Belongs to one event loop; `run` until cancelled."""

    def __init__(
        self,
        server: str | None,
        *,
        must_have: bool,
        microphone: bool,
        changed: Callable[[Devices | None], None],
    ) -> None:
        self._server, self._must_have, self._microphone = server, must_have, microphone
        self._changed = changed
        self._devices: Devices | None = None
        self._loaded: list[int] = []
        self._refused: set[str] = set()
        self._dirty = asyncio.Event()
        self._said = False
        self._restored_s = -RESTORE_EVERY_S

    async def run(self) -> None:
        """Connect, watch, connect again; raises StageUnavailable where no server is to be had."""
        while True:
            pulse = PulseAsync("sessioncast-watch", server=self._server)
            try:
                await pulse.connect(timeout=CONNECT_TIMEOUT_S)
                log.info("the sound server answers")
                self._said = False
                await self._watch(pulse)
            except LOST as error:
                self._tell(None)
                self._say(error)
            finally:
                self._tell(None)
                with contextlib.suppress(*LOST):
                    pulse.close()
            await asyncio.sleep(RETRY_S)

    def _say(self, error: Exception) -> None:
        where = self._server or "the default place"
        if not self._must_have and self._server is None and self._devices is None:
            raise StageUnavailable(
                "no sound server answers; name one by --pulse-server unix:/path to have sound"
            ) from error
        if not self._said:
            log.warning(
                "no sound server answers at %s, the session is silent until one does: %s",
                where, str(error) or type(error).__name__,
            )  # fmt: skip
            self._said = True

    def _tell(self, devices: Devices | None) -> None:
        if devices != self._devices:
            self._devices = devices
            self._changed(devices)

    async def _watch(self, pulse: PulseAsync) -> None:
        self._loaded.clear()
        self._refused.clear()
        events = asyncio.create_task(self._listen(pulse), name="pulse-events")
        try:
            while True:
                self._dirty.clear()
                self._tell(await self._settle(pulse))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_S):
                        await self._dirty.wait()
                if events.done():
                    raise PulseError("the sound server went away")
                await asyncio.sleep(SETTLE_S)
        except asyncio.CancelledError:
            await self._tidy(pulse)
            raise
        finally:
            events.cancel()
            await asyncio.wait([events], timeout=TIDY_TIMEOUT_S)

    async def _listen(self, pulse: PulseAsync) -> None:
        events: AsyncIterator[Any] = pulse.subscribe_events("server", "sink", "source")
        try:
            async for event in events:
                gone = event.t == "remove" and event.facility == "source"
                if gone and self._devices is not None and event.index == self._devices.index:
                    # at once: its recorder may by now have been moved to another source
                    self._tell(None)
                self._dirty.set()
        finally:
            self._dirty.set()

    async def _settle(self, pulse: PulseAsync) -> Devices | None:
        """Make what is missing, and say what there is."""
        sinks = {sink.name: sink for sink in await _call(pulse.sink_list())}
        default = (await _call(pulse.server_info())).default_sink_name
        if not sinks.keys() - NO_SINKS:
            await self._load(
                pulse, NULL_SINK,
                f"sink_name={SINK} rate=48000 channels=2"
                " sink_properties=device.description=Session",
            )  # fmt: skip
            sinks = {sink.name: sink for sink in await _call(pulse.sink_list())}
        if default not in sinks or default in NO_SINKS:
            usable = [SINK] if SINK in sinks else sorted(sinks.keys() - NO_SINKS) or sorted(sinks)
            if not usable or usable[0] == MICROPHONE_SINK:
                return None
            if usable[0] != default:
                default = usable[0]
                await _call(pulse.sink_default_set(default))
        microphone = await self._settle_microphone(pulse, set(sinks))
        sources = {source.name: source for source in await _call(pulse.source_list())}
        monitor = sources.get(sinks[default].monitor_source_name)
        if monitor is None:
            return None
        return Devices(monitor.name, monitor.index, *microphone)

    async def _settle_microphone(
        self, pulse: PulseAsync, sinks: set[str]
    ) -> tuple[str | None, int]:
        if not self._microphone:
            return None, 0
        if MICROPHONE_SINK not in sinks:
            await self._load(
                pulse, NULL_SINK,
                f"sink_name={MICROPHONE_SINK} rate=48000 channels=1"
                " sink_properties=device.description=Operator",
            )  # fmt: skip
        sources = {source.name: source for source in await _call(pulse.source_list())}
        monitor = sources.get(f"{MICROPHONE_SINK}.monitor")
        if monitor is None:
            return None, 0
        if MICROPHONE not in sources:
            await self._load(
                pulse, "module-remap-source",
                f"source_name={MICROPHONE} master={monitor.name}"
                " source_properties=device.description=Microphone",
            )  # fmt: skip
        now_s = asyncio.get_running_loop().time()
        wrong = (await _call(pulse.server_info())).default_source_name != MICROPHONE
        if wrong and now_s - self._restored_s >= RESTORE_EVERY_S:
            self._restored_s = now_s
            with contextlib.suppress(PulseError):
                await _call(pulse.source_default_set(MICROPHONE))
        return MICROPHONE_SINK, monitor.index

    async def _load(self, pulse: PulseAsync, module: str, arguments: str) -> None:
        if arguments in self._refused:
            return
        # without it a null sink works in blocks of two seconds until somebody wants less; older
        # servers do not know it
        for more in (" norewinds=1", "") if module == NULL_SINK else ("",):
            try:
                self._loaded.append(await _call(pulse.module_load(module, arguments + more)))
            except PulseError:
                continue
            return
        self._refused.add(arguments)
        log.warning("the sound server refuses to load %s; going on without it", module)

    async def _tidy(self, pulse: PulseAsync) -> None:
        """Leave no device of ours behind, if the server still answers."""
        with contextlib.suppress(*LOST):
            async with asyncio.timeout(TIDY_TIMEOUT_S):
                for index in reversed(self._loaded):
                    await pulse.module_unload(index)


async def _call(operation: Awaitable[T]) -> T:
    async with asyncio.timeout(CALL_TIMEOUT_S):
        return await operation
