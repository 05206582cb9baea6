"""The stages that make up control, in the order in which they start."""

from __future__ import annotations

from sessioncast_agent.clocks import SharedClock
from sessioncast_agent.config import AuditText, ControlSettings
from sessioncast_agent.control.desk import ControlDesk, Place
from sessioncast_agent.control.record import InputRecord


def make_desk(place: Place, settings: ControlSettings, clock: SharedClock) -> ControlDesk:
    """The desk with its record."""
    record = InputRecord(
        clock.unix_us,
        place.backend.secret_focus,
        text=settings.audit_text is AuditText.ON,
    )
    return ControlDesk(place, settings, record)
