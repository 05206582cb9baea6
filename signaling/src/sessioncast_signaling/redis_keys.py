"""The API keys in Redis: one hash, by their digests. Replicas see a change at once."""

import contextlib
import json
from collections.abc import AsyncIterator

from .errors import ConfigError
from .keys import MAX_KEYS, ApiKey
from .redis_link import RedisLink, open_link
from .store import StoreUnavailableError

_WHERE = "keys"


class RedisKeys:
    """Obeys `keys.KeyShelf`."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def by_digest(self, key_digest: str) -> ApiKey | None:
        """See KeyShelf."""
        text = await self._link.do("HGET", _WHERE, key_digest)
        return None if text is None else ApiKey.of_dict(json.loads(text))

    async def all(self) -> list[ApiKey]:
        """See KeyShelf."""
        try:
            found = await self._link.do("HVALS", _WHERE)
        except StoreUnavailableError as error:
            raise ConfigError(f"{error}: try again.") from None
        keys = [ApiKey.of_dict(json.loads(text)) for text in found]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    async def add(self, key: ApiKey) -> None:
        """See KeyShelf."""
        if len(await self.all()) >= MAX_KEYS:
            raise ConfigError(f"There are {MAX_KEYS} keys: revoke some first.")
        await self._link.do("HSET", _WHERE, key.digest, json.dumps(key.as_dict()))

    async def remove(self, key_id: str) -> bool:
        """See KeyShelf."""
        digests = [key.digest for key in await self.all() if key.id == key_id]
        for digest in digests:
            await self._link.do("HDEL", _WHERE, digest)
        return bool(digests)


@contextlib.asynccontextmanager
async def open_redis_keys(url: str) -> AsyncIterator[RedisKeys]:
    """Connect for the block; raises ConfigError."""
    async with open_link(url) as link:
        yield RedisKeys(link)
