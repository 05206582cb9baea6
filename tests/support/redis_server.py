"""A real redis-server on a free loopback port, without a file on disk."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.livekit import START_DEADLINE_S, free_ports


@dataclass
class RedisServer:
    """One running server."""

    port: int
    password: str
    directory: Path
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def url(self) -> str:
        """What REDIS_URL is set to."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and return when it accepts connections."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is missing: run `make setup`")
        config = self.directory / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ""\n'
            f"appendonly no\ndir {self.directory}\n"
        )
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise RuntimeError((self.directory / "redis.log").read_text())

    def stop(self) -> None:
        """End it; what it held is lost."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Run one for the body."""
    directory = tmp_path / "redis"
    directory.mkdir(mode=0o700)
    server = RedisServer(free_ports(1)[0], "a-password-of-the-tests", directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
