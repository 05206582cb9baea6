"""A browser behind a router; before it the servers, each with port 443 on its own address."""

from collections.abc import Iterator

import pytest

from support.netns import Network, network


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture(autouse=True)
def _open_again(net: Network) -> Iterator[None]:
    yield
    net.unblock()
