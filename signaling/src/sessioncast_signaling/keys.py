"""API keys with scopes: made, listed, called back. Only their SHA-256 is kept.

They live in a file of the state directory, which `serve` reads again when it has changed, or in the
Redis that replicas share.
"""

import contextlib
import fcntl
import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .clock import Clock
from .errors import ConfigError
from .ids import digest, new_api_key
from .rights import Caller, Scope, permits_of

log = logging.getLogger(__name__)

PREFIX = "sck_"
FILE_NAME = "keys.json"
MAX_KEYS = 10_000


@dataclass(frozen=True)
class ApiKey:
    """One key, without its secret. Times are Unix seconds."""

    id: str
    digest: str
    name: str
    scopes: tuple[Scope, ...]
    sessions: tuple[str, ...]
    created_at: float
    expires_at: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "id": self.id,
            "digest": self.digest,
            "name": self.name,
            "scopes": [scope.value for scope in self.scopes],
            "sessions": list(self.sessions),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
        }

    @classmethod
    def of_dict(cls, stored: dict[str, Any]) -> "ApiKey":
        """Return what was stored; raises ValueError, KeyError or TypeError."""
        return cls(
            id=str(stored["id"]),
            digest=str(stored["digest"]),
            name=str(stored["name"]),
            scopes=tuple(Scope(scope) for scope in stored["scopes"]),
            sessions=tuple(str(pattern) for pattern in stored["sessions"]),
            created_at=float(stored["created_at"]),
            expires_at=None if stored["expires_at"] is None else float(stored["expires_at"]),
        )


class KeyShelf(Protocol):
    """Where keys are kept."""

    async def by_digest(self, key_digest: str) -> ApiKey | None:
        """Return the key with this digest."""
        ...

    async def all(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Keep one more; raises ConfigError."""
        ...

    async def remove(self, key_id: str) -> bool:
        """Forget one; False when there is none. Raises ConfigError."""
        ...


def make_key(
    name: str,
    scopes: tuple[Scope, ...],
    sessions: tuple[str, ...],
    now: float,
    ttl_s: float | None,
) -> tuple[ApiKey, str]:
    """Return a new key and its secret in clear, which is kept nowhere."""
    secret = new_api_key()
    expires_at = None if ttl_s is None else now + ttl_s
    key_id = "ak-" + secrets.token_hex(4)
    return ApiKey(key_id, digest(secret), name, scopes, sessions, now, expires_at), secret


@dataclass(frozen=True)
class KeyBearers:
    """Obeys `auth.Bearers` for the keys of a shelf."""

    shelf: KeyShelf
    clock: Clock

    async def caller(self, presented: str) -> Caller | None:
        """See Bearers."""
        if not presented.startswith(PREFIX):
            return None
        try:
            key = await self.shelf.by_digest(digest(presented))
        except ConfigError as error:
            log.error("no key is known: %s", error)
            return None
        if key is None:
            return None
        if key.expires_at is not None and key.expires_at <= self.clock.unix_us() / 1e6:
            return None
        return Caller(f"key:{key.id}", permits_of(key.scopes, key.sessions))


class KeyFile:
    """Obeys `KeyShelf` with a JSON file that only its owner may read."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    async def by_digest(self, key_digest: str) -> ApiKey | None:
        """See KeyShelf."""
        return self._read().get(key_digest)

    async def all(self) -> list[ApiKey]:
        """See KeyShelf."""
        return sorted(self._read().values(), key=lambda key: (key.created_at, key.id))

    async def add(self, key: ApiKey) -> None:
        """See KeyShelf."""
        with self._locked() as keys:
            if len(keys) >= MAX_KEYS:
                raise ConfigError(f"There are {MAX_KEYS} keys: revoke some first.")
            keys[key.digest] = key

    async def remove(self, key_id: str) -> bool:
        """See KeyShelf."""
        with self._locked() as keys:
            found = [d for d, key in keys.items() if key.id == key_id]
            for key_digest in found:
                del keys[key_digest]
        return bool(found)

    def _read(self) -> dict[str, ApiKey]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return self._keys
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read ({error.strerror}).") from None
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise ConfigError(
                    f"{self._path} can be read by others: run `chmod 600 {self._path}`."
                )
            self._keys, self._seen = _parse(self._path), seen
        return self._keys

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, ApiKey]]:
        """Change the keys under a lock; what the block leaves is written in one step."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self._path.parent} cannot be written ({error.strerror}): set "
                "SESSIONCAST_STATE_DIR to a directory that can."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._seen = None
            keys = dict(self._read())
            yield keys
            self._write(keys)
        finally:
            os.close(lock)

    def _write(self, keys: dict[str, ApiKey]) -> None:
        text = json.dumps([key.as_dict() for key in keys.values()], indent=1)
        fresh = self._path.with_name(f".{FILE_NAME}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(text + "\n")
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise ConfigError(f"{self._path} cannot be written ({error.strerror}).") from None
        self._seen = None


def _parse(path: Path) -> dict[str, ApiKey]:
    try:
        keys = [ApiKey.of_dict(stored) for stored in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(
            f"{path} is not a file of keys: restore it, or remove it and make the keys anew."
        ) from None
    return {key.digest: key for key in keys}
