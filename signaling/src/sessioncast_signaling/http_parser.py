"""uvicorn's HTTP by httptools, with the bounds that it lacks.

httptools keeps a head, or one field of it, for as long as it grows, and hands on the fields of a
trailer as if they had come with the head, behind what a proxy wrote there.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 16 * 1024  # beyond what comes at once
MAX_MESSAGE_BYTES = 1 << 20  # a body is far smaller, however it is cut into chunks


class BoundedHttp(HttpToolsProtocol):
    """Obeys asyncio.Protocol; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._in_message = False
        self._received_bytes = 0  # of this message, without the piece it began in

    def data_received(self, data: bytes) -> None:
        """Parse what has come; refuse what goes on for too long."""
        if self._in_message:
            self._received_bytes += len(data)
        super().data_received(data)
        limit = MAX_HEAD_BYTES if self._in_head else MAX_MESSAGE_BYTES
        if self._in_message and self._received_bytes > limit and not self.transport.is_closing():
            self.send_400_response("The request is too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._received_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those of a trailer are nobody's."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The message is whole."""
        self._in_message = False
        super().on_message_complete()
