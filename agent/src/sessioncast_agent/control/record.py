"""Where acts and changes of control are written: the audit, and a recording's events.

One writer for both: the desk calls `InputRecord`, which hands each record to every sink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sessioncast_agent.audience import Person
from sessioncast_agent.control.hands import describe
from sessioncast_agent.control.lease import Change
from sessioncast_agent.inputs import InputEvent, Key, Text

UNICODE_KEYSYMS = 0x1000000


class RecordSink(Protocol):
    """Takes records; must not block."""

    def write(self, record: dict[str, Any]) -> None:
        """Keep this one."""


def _typed(event: InputEvent) -> bool:
    """Whether it tells what was written: letters and text, not Return, arrows or modifiers."""
    if isinstance(event, Key):
        return (
            event.keysym < 0xFE00
            or event.keysym >= UNICODE_KEYSYMS
            or (
                0xFF80 <= event.keysym <= 0xFFBD  # the keypad
            )
        )
    return isinstance(event, Text)


class InputRecord:
    """`secret_focus` says whether a password field has the focus; None where it cannot be known."""

    def __init__(
        self, unix_us: Callable[[], int], secret_focus: Callable[[], bool | None], *, text: bool
    ) -> None:
        self._unix_us, self._secret_focus, self._text = unix_us, secret_focus, text
        self._sinks: list[RecordSink] = []

    def add(self, sink: RecordSink) -> None:
        """Write to this one too."""
        self._sinks.append(sink)

    def remove(self, sink: RecordSink) -> None:
        """And no more."""
        self._sinks.remove(sink)

    def acted(self, person: Person, lease: int, frame: int, events: Sequence[InputEvent]) -> None:
        """These were injected for `person`, who looked at `frame`."""
        if not self._sinks:
            return
        secret = any(map(_typed, events)) and bool(self._secret_focus())
        for event in events:
            fields = describe(event)
            if _typed(event) and (secret or not self._text):
                kept = {"do": fields["do"]} | (
                    {"down": event.down} if isinstance(event, Key) else {}
                )
                fields = kept | {"withheld": "secret" if secret else "text"}
            self._write("act", person, lease, {"frame": frame} | fields)

    def control(self, change: Change, lease: int) -> None:
        """Control changed."""
        if self._sinks:
            fields = {"what": change.what.value} | (
                {"reason": change.reason} if change.reason else {}
            )
            self._write("control", change.person, lease, fields)

    def note(self, kind: str, person: Person, lease: int, fields: dict[str, Any]) -> None:
        """Anything else that somebody did (the clipboard, the size)."""
        if self._sinks:
            self._write(kind, person, lease, fields)

    def _write(self, kind: str, person: Person, lease: int, fields: dict[str, Any]) -> None:
        record = {
            "t_us": self._unix_us(),
            "kind": kind,
            "identity": person.identity,
            "name": person.name,
            "role": person.role,
            "actor": person.actor,
            "lease": lease,
        } | fields
        for sink in self._sinks:
            sink.write(record)
