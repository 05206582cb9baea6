"""Screencast JPEGs as pictures."""

from __future__ import annotations

import av
import av.error

from sessioncast_agent.errors import CaptureFailed

JPEG_QUALITY = 85  # text is clean; 95 takes twice the bytes and a third more time to decode


class JpegDecoder:
    """One codec for all pictures; JPEG has no memory. Not thread safe."""

    def __init__(self) -> None:
        self._codec = self._open()

    @staticmethod
    def _open() -> av.VideoCodecContext:
        codec = av.CodecContext.create("mjpeg", "r")
        codec.thread_count = 1
        return codec

    def decode(self, jpeg: bytes) -> av.VideoFrame:
        """Full-range 4:2:0 as a rule. Raises CaptureFailed."""
        try:
            frames = self._codec.decode(av.Packet(jpeg))
        except av.error.FFmpegError as error:
            self._codec = self._open()
            raise CaptureFailed(f"the browser sent no JPEG: {error}") from error
        if not frames:
            raise CaptureFailed("the browser sent an empty picture")
        return frames[-1]
