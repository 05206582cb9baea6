"""`python -m sessioncast_agent.demo.arrange CLASS=X,Y,WxH …`: wait for windows, and place them.

A process of its own, ended by a deadline from outside: Xlib calls block, and python-xlib takes the
cookie only from the environment. The last window named is the active one.
"""

import re
import sys
import time
from dataclasses import dataclass

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol.event import ClientMessage
from Xlib.xobject.drawable import Window

_POLL_S = 0.05
_MOVERESIZE_ALL = 0xF << 8 | X.NorthWestGravity  # x, y, width and height are given
_FROM_PAGER = 2 << 12


@dataclass(frozen=True)
class Place:
    """Where a window with this WM_CLASS goes, its frame included."""

    wm_class: str
    x_px: int
    y_px: int
    width_px: int
    height_px: int

    def __str__(self) -> str:
        return f"{self.wm_class}={self.x_px},{self.y_px},{self.width_px}x{self.height_px}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read what `str` made."""
        match = re.fullmatch(r"(.+)=(\d+),(\d+),(\d+)x(\d+)", text)
        if match is None:
            raise ValueError(f"not a place: {text}")
        return cls(match[1], *map(int, match.groups()[1:]))


class Desktop:
    """The window manager's list of windows."""

    def __init__(self) -> None:
        self._display = Display()
        self._root = self._display.screen().root

    def _property(self, window: Window, name: str, kind: int) -> list[int]:
        found = window.get_full_property(self._display.intern_atom(name), kind)
        return [] if found is None else list(found.value)

    def find(self, wm_class: str) -> Window | None:
        """Find a managed window by its class."""
        for window_id in self._property(self._root, "_NET_CLIENT_LIST", Xatom.WINDOW):
            window = self._display.create_resource_object("window", window_id)
            if wm_class.lower() in [name.lower() for name in window.get_wm_class() or ()]:
                return window
        return None

    def _ask(self, window: Window, name: str, data: list[int]) -> None:
        """Send a request to the window manager."""
        atom = self._display.intern_atom(name)
        event = ClientMessage(window=window, client_type=atom, data=(32, data))
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
        self._root.send_event(event, event_mask=mask)

    def place(self, window: Window, place: Place) -> None:
        """Move and resize; the frame is part of the size."""
        frame = self._property(window, "_NET_FRAME_EXTENTS", Xatom.CARDINAL) or [0, 0, 0, 0]
        left, right, top, bottom = frame
        size = [place.width_px - left - right, place.height_px - top - bottom]
        data = [_MOVERESIZE_ALL | _FROM_PAGER, place.x_px, place.y_px, *size]
        self._ask(window, "_NET_MOVERESIZE_WINDOW", data)

    def activate(self, window: Window) -> None:
        """Give it the focus."""
        self._ask(window, "_NET_ACTIVE_WINDOW", [2, X.CurrentTime, 0, 0, 0])

    def flush(self) -> None:
        """Wait until the server has seen it all."""
        self._display.sync()


def main(arguments: list[str]) -> None:
    """Wait for each window and place it as it comes."""
    desktop = Desktop()
    waiting = [Place.parse(argument) for argument in arguments]
    last = waiting[-1].wm_class
    while waiting:
        for place in list(waiting):
            window = desktop.find(place.wm_class)
            if window is not None:
                desktop.place(window, place)
                waiting.remove(place)
        desktop.flush()
        time.sleep(_POLL_S)
    active = desktop.find(last)
    if active is not None:
        desktop.activate(active)
    desktop.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
