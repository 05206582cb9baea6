"""When a silence has lasted so long that nothing need be sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class QuietWatch:
    """Ask with each packet, in order."""

    needed: int
    _silence: bytes = b""
    _silent: int = 0

    def quiet(self, packet: bytes) -> bool:
        """Whether this packet and enough before it were silent: digital zero, as a null sink
        plays when nobody plays into it. The faintest noise is sound."""
        if len(packet) != len(self._silence):
            self._silence = bytes(len(packet))
        if packet == self._silence:
            self._silent += 1
        else:
            self._silent = 0
        return self._silent > self.needed

    def reset(self) -> None:
        """Begin again."""
        self._silent = 0
