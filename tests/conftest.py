"""The real parts, started once for a module: SFU, shim, X server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.livekit import LiveKitServer, livekit_server
from support.shim_process import ShimProcess, shim_process
from support.xserver import XServer, x_server


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def sfu(module_path: Path) -> Iterator[LiveKitServer]:
    with livekit_server(module_path) as server:
        yield server


@pytest.fixture(scope="module")
def shim(sfu: LiveKitServer, module_path: Path) -> Iterator[ShimProcess]:
    with shim_process(sfu, module_path) as process:
        yield process


@pytest.fixture(scope="module")
def x(module_path: Path) -> Iterator[XServer]:
    with x_server(module_path) as server:
        yield server
