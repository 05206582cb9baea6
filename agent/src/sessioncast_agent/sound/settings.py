"""What the command line says of sound. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sessioncast_agent.errors import CannotStart

_SERVER = re.compile(r"[!-~]{1,256}")  # printable, no spaces


class SoundMode(StrEnum):
    """Whether the session has sound: `auto` is where a sound server answers."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class SoundSettings:
    """What the command line says of sound."""

    mode: SoundMode = SoundMode.AUTO
    server: str | None = None
    microphone: bool = True
    narrator: str = "espeak-ng"


def check_pulse_server(server: str | None) -> str | None:
    """A PulseAudio server string, or None for the default; raises CannotStart."""
    if not server:
        return None
    if not _SERVER.fullmatch(server):
        raise CannotStart("--pulse-server is no server; name one like unix:/run/pulse/native")
    return server
