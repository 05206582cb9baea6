"""Opening an X display with errors that say what to do."""

from __future__ import annotations

import os
import re

import Xlib.display
import Xlib.error
import Xlib.xauth

from sessioncast_agent.errors import DisplayLost

_NAME = re.compile(r"^(?P<host>[\w.\-/]*):(?P<number>\d{1,5})(\.\d{1,3})?$")

XErrors = (
    Xlib.error.ConnectionClosedError,
    Xlib.error.DisplayError,
    Xlib.error.XError,
    Xlib.error.XauthError,
    OSError,
)


def is_display_name(name: str) -> bool:
    """Whether `name` looks like `:1`, `host:1` or `:1.0`."""
    return _NAME.match(name) is not None


def open_display(name: str) -> Xlib.display.Display:
    """Connect to the X server `name`.

    Raises DisplayLost with the likely cause: nothing listens, or the cookie is refused.
    """
    try:
        return Xlib.display.Display(name)
    except XErrors as error:
        text = str(error)
        if "uthoriz" in text or "rotocol" in text or "cookie" in text.lower():
            where = os.environ.get("XAUTHORITY", "~/.Xauthority")
            raise DisplayLost(
                f"the X server {name} refuses our cookie; "
                f"point XAUTHORITY (now {where}) at its file"
            ) from error
        raise DisplayLost(
            f"no X server answers at {name}; start it, or correct --display"
        ) from error
