"""How often: per key, per person, per address; and whose address it is, behind which proxies.

Keys, people and failures are counted in the store, so that replicas count together; the requests of
an address here, so that a flood does not reach the store.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from .clock import Clock
from .config_access import AccessSettings, Network
from .errors import Problem
from .rates import gcra
from .rights import Caller, too_often
from .store import Entry, Store

MAX_ADDRESSES = 50_000  # the one that was heard of longest ago is forgotten
BURST_S = 10.0  # what is asked for within this time may come at once
_IPV6_HOST_BITS = 64  # one customer has a whole /64


@dataclass(frozen=True)
class Limits:
    """See the module."""

    store: Store
    settings: AccessSettings
    clock: Clock
    _addresses: dict[str, float] = field(default_factory=dict)

    def address(self, request: HTTPConnection) -> None:
        """Count one request of its address; raises Problem 429."""
        address = self._address(request)
        per_minute = self.settings.address_per_minute
        wait_s, due = gcra(
            self._addresses.pop(address, None),
            self.clock.monotonic_s(),
            per_minute=per_minute,
            burst=_burst(per_minute),
        )
        self._addresses[address] = due
        while len(self._addresses) > MAX_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        if wait_s > 0:
            raise too_often(wait_s)

    async def failure(self, request: HTTPConnection, problem: Problem) -> Problem:
        """Count a wrong key or link of its address; return the problem, or a 429 in its place."""
        try:
            await self._count(f"f:{self._address(request)}", self.settings.failures_per_minute)
        except Problem as limited:
            return limited
        return problem

    async def caller(self, caller: Caller) -> None:
        """Count one request of a key or a person; raises Problem 429."""
        await self.subject(caller.subject)

    async def subject(self, subject: str) -> None:
        """Count one of the caller of this subject, who came without a bearer."""
        await self._count(*self._of(subject))

    async def enter(self, caller: Caller, session: str) -> Entry:
        """Count one request, and look whether the caller is kept out of the session.

        All of it is one step of the store, since everything waits for it. Raises Problem 429.
        """
        key, per_minute = self._of(caller.subject)
        entry = await self.store.enter(
            session, caller.subject, key, per_minute=per_minute, burst=_burst(per_minute)
        )
        if entry.wait_s > 0:
            raise too_often(entry.wait_s)
        return entry

    def _of(self, subject: str) -> tuple[str, int]:
        is_key = subject.startswith("key:")
        settings = self.settings
        per_minute = settings.key_per_minute if is_key else settings.person_per_minute
        return f"c:{subject}", per_minute

    async def _count(self, key: str, per_minute: int) -> None:
        wait_s = await self.store.allow(key, per_minute=per_minute, burst=_burst(per_minute))
        if wait_s > 0:
            raise too_often(wait_s)

    def _address(self, request: HTTPConnection) -> str:
        peer = request.client.host if request.client is not None else ""
        forwarded = request.headers.getlist("x-forwarded-for")
        return client_address(peer, ",".join(forwarded), self.settings.trusted_proxies)


def _burst(per_minute: int) -> int:
    return max(5, int(per_minute * BURST_S / 60))


def client_address(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return who has really asked: X-Forwarded-For is believed only as far as our proxies wrote it.

    IPv6 addresses are cut to their network, since one customer has all of it.
    """
    found = _parse(peer)
    if found is None:
        return peer[:64]
    for entry in reversed(forwarded.split(",")):
        if not any(found in network for network in proxies):
            break
        named = _parse(entry.strip())
        if named is None:
            break
        found = named
    if found.version == 6:
        return str(ipaddress.ip_network((found, _IPV6_HOST_BITS), strict=False))
    return str(found)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
