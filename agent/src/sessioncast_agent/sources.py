"""What is shown: the backend for a session's source, and the stages that only one kind has."""

from __future__ import annotations

from collections.abc import Callable

from sessioncast_agent.backend import BackendEvents, SessionBackend
from sessioncast_agent.browsing.stage import BrowserStage
from sessioncast_agent.cdp.backend import CdpBackend
from sessioncast_agent.cdp.screen import Viewport
from sessioncast_agent.config import AgentSettings, BrowserSource, CursorMode
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.stages import Stage
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.backend import X11Backend


def make_backend(
    settings: AgentSettings, usage: UsageMeter, events: BackendEvents
) -> SessionBackend:
    """The one place that knows every kind of session."""
    source = settings.source
    if isinstance(source, BrowserSource):
        viewport = Viewport(source.width_px, source.height_px, source.scale)
        return CdpBackend(
            source.address, source.policy, viewport, fps=settings.fps, usage=usage, events=events,
            embed_pointer=settings.cursor is CursorMode.EMBED,
        )  # fmt: skip
    return X11Backend(
        source.name,
        fps=settings.fps,
        embed_pointer=settings.cursor is CursorMode.EMBED,
        usage=usage,
        events=events,
    )


def own_stages(
    backend: SessionBackend, desk: ControlDesk, attributes_changed: Callable[[], None]
) -> list[Stage]:
    """Parts that only this kind of session has."""
    if isinstance(backend, CdpBackend):
        return [BrowserStage(backend, desk, attributes_changed)]
    return []
