"""A dict in memory whose values may have a last moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from .clock import Clock

V = TypeVar("V")


@dataclass
class _Entry(Generic[V]):
    value: V
    dies_at_s: float | None  # monotonic


class Expiring(Generic[V]):
    """Dead values are never seen, and swept on writes. Above `bound` the oldest goes."""

    def __init__(self, clock: Clock, bound: int | None = None) -> None:
        self._clock = clock
        self._bound = bound
        self._entries: dict[str, _Entry[V]] = {}
        self._swept_at_s = clock.monotonic_s()

    def put(self, key: str, value: V, ttl_s: float | None) -> None:
        """Keep a value for ttl_s, or for ever."""
        now = self._clock.monotonic_s()
        if now - self._swept_at_s >= 60:
            self._swept_at_s = now
            for dead in [k for k, e in self._entries.items() if self._is_dead(e)]:
                del self._entries[dead]
        self._entries.pop(key, None)  # what is put anew is the newest
        self._entries[key] = _Entry(value, None if ttl_s is None else now + ttl_s)
        while self._bound is not None and len(self._entries) > self._bound:
            del self._entries[next(iter(self._entries))]

    def replace(self, key: str, value: V) -> None:
        """Change a value and leave its time as it is."""
        self._entries[key].value = value

    def get(self, key: str) -> V | None:
        """Return what is kept and alive."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._is_dead(entry):
            del self._entries[key]
            return None
        return entry.value

    def pop(self, key: str) -> V | None:
        """Return it and forget it."""
        value = self.get(key)
        self._entries.pop(key, None)
        return value

    def items(self) -> Iterator[tuple[str, V]]:
        """Return what is alive, oldest first."""
        for key, entry in list(self._entries.items()):
            if not self._is_dead(entry):
                yield key, entry.value

    def __len__(self) -> int:
        return len(self._entries)

    def _is_dead(self, entry: _Entry[V]) -> bool:
        return entry.dies_at_s is not None and entry.dies_at_s <= self._clock.monotonic_s()
