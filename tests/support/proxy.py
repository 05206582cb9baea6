"""A TCP relay on loopback that can fall silent, or close, what it carries now."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """`stall` keeps every connection open and moves nothing more; new connections work again."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self._stalled: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stall(self) -> int:
        """Half open: nobody is told. How many connections it struck."""
        struck, self._pairs = self._pairs, []
        for _, _, moving in struck:
            moving.clear()
        self._stalled += struck
        return len(struck)

    def reset(self) -> None:
        """The path is there again: each end of what was struck learns that the other is gone."""
        struck, self._stalled = self._stalled, []
        self._close(struck)

    def cut(self) -> None:
        """Close everything that is carried now."""
        carried, self._pairs = self._pairs, []
        self._close(carried)

    @staticmethod
    def _close(pairs: list[tuple[socket.socket, socket.socket, threading.Event]]) -> None:
        for near, far, moving in pairs:
            moving.set()
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self.reset()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target_port))
            moving = threading.Event()
            moving.set()
            self._pairs.append((near, far, moving))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(
                    target=self._pump, args=(source, sink, moving), daemon=True
                ).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, moving: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while True:
                moving.wait()
                data = source.recv(65_536)
                moving.wait()
                if not data:
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


@contextlib.contextmanager
def proxy(target_port: int) -> Iterator[Proxy]:
    """Run one for the body."""
    relay = Proxy(target_port)
    try:
        yield relay
    finally:
        relay.close()
