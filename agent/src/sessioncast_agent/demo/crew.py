"""All children of one demo, in the order of their start: who died, and how all of them end."""

import asyncio
import contextlib
from pathlib import Path

from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.reaper import reap_orphans, sweep

_STOP_LIMIT_S = 20.0
_CAUSE_S = 0.3


class Crew:
    """Starts children and ends them in reverse order; `died` tells of an essential one's end: of
    several within a moment, of the one that started first, since the others died of that."""

    def __init__(self, log_dir: Path, marker: str) -> None:
        self._log_dir = log_dir
        self._marker = marker
        self._children: list[Child] = []
        self._stopping = False
        self.died: asyncio.Future[Child] = asyncio.get_running_loop().create_future()

    async def start(self, program: Program) -> Child:
        """Start a program; it is ours from here on, whatever its readiness."""
        child = await Child.start(program, self._log_dir)
        self._children.append(child)
        child.when_ended(self._ended)
        return child

    def _ended(self, child: Child) -> None:
        if child.essential and not self._stopping:
            asyncio.get_running_loop().call_later(_CAUSE_S, self._tell)

    def _tell(self) -> None:
        if self._stopping or self.died.done():
            return
        self.died.set_result(next(c for c in self._children if c.essential and not c.running))

    async def stop(self) -> int:
        """End everybody, last come first; give the number of processes that would not go."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_LIMIT_S):
                for child in reversed(self._children):
                    await child.stop()
        self.kill()
        return await sweep(self._marker, self._watched())

    def reap(self) -> None:
        """Collect dead processes that programs of the desktop have left to us."""
        reap_orphans(self._watched())

    def _watched(self) -> set[int]:
        return {child.pid for child in self._children if child.running}

    def kill(self) -> None:
        """Kill everybody at once."""
        self._stopping = True
        for child in self._children:
            child.kill()
