"""Frames of sound handed to the SDK without waiting for its answer.

`rtc.AudioSource.capture_frame` builds four messages, a queue, a subscription and a timer for each
frame, and its answer wakes the loop, and the loop of each room, once more. Here the one request is
written once and points to a buffer that never moves; a frame is a copy into it and a call. The
library copies the samples before the call returns.

The answer still matters, for the library takes each frame in a task of its own: two on their way
at once could change places. It is noted where it comes in, on the SDK's thread, which hands over
the next frame at once where several were given: one wake-up of each thread for all of them.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from functools import cache

from livekit import rtc
from livekit.rtc._ffi_client import INVALID_HANDLE, FfiClient
from livekit.rtc._proto import ffi_pb2

from sessioncast_agent.sdkevents import event_tap
from sessioncast_agent.sound.pcm import FRAME_SAMPLES, RATE_HZ, frame_bytes

GIVE_UP_S = 0.5  # an answer that has not come by then never will
OWN_IDS = 1 << 62  # far from those that the library counts up itself


class Answers:
    """Takes what answers a port; the answers of others go the SDK's way."""

    def __init__(self) -> None:
        self.ports: dict[int, FramePort] = {}
        event_tap().add("capture_audio_frame", self._take)

    def _take(self, event: ffi_pb2.FfiEvent) -> bool:
        """On a thread of the SDK."""
        port = self.ports.get(event.capture_audio_frame.async_id)
        if port is None:
            return False
        port.answered(event.capture_audio_frame.error)
        return True


@cache
def answers() -> Answers:
    """The one of this process, as the tap is."""
    return Answers()


class FramePort:
    """One source's way in; all methods on one thread but `answered` and `close`."""

    def __init__(self, source: rtc.AudioSource, channels: int) -> None:
        self._source = source  # lives as long as its handle is used
        self._client = FfiClient.instance
        self._answers = answers()
        self._pcm = (ctypes.c_char * frame_bytes(channels))()
        self._later: deque[bytes] = deque()
        self._id = OWN_IDS + source._ffi_handle.handle
        self._request = self._written(source._ffi_handle.handle, channels)
        self._answer = ctypes.POINTER(ctypes.c_ubyte)()
        self._answer_size = ctypes.c_size_t()
        self._places = (ctypes.byref(self._answer), ctypes.byref(self._answer_size))
        self._sent_s: float | None = None
        self.refused = 0
        self._answers.ports[self._id] = self

    def _written(self, handle: int, channels: int) -> ctypes.Array[ctypes.c_ubyte]:
        request = ffi_pb2.FfiRequest()
        capture = request.capture_audio_frame
        capture.source_handle = handle
        capture.request_async_id = self._id
        capture.buffer.data_ptr = ctypes.addressof(self._pcm)
        capture.buffer.num_channels = channels
        capture.buffer.sample_rate = RATE_HZ
        capture.buffer.samples_per_channel = FRAME_SAMPLES
        written = request.SerializeToString()
        return (ctypes.c_ubyte * len(written)).from_buffer_copy(written)

    def answered(self, error: str) -> None:
        """The frame was taken, or not; now the next one."""
        if error:
            self.refused += 1
        if self._later:
            self._hand_over(self._later.popleft())
        else:
            self._sent_s = None

    @property
    def busy(self) -> bool:
        """Whether what was sent before has not been taken yet."""
        sent_s = self._sent_s
        return sent_s is not None and time.monotonic() - sent_s < GIVE_UP_S

    def send(self, pcm: bytes) -> None:
        """Frames of exactly 10 ms, one or more, when not busy."""
        size = len(self._pcm)
        if not pcm or len(pcm) % size:
            raise ValueError(f"frames are {size} bytes each, and {len(pcm)} is no multiple of it")
        self._later.clear()  # there is something in it only where an answer was given up
        self._later.extend(pcm[at : at + size] for at in range(size, len(pcm), size))
        self._hand_over(pcm[:size])

    def _hand_over(self, frame: bytes) -> None:
        self._pcm.raw = frame
        self._sent_s = time.monotonic()
        library, request = self._client._ffi_lib, self._request
        handle = library.livekit_ffi_request(request, len(request), *self._places)
        if handle == INVALID_HANDLE:
            self._later.clear()
            self._sent_s = None
            self.refused += 1
        else:
            library.livekit_ffi_drop_handle(handle)

    def close(self) -> None:
        """No more frames. An answer that is still on its way goes where it would without us."""
        self._answers.ports.pop(self._id, None)
