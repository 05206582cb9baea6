"""The real parts, started once for a module: SFU, shim, X server; and what no test may leave."""

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from support.chromium import Site, site
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


@pytest.fixture(scope="module")
def pages(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The module's PAGES, served."""
    with site(dict(request.module.PAGES)) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """A test that leaves the LiveKit SDK's events subscribed slows every one after it.

    The SDK hands each event (each decoded frame) to each subscriber; one whose loop is closed
    costs an error in the log every time, and after a few dozen the callback thread starves
    the process.
    """
    yield
    ffi = sys.modules.get("livekit.rtc._ffi_client")
    client = ffi.FfiClient._instance if ffi else None
    if client is None:
        return
    left = [queue for queue, loop, _ in client.queue._subscribers if loop.is_closed()]
    for queue in left:
        client.queue.unsubscribe(queue)
    assert not left, f"the test left {len(left)} stream(s) or room(s) of the SDK open; close them"
