"""The encoder's access units for more than the room: each sink sees every unit, before it is sent.

Sinks are called on the encode thread and must not block. Without sinks it costs one empty loop.
"""

from __future__ import annotations

from collections.abc import Callable

from sessioncast_agent.media import AccessUnit
from sessioncast_agent.video.stage import Feedback, VideoOutput

UnitSink = Callable[[AccessUnit], None]


class Tee:
    """A VideoOutput in front of another."""

    def __init__(self, output: VideoOutput) -> None:
        self._output = output
        self._sinks: tuple[UnitSink, ...] = ()

    def attach(self, sink: UnitSink) -> None:
        """From the next unit on; ask for a keyframe to begin with one. Twice counts once."""
        self.detach(sink)
        self._sinks = (*self._sinks, sink)

    def detach(self, sink: UnitSink) -> None:
        """No more; a unit under way may still come."""
        self._sinks = tuple(other for other in self._sinks if other != sink)

    def send(self, unit: AccessUnit) -> None:
        """See VideoOutput."""
        for sink in self._sinks:
            sink(unit)
        self._output.send(unit)

    def take_feedback(self) -> Feedback:
        """See VideoOutput; sinks ask the stage itself."""
        return self._output.take_feedback()
