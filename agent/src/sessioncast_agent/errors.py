"""Every error the agent raises on purpose.

    AgentError
    ├── CannotStart        exit 3: starting again with the same settings cannot help
    ├── DisplayLost        the X server went away or does not answer; tried again
    ├── BrowserLost        the browser went away or does not answer; tried again
    ├── BrowserRefused     the browser refused one command, or a rule of ours did
    ├── CaptureFailed      one grab failed (a resize under way, a dead server); tried again
    ├── EncodeFailed       libx264 refused; the encoder is reopened
    ├── LinkLost           the SFU or the shim cannot be reached; tried again
    ├── StageUnavailable   an optional part cannot work here; said once, the rest goes on
    ├── RfbBroken          a VNC client or server broke the protocol; its connection ends
    ├── FallbackRefused    the shim asked for a fallback that cannot be
    ├── ControlRefused     somebody may not do that now; its code is the RPC error's
    ├── ResizeRefused      the display does not take that size
    └── SessionEnded       the shim ended the session; a clean exit

Foreign errors (av, Xlib, aiohttp, livekit) are translated in the module that calls them.
"""


class AgentError(Exception):
    """The root; never raised itself. The message is one sentence that names thing and remedy."""


class CannotStart(AgentError):
    """The settings, the display or the credentials make it impossible ever to start."""


class DisplayLost(AgentError):
    """The X server is gone or silent."""


class BrowserLost(AgentError):
    """The browser is gone or silent."""


class BrowserRefused(AgentError):
    """One thing asked of the browser cannot be done; nothing else is harmed."""


class CaptureFailed(AgentError):
    """One grab did not succeed; opening the grabber again usually mends it."""


class EncodeFailed(AgentError):
    """The H.264 encoder refused a frame or its settings."""


class LinkLost(AgentError):
    """The SFU or the shim does not answer for now."""


class SessionEnded(AgentError):
    """The session was ended on purpose; there is nothing to come back for."""


class StageUnavailable(AgentError):
    """An optional part (sound, control, …) has nothing to work with; picture and room go on."""


class RfbBroken(AgentError):
    """A VNC peer sent what the protocol does not know; only its own connection ends."""


class FallbackRefused(AgentError):
    """A fallback connection that cannot be made: malformed, or one too many."""


class ControlRefused(AgentError):
    """A request that is answered with an RPC error (docs/protocol.md lists the codes)."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class ResizeRefused(AgentError):
    """The display cannot have that size."""
