"""Another size for the screen, any size, by RandR: as `xrandr --newmode … --output … --mode` does.

Runs on a short-lived thread with an X connection of its own, one change after the other; of several
that wait, only the newest is made. The mode of the last size is destroyed again.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import Xlib.display
from Xlib.ext import randr

from sessioncast_agent.errors import DisplayLost, ResizeRefused
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.x11.display import XErrors, open_display

log = logging.getLogger(__name__)

Size = tuple[int, int]
MIN_SIDE_PX = 64
REFRESH_HZ = 60
MM_PER_PX = 25.4 / 96
MODE_PREFIX = "sessioncast-"


def fitted(size_px: Size, least_px: Size, most_px: Size) -> Size:
    """The nearest size that the screen can have."""
    width, height = (
        min(max(side, low, MIN_SIDE_PX), high)
        for side, low, high in zip(size_px, least_px, most_px, strict=True)
    )
    return width, height


def mode_info(size_px: Size, name: str) -> dict[str, int]:
    """A mode whose timings mean nothing: a virtual screen has none."""
    width, height = size_px
    return {
        "id": 0,
        "width": width,
        "height": height,
        "dot_clock": width * height * REFRESH_HZ,
        "h_sync_start": width,
        "h_sync_end": width,
        "h_total": width,
        "h_skew": 0,
        "v_sync_start": height,
        "v_sync_end": height,
        "v_total": height,
        "name_length": len(name),
        "flags": 0,
    }


def set_size(display: Xlib.display.Display, wanted_px: Size) -> Size:
    """Make the screen this large, or nearly; its size then. Raises ResizeRefused."""
    root = display.screen().root
    limits = root.xrandr_get_screen_size_range()
    size_px = fitted(
        wanted_px,
        (limits.min_width, limits.min_height),
        (limits.max_width, limits.max_height),
    )
    resources = root.xrandr_get_screen_resources()
    stamp = resources.config_timestamp
    output, crtc, old_mode = _used_output(display, resources)
    geometry = root.get_geometry()
    if (geometry.width, geometry.height) == size_px:
        return size_px
    names = _names(resources)
    mode = _mode(display, root, output, size_px)
    display.grab_server()
    try:
        display.xrandr_set_crtc_config(crtc, stamp, 0, 0, 0, randr.Rotate_0, [])
        root.xrandr_set_screen_size(*size_px, *(max(1, round(px * MM_PER_PX)) for px in size_px))
        reply = display.xrandr_set_crtc_config(crtc, stamp, 0, 0, mode, randr.Rotate_0, [output])
    finally:
        display.ungrab_server()
        display.sync()
    if reply.status != randr.SetConfigSuccess:
        raise ResizeRefused(f"the display does not take the size {size_px[0]}x{size_px[1]}")
    if old_mode and names.get(old_mode, "").startswith(MODE_PREFIX) and old_mode != mode:
        display.xrandr_delete_output_mode(output, old_mode)
        display.xrandr_destroy_mode(old_mode)
        display.sync()
    now = root.get_geometry()
    return int(now.width), int(now.height)


def _used_output(display: Xlib.display.Display, resources: Any) -> tuple[int, int, int]:
    """The first connected output, its CRTC and the CRTC's mode."""
    for output in resources.outputs:
        info = display.xrandr_get_output_info(output, resources.config_timestamp)
        crtcs = [info.crtc] if info.crtc else list(info.crtcs)
        if info.connection == randr.Connected and crtcs:
            crtc = display.xrandr_get_crtc_info(crtcs[0], resources.config_timestamp)
            return output, crtcs[0], int(crtc.mode)
    raise ResizeRefused("the display has no output that could change its size")


def _names(resources: Any) -> dict[int, str]:
    """Mode names by id; the server sends them in one string."""
    text, at, names = resources.mode_names, 0, {}
    for mode in resources.modes:
        name = text[at : at + mode.name_length]
        names[int(mode.id)] = name if isinstance(name, str) else bytes(name).decode("latin-1")
        at += mode.name_length
    return names


def _mode(display: Xlib.display.Display, root: Any, output: int, size_px: Size) -> int:
    """A mode of this size at the output: one that there is, or a new one."""
    resources = root.xrandr_get_screen_resources()
    known = set(display.xrandr_get_output_info(output, resources.config_timestamp).modes)
    for mode in resources.modes:
        if (mode.width, mode.height) == size_px and mode.id in known:
            return int(mode.id)
    name = f"{MODE_PREFIX}{size_px[0]}x{size_px[1]}"
    for number, known_name in _names(resources).items():
        if known_name == name:
            created = number
            break
    else:
        created = int(root.xrandr_create_mode(mode_info(size_px, name), name).mode)
    display.xrandr_add_output_mode(output, created)
    display.sync()
    return created


class X11Resizer:
    """See the module; `resize` is thread safe."""

    def __init__(self, display_name: str, *, usage: UsageMeter) -> None:
        self._name, self._usage = display_name, usage
        self._lock = threading.Lock()
        self._wanted: tuple[Size, Future[Size]] | None = None
        self._busy = False

    def resize(self, width_px: int, height_px: int) -> Future[Size]:
        """See SessionBackend."""
        done: Future[Size] = Future()
        with self._lock:
            superseded, self._wanted = self._wanted, ((width_px, height_px), done)
            start, self._busy = not self._busy, True
        if superseded is not None and superseded[1].set_running_or_notify_cancel():
            superseded[1].set_exception(ResizeRefused("a newer size was asked for"))
        if start:
            threading.Thread(target=self._run, name="sc-resize", daemon=True).start()
        return done

    def _run(self) -> None:
        self._usage.own_thread("control")
        try:
            while (wanted := self._next()) is not None:
                size_px, done = wanted
                if done.set_running_or_notify_cancel():
                    self._one(size_px, done)
        finally:
            self._usage.thread_ended()

    def _next(self) -> tuple[Size, Future[Size]] | None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
            self._busy = wanted is not None
            return wanted

    def _one(self, size_px: Size, done: Future[Size]) -> None:
        display = None
        try:
            display = open_display(self._name)
            if not display.has_extension("RANDR"):
                raise ResizeRefused("the display has no RandR extension; it keeps its size")
            display.xrandr_query_version()
            done.set_result(set_size(display, size_px))
        except (ResizeRefused, DisplayLost) as error:
            done.set_exception(error)
        except XErrors as error:
            log.debug("resize: %r", error)
            done.set_exception(
                ResizeRefused(f"the display does not take the size {size_px[0]}x{size_px[1]}")
            )
        finally:
            if display is not None:
                with suppress(*XErrors):
                    display.close()
