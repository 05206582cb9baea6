"""The SDK's own log, off unless asked for.

It hands every record of libwebrtc and its sockets down to trace level, 150 a second while a screen
moves, through protobuf and a call into Python, which then drops nearly all of them: 8 % of the
agent's CPU. It has no switch for that, only an argument that its Python half fixes to True.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from livekit.rtc import _ffi_client


class _WithoutLogs:
    """Stands for `livekit_ffi_initialize`; its second argument says whether logs are handed on."""

    _function: Any

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._function, name, value)

    def __call__(self, callback: Any, capture_logs: bool, *rest: Any) -> Any:
        del capture_logs
        return self._function(callback, False, *rest)


def silence_sdk() -> bool:
    """Before the SDK is first used; False when this SDK is built otherwise and logs as ever."""
    get_library = getattr(_ffi_client, "get_ffi_lib", None)
    if get_library is None:
        return False
    os.environ.setdefault("RUST_LOG", "off")  # else it writes errors to stderr itself, tokens too

    def quiet() -> ctypes.CDLL:
        library: Any = get_library()
        library.livekit_ffi_initialize = _WithoutLogs(library.livekit_ffi_initialize)
        return library  # type: ignore[no-any-return]  # Any, to replace a function of it

    _ffi_client.get_ffi_lib = quiet
    return True
