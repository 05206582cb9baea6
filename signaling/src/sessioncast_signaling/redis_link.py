"""One way to speak with Redis: deadlines on every call, its errors translated here only."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from .errors import ConfigError
from .store import StoreUnavailableError

PREFIX = "sessioncast:"
DEADLINE_S = 2.0
NEWEST_NEEDED = (6, 2)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise StoreUnavailableError in place of Redis's own errors."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailableError(f"Redis: {what}: {type(error).__name__}") from None


class RedisLink:
    """A client, and the Lua scripts of `lua/` by name. Each script is one atomic step."""

    def __init__(self, url: str) -> None:
        self.client = _client(url, DEADLINE_S)
        self._url = url
        self._waiting: dict[float, Redis] = {}
        self._scripts = {
            script.name.removesuffix(".lua"): self.client.register_script(script.read_text("utf-8"))
            for script in (files(__package__) / "lua").iterdir()
            if script.name.endswith(".lua")
        }

    def __repr__(self) -> str:
        return "RedisLink()"

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | float] = ()) -> Any:
        """Run a script; raises StoreUnavailableError."""
        with translated(name):
            return await self._scripts[name](
                keys=[PREFIX + key for key in keys], args=[PREFIX, *args]
            )

    async def do(self, command: str, key: str, *args: str | float) -> Any:
        """Run one command on one key; raises StoreUnavailableError."""
        with translated(command):
            asked = self.client.execute_command(  # type: ignore[no-untyped-call]  # it has no types
                command, PREFIX + key, *args
            )
            return await asked

    def patient(self, wait_s: float) -> Redis:
        """Return a client for commands that wait this long in Redis."""
        if wait_s not in self._waiting:
            self._waiting[wait_s] = _client(self._url, wait_s + DEADLINE_S)
        return self._waiting[wait_s]

    async def close(self) -> None:
        """Close the connections."""
        for client in (self.client, *self._waiting.values()):
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()


def _client(url: str, deadline_s: float) -> Redis:
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=deadline_s,
        socket_connect_timeout=DEADLINE_S,
        health_check_interval=30,
        max_connections=128,
        retry=Retry(NoBackoff(), 0),  # what was sent once may have been done
    )


@contextlib.asynccontextmanager
async def open_link(url: str) -> AsyncIterator[RedisLink]:
    """Connect for the block; raises ConfigError when this Redis cannot be used at all."""
    try:
        link = RedisLink(url)
    except ValueError:
        raise ConfigError(
            "REDIS_URL is not usable: it must look like redis://HOST:PORT/DB."
        ) from None
    try:
        await _check(link.client.info("server"))
        yield link
    finally:
        await link.close()


async def _check(asked: Awaitable[Mapping[str, Any]]) -> None:
    try:
        version = str((await asked)["redis_version"])
    except ResponseError as error:
        raise ConfigError(
            f"Redis refuses REDIS_URL ({str(error).split(' ')[0]}): check its user and password."
        ) from None
    except (RedisError, OSError, TimeoutError, KeyError):
        raise ConfigError(
            "Redis does not answer at REDIS_URL: start it, or correct the address."
        ) from None
    have = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if have < NEWEST_NEEDED:
        raise ConfigError(f"Redis {version} is too old: 6.2 or newer is needed.")
