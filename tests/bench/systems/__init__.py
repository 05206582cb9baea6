"""The systems under test: ours and the four references, behind one small interface."""

from bench.systems.base import Stage, System
from bench.systems.livekit import (
    Clock30,
    LiveKitSystem,
    Raw,
    Sessioncast,
    SessioncastShim,
    open_page,
)
from bench.systems.novnc import NoVnc
from bench.systems.selkies import Selkies

SYSTEMS: dict[str, type[System]] = {
    system.name: system for system in (Sessioncast, Raw, Clock30, NoVnc, Selkies)
}

__all__ = ["SYSTEMS", "LiveKitSystem", "SessioncastShim", "Stage", "System", "open_page"]
