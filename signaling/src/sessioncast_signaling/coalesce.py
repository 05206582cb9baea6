"""Many who ask the same thing at once cost one question; the answer serves for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .clock import Clock

V = TypeVar("V")
_SWEEP_ABOVE = 2_000


@dataclass
class _Cell(Generic[V]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 0
    asked_at_s: float | None = None
    value: V | None = None
    error: Exception | None = None


class Coalescer(Generic[V]):
    """Keeps the answer, or the failure (of the named kinds), to each key for `max_age_s`.

    Without the failures a dead SFU would cost each of a queue of callers a whole deadline.
    """

    def __init__(self, clock: Clock, max_age_s: float, errors: tuple[type[Exception], ...]) -> None:
        self._clock = clock
        self._max_age_s = max_age_s
        self._errors = errors
        self._cells: dict[str, _Cell[V]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        """Return an answer that is at most max_age_s old; raises what `ask` raised."""
        self._sweep()
        cell = self._cells.setdefault(key, _Cell())
        async with cell.lock:
            if self._is_stale(cell):
                await self._ask(cell, ask)
            if cell.error is not None:
                raise type(cell.error)(*cell.error.args)
            return cell.value  # type: ignore[return-value]

    async def _ask(self, cell: _Cell[V], ask: Callable[[], Awaitable[V]]) -> None:
        while True:
            generation, started_at_s = cell.generation, self._clock.monotonic_s()
            cell.value, cell.error, cell.asked_at_s = None, None, None
            try:
                cell.value = await ask()
                cell.asked_at_s = started_at_s
            except self._errors as error:
                cell.error = error
                cell.asked_at_s = self._clock.monotonic_s()
            if generation == cell.generation or cell.error is not None:
                return

    def invalidate(self, key: str) -> None:
        """Forget the answer; one that is on its way is asked for again."""
        cell = self._cells.get(key)
        if cell is not None:
            cell.generation += 1
            cell.asked_at_s = None

    def _is_stale(self, cell: _Cell[V]) -> bool:
        asked = cell.asked_at_s
        return asked is None or self._clock.monotonic_s() - asked >= self._max_age_s

    def _sweep(self) -> None:
        if len(self._cells) < _SWEEP_ABOVE:
            return
        for key in [k for k, c in self._cells.items() if not c.lock.locked() and self._is_stale(c)]:
            del self._cells[key]
