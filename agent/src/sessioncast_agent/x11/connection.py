"""One connection to the X server for the capture: changes, size, and the picture itself.

`ShmScreen` is the usual one. x11grab beside python-xlib takes its place where the pointer is to be
drawn into the picture or the server has no shared memory for us (another host, another depth).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from Xlib import X
from Xlib.ext import damage

from sessioncast_agent.errors import CannotStart, CaptureFailed, DisplayLost
from sessioncast_agent.media import RawFrame
from sessioncast_agent.x11.display import XErrors, open_display
from sessioncast_agent.x11.grabber import Grabber
from sessioncast_agent.x11.shm import ShmMissing, ShmScreen

MIN_SIDE_PX = 16  # one macroblock; smaller screens are refused by name


class ScreenConnection(Protocol):
    """Not thread safe. Every call may raise DisplayLost or one of XErrors."""

    size_px: tuple[int, int]

    def query_size(self) -> tuple[int, int]:
        """The root window's size, asked of the server."""

    def fileno(self) -> int:
        """What to wait on for events."""

    def read_events(self) -> tuple[bool, bool]:
        """(something was drawn, the size changed), from the events that have come in."""

    def grab(self) -> RawFrame:
        """The screen as it is now; whatever is drawn later is reported again.

        Raises CaptureFailed, also when the screen has changed its size: `reopen` then.
        """

    def reopen(self) -> None:
        """Take the present size."""

    def close(self) -> None:
        """Errors of a dead server do not matter."""


class GrabberScreen:
    """x11grab, with the damage on a connection of its own through python-xlib."""

    def __init__(self, name: str, *, draw_pointer: bool) -> None:
        self._name, self._draw_pointer = name, draw_pointer
        self._display = open_display(name)
        try:
            if not self._display.has_extension("DAMAGE"):
                raise CannotStart(f"the X server {name} has no DAMAGE extension; enable it")
            self._display.damage_query_version()
            self._root = self._display.screen().root
            self._root.change_attributes(event_mask=X.StructureNotifyMask)
            self._damage = self._root.damage_create(damage.DamageReportNonEmpty)
            self._damage_event = self._display.extension_event.DamageNotify
            self.size_px = self.query_size()
            self._grabber = self._open_grabber()
        except XErrors as error:
            self._display.close()
            raise DisplayLost(f"the X server {name} went away: {error}") from error
        except (CaptureFailed, CannotStart):
            self._display.close()
            raise

    def query_size(self) -> tuple[int, int]:
        """See ScreenConnection."""
        geometry = self._root.get_geometry()
        return int(geometry.width), int(geometry.height)

    def _open_grabber(self) -> Grabber:
        return Grabber(self._name, *self.size_px, draw_pointer=self._draw_pointer)

    def fileno(self) -> int:
        """See ScreenConnection."""
        return int(self._display.fileno())

    def read_events(self) -> tuple[bool, bool]:
        """See ScreenConnection."""
        drawn = resized = False
        for _ in range(self._display.pending_events()):
            event = self._display.next_event()
            if event.type == self._damage_event:
                drawn = True
            elif event.type == X.ConfigureNotify:
                resized |= (event.width, event.height) != self.size_px
        return drawn, resized

    def grab(self) -> RawFrame:
        """See ScreenConnection. The grab uses a connection of its own, and the server promises no
        order between two: the round trip makes sure that it has taken the damage back before."""
        self._display.damage_subtract(self._damage)
        self._display.sync()
        return self._grabber.grab()

    def reopen(self) -> None:
        """See ScreenConnection."""
        self._grabber.close()
        self.size_px = self.query_size()
        self._grabber = self._open_grabber()

    def close(self) -> None:
        """See ScreenConnection."""
        self._grabber.close()
        with suppress(*XErrors):
            self._display.close()


def open_screen(name: str, *, draw_pointer: bool) -> ScreenConnection:
    """Connect; raises DisplayLost, CaptureFailed, or CannotStart for what will never work."""
    screen: ScreenConnection | None = None
    if not draw_pointer:
        with suppress(ShmMissing):
            screen = ShmScreen(name)
    if screen is None:
        screen = GrabberScreen(name, draw_pointer=draw_pointer)
    try:
        check_size(name, screen.size_px)
    except CannotStart:
        screen.close()
        raise
    return screen


def check_size(name: str, size_px: tuple[int, int]) -> None:
    """Refuse what cannot be encoded."""
    if min(size_px) < MIN_SIDE_PX:
        raise CannotStart(
            f"the screen of {name} is {size_px[0]}x{size_px[1]}; "
            f"it must be at least {MIN_SIDE_PX}x{MIN_SIDE_PX}"
        )
