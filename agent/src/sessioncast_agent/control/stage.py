"""The stages that make up control, in the order in which they start (and end, reversed)."""

from __future__ import annotations

from sessioncast_agent.clocks import SharedClock
from sessioncast_agent.config import AuditText, ControlSettings
from sessioncast_agent.control.audit import AuditLog
from sessioncast_agent.control.calls import Calls
from sessioncast_agent.control.clipboard import ClipboardDesk
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.place import Place
from sessioncast_agent.control.record import InputRecord
from sessioncast_agent.control.verbs import ControlVerbs
from sessioncast_agent.stages import Stage


class Control:
    """`desk`, `clipboard` and `record` are what other stages (fallback, recording) use."""

    def __init__(
        self, place: Place, settings: ControlSettings, *, session: str, clock: SharedClock
    ) -> None:
        self.record = InputRecord(
            clock.unix_us,
            place.backend.secret_focus,
            text=settings.audit_text is AuditText.ON,
        )
        self.desk = ControlDesk(place, settings, self.record)
        calls = Calls(self.desk.people)
        self.clipboard = ClipboardDesk(self.desk, place, calls, settings.clipboard)
        self.stages: list[Stage] = [
            self.desk,
            self.desk.floods,
            ControlVerbs(self.desk, place, calls),
            self.clipboard,
        ]
        if settings.audit is not None:
            audit = AuditLog(
                settings.audit, session=session, unix_us=clock.unix_us, usage=place.usage
            )
            self.record.add(audit)
            self.stages.insert(0, audit)
