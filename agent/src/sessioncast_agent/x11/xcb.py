"""The few calls of libxcb that the capture needs, through ctypes.

Damage and the grab go over one connection, so that one round trip does for both; python-xlib would
take ten times the CPU for the same bytes. The libraries are those of every X client (libxcb1,
libxcb-shm0, libxcb-damage0).
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int16, c_uint8, c_uint16, c_uint32, c_void_p
from functools import cache
from typing import Any

LIBRARIES = ("libxcb.so.1", "libxcb-shm.so.0", "libxcb-damage.so.0")

STRUCTURE_NOTIFY = 1 << 17
CW_EVENT_MASK = 1 << 11
DAMAGE_NON_EMPTY = 3
Z_PIXMAP = 2
ALL_PLANES = 0xFFFFFFFF
CONFIGURE_NOTIFY = 22


class Cookie(ctypes.Structure):
    """xcb_*_cookie_t: what was asked, to fetch its answer."""

    _fields_ = (("sequence", ctypes.c_uint),)


class Event(ctypes.Structure):
    """An event's 32 bytes, as ConfigureNotify fills them."""

    _fields_ = (
        ("response_type", c_uint8),
        ("pad0", c_uint8),
        ("sequence", c_uint16),
        ("event", c_uint32),
        ("window", c_uint32),
        ("above", c_uint32),
        ("x", c_int16),
        ("y", c_int16),
        ("width", c_uint16),
        ("height", c_uint16),
    )


class Extension(ctypes.Structure):
    """xcb_query_extension_reply_t."""

    _fields_ = (
        ("response_type", c_uint8),
        ("pad0", c_uint8),
        ("sequence", c_uint16),
        ("length", c_uint32),
        ("present", c_uint8),
        ("major_opcode", c_uint8),
        ("first_event", c_uint8),
        ("first_error", c_uint8),
    )


class Screen(ctypes.Structure):
    """xcb_screen_t as far as it is needed."""

    _fields_ = (
        ("root", c_uint32),
        ("pad0", c_uint32 * 4),
        ("width", c_uint16),
        ("height", c_uint16),
        ("pad1", c_uint16 * 4),
        ("root_visual", c_uint32),
        ("pad2", c_uint8 * 2),
        ("root_depth", c_uint8),
    )


class ScreenIterator(ctypes.Structure):
    """xcb_screen_iterator_t."""

    _fields_ = (("data", POINTER(Screen)), ("rem", c_int), ("index", c_int))


class Geometry(ctypes.Structure):
    """xcb_get_geometry_reply_t."""

    _fields_ = (
        ("response_type", c_uint8),
        ("depth", c_uint8),
        ("sequence", c_uint16),
        ("length", c_uint32),
        ("root", c_uint32),
        ("x", c_int16),
        ("y", c_int16),
        ("width", c_uint16),
        ("height", c_uint16),
    )


class Xcb:
    """The loaded libraries; every method is a function of theirs. Raises OSError when missing."""

    def __init__(self) -> None:
        core, shm, damage = (ctypes.CDLL(name) for name in LIBRARIES)
        connection, replies = c_void_p, POINTER(c_void_p)
        self.connect = _typed(core.xcb_connect, c_void_p, c_char_p, POINTER(c_int))
        self.disconnect = _typed(core.xcb_disconnect, None, connection)
        self.has_error = _typed(core.xcb_connection_has_error, c_int, connection)
        self.fileno = _typed(core.xcb_get_file_descriptor, c_int, connection)
        self.flush = _typed(core.xcb_flush, c_int, connection)
        self.generate_id = _typed(core.xcb_generate_id, c_uint32, connection)
        self.poll_for_event = _typed(core.xcb_poll_for_event, POINTER(Event), connection)
        self.get_setup = _typed(core.xcb_get_setup, c_void_p, connection)
        self.screens = _typed(core.xcb_setup_roots_iterator, ScreenIterator, c_void_p)
        self.select = _typed(
            core.xcb_change_window_attributes,
            *(Cookie, connection, c_uint32, c_uint32, POINTER(c_uint32)),
        )
        self.get_geometry = _typed(core.xcb_get_geometry, Cookie, connection, c_uint32)
        self.geometry_reply = _typed(
            core.xcb_get_geometry_reply, POINTER(Geometry), connection, Cookie, replies
        )
        self.check = _typed(core.xcb_request_check, c_void_p, connection, Cookie)
        self.extension = _typed(
            core.xcb_get_extension_data, POINTER(Extension), connection, c_void_p
        )
        self.damage_version = _typed(
            damage.xcb_damage_query_version, Cookie, connection, c_uint32, c_uint32
        )
        self.damage_version_reply = _typed(
            damage.xcb_damage_query_version_reply, c_void_p, connection, Cookie, replies
        )
        self.damage_create = _typed(
            damage.xcb_damage_create, Cookie, connection, c_uint32, c_uint32, c_uint8
        )
        self.damage_subtract = _typed(
            damage.xcb_damage_subtract, Cookie, connection, c_uint32, c_uint32, c_uint32
        )
        self.shm_attach_fd = _typed(
            shm.xcb_shm_attach_fd_checked, Cookie, connection, c_uint32, c_int, c_uint8
        )
        self.shm_detach = _typed(shm.xcb_shm_detach, Cookie, connection, c_uint32)
        self.shm_get_image = _typed(
            shm.xcb_shm_get_image,
            *(Cookie, connection, c_uint32, c_int16, c_int16, c_uint16, c_uint16),
            *(c_uint32, c_uint8, c_uint32, c_uint32),
        )
        self.shm_get_image_reply = _typed(
            shm.xcb_shm_get_image_reply, c_void_p, connection, Cookie, replies
        )
        self.free = _typed(ctypes.CDLL(None).free, None, c_void_p)
        self.damage_id = ctypes.addressof(ctypes.c_char.in_dll(damage, "xcb_damage_id"))
        self.shm_id = ctypes.addressof(ctypes.c_char.in_dll(shm, "xcb_shm_id"))


def _typed(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


@cache
def load() -> Xcb | None:
    """The libraries, or None where one is missing."""
    try:
        return Xcb()
    except (OSError, AttributeError):
        return None
