"""The screen over one libxcb connection: XDamage says that it changed, MIT-SHM fetches it.

A grab is one round trip: the damage is taken back and the picture asked for in the same breath, in
that order, so that whatever is drawn later is reported again.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from dataclasses import dataclass

import av
import numpy as np

from sessioncast_agent.clocks import monotonic_us
from sessioncast_agent.errors import CaptureFailed, DisplayLost
from sessioncast_agent.media import RawFrame
from sessioncast_agent.x11 import xcb

DEPTHS = (24, 32)  # both are B, G, R and one byte more
PICTURES = 6  # more are never in use at once: one grabbed, one waiting, one encoded, snapshots
_IDLE_REFERENCES = 2  # the slot's own and getrefcount's argument


class ShmMissing(CaptureFailed):
    """This server or machine cannot do it: x11grab can."""


@dataclass
class _Slot:
    """Memory that the X server writes a picture into, and the picture that shows it."""

    segment: int
    picture: av.VideoFrame

    @property
    def idle(self) -> bool:
        """Whether nobody looks at its picture any more."""
        return sys.getrefcount(self.picture) <= _IDLE_REFERENCES


class ShmScreen:
    """See the module and `ScreenConnection`. Not thread safe."""

    def __init__(self, name: str) -> None:
        library = xcb.load()
        if library is None or sys.byteorder != "little":
            raise ShmMissing(f"{' or '.join(xcb.LIBRARIES)} is missing")
        self._name, self._xcb = name, library
        self._slots: list[_Slot] = []
        number = ctypes.c_int()
        self._connection = library.connect(name.encode(), ctypes.byref(number))
        try:
            if library.has_error(self._connection):
                raise ShmMissing(f"libxcb cannot reach {name}")  # x11grab's path says why
            self._open(number.value)
        except BaseException:
            library.disconnect(self._connection)
            self._connection = None
            raise

    def _open(self, number: int) -> None:
        library, connection = self._xcb, self._connection
        iterator = library.screens(library.get_setup(connection))
        if number or iterator.data.contents.root_depth not in DEPTHS:
            raise ShmMissing(f"{self._name} is no single screen of depth 24")
        self._root = iterator.data.contents.root
        damage = library.extension(connection, library.damage_id).contents
        if not damage.present:
            raise ShmMissing("no DAMAGE")  # x11grab's path says it to the user
        if not library.extension(connection, library.shm_id).contents.present:
            raise ShmMissing("no MIT-SHM")
        self._damage_event = damage.first_event
        cookie = library.damage_version(connection, 1, 1)
        library.free(library.damage_version_reply(connection, cookie, None))
        mask = ctypes.c_uint32(xcb.STRUCTURE_NOTIFY)
        library.select(connection, self._root, xcb.CW_EVENT_MASK, ctypes.byref(mask))
        self._damage = library.generate_id(connection)
        library.damage_create(connection, self._damage, self._root, xcb.DAMAGE_NON_EMPTY)
        self.size_px = self.query_size()
        self._slots.append(self._new_slot())

    def query_size(self) -> tuple[int, int]:
        """See ScreenConnection."""
        cookie = self._xcb.get_geometry(self._connection, self._root)
        reply = self._xcb.geometry_reply(self._connection, cookie, None)
        if not reply:
            raise DisplayLost(f"the X server {self._name} went away")
        size = (int(reply.contents.width), int(reply.contents.height))
        self._xcb.free(reply)
        return size

    def fileno(self) -> int:
        """See ScreenConnection."""
        return int(self._xcb.fileno(self._connection))

    def read_events(self) -> tuple[bool, bool]:
        """See ScreenConnection."""
        drawn = resized = False
        while event := self._xcb.poll_for_event(self._connection):
            kind = event.contents.response_type & 0x7F
            if kind == self._damage_event:
                drawn = True
            elif kind == xcb.CONFIGURE_NOTIFY:
                resized |= (event.contents.width, event.contents.height) != self.size_px
            self._xcb.free(event)
        if self._xcb.has_error(self._connection):
            raise DisplayLost(f"the X server {self._name} went away")
        return drawn, resized

    def grab(self) -> RawFrame:
        """See ScreenConnection."""
        slot = self._idle_slot()
        width, height = self.size_px
        library, connection = self._xcb, self._connection
        library.damage_subtract(connection, self._damage, 0, 0)
        captured_us = monotonic_us()
        cookie = library.shm_get_image(
            *(connection, self._root, 0, 0, width, height),
            *(xcb.ALL_PLANES, xcb.Z_PIXMAP, slot.segment, 0),
        )
        error = ctypes.c_void_p()
        reply = library.shm_get_image_reply(connection, cookie, ctypes.byref(error))
        if not reply:
            self._xcb.free(error)
            if library.has_error(connection):
                raise DisplayLost(f"the X server {self._name} went away")
            raise CaptureFailed(f"{self._name} gave no picture of {width}x{height}")
        library.free(reply)
        return RawFrame(slot.picture, width, height, captured_us)

    def reopen(self) -> None:
        """See ScreenConnection."""
        for slot in self._slots:
            self._xcb.shm_detach(self._connection, slot.segment)
        self._slots.clear()
        self.size_px = self.query_size()

    def _idle_slot(self) -> _Slot:
        for slot in self._slots:
            if slot.idle:
                return slot
        if len(self._slots) >= PICTURES:  # somebody keeps pictures: the oldest becomes theirs
            self._xcb.shm_detach(self._connection, self._slots.pop(0).segment)
        self._slots.append(self._new_slot())
        return self._slots[-1]

    def _new_slot(self) -> _Slot:
        width, height = self.size_px
        descriptor = os.memfd_create("sessioncast-screen")
        try:
            os.ftruncate(descriptor, width * height * 4)
            memory = mmap.mmap(descriptor, width * height * 4)
            segment = self._xcb.generate_id(self._connection)
            # libxcb closes the descriptor that it sends
            cookie = self._xcb.shm_attach_fd(self._connection, segment, os.dup(descriptor), 0)
        finally:
            os.close(descriptor)
        if error := self._xcb.check(self._connection, cookie):
            self._xcb.free(error)
            raise ShmMissing(f"{self._name} takes no shared memory")
        if self._xcb.has_error(self._connection):  # no descriptor goes over TCP
            raise ShmMissing(f"{self._name} takes no shared memory")
        pixels = np.frombuffer(memory, np.uint8).reshape(height, width, 4)
        return _Slot(segment, av.VideoFrame.from_numpy_buffer(pixels, format="bgra"))

    def close(self) -> None:
        """See ScreenConnection."""
        if self._connection is not None:
            self._xcb.disconnect(self._connection)
            self._connection = None
