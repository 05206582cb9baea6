"""The listening socket."""

import socket

import pytest

from sessioncast_signaling.server import listen

pytestmark = pytest.mark.unit


def test_answers_are_not_held_back_by_nagle() -> None:
    with listen("127.0.0.1", 0) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
