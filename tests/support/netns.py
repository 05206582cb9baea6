"""A network of its own for a browser: a namespace behind a router that drops what it is told to.

    with network() as net:
        ...  # net.addresses are this side's, net.command("chromium") runs on the other side
        net.block(udp=True)  # the router swallows packets, as a firewall does: nobody is told

This side stays where it is, so that servers and the test's own calls need nothing special:

    [test, SFU, shim, agent] -- veth -- [router: iptables FORWARD] -- veth -- [browser]

Needs root, iproute2 and iptables; without them the test fails, it is not skipped.
"""

import contextlib
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ADDRESSES = 8  # of this side, each with all ports: so that more than one server can have port 443


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _etc(namespace: str) -> Path:
    """`ip netns exec` lays the files of this directory over those of /etc."""
    return Path("/etc/netns") / namespace


@dataclass(frozen=True)
class Network:
    """One such network; see the module."""

    router: str
    client: str
    addresses: tuple[str, ...]
    client_address: str
    device: str

    @property
    def subnet(self) -> str:
        """All of its addresses."""
        return self.addresses[0].rsplit(".", 1)[0] + ".0/24"

    def name(self, hosts: Mapping[str, str]) -> None:
        """Let programs on the other side that start from now on find these names."""
        lines = [f"{address} {name}" for name, address in hosts.items()]
        _etc(self.client).mkdir(parents=True, exist_ok=True)
        (_etc(self.client) / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        # nothing else is there to be asked, and that is answered at once
        (_etc(self.client) / "resolv.conf").write_text("nameserver 127.0.0.1\n")

    def command(self, *program: str) -> list[str]:
        """Return the command that runs a program on the other side."""
        return ["ip", "netns", "exec", self.client, *program]

    def block(
        self,
        *,
        udp: bool = False,
        tcp_ports: tuple[int, ...] = (),
        only_tcp: tuple[int, ...] = (),
        hosts: tuple[str, ...] = (),
    ) -> None:
        """Swallow all UDP, these TCP ports, whole hosts, or everything but `only_tcp`.

        Replaces what was.
        """
        rules = [[end, host, "-j", "DROP"] for host in hosts for end in ("-s", "-d")]
        if only_tcp:
            for port in only_tcp:
                rules += [["-p", "tcp", f"--{end}port", str(port), "-j", "ACCEPT"] for end in "ds"]
            rules.append(["-j", "DROP"])
        if udp:
            rules.append(["-p", "udp", "-j", "DROP"])
        for port in tcp_ports:
            rules += [["-p", "tcp", f"--{end}port", str(port), "-j", "DROP"] for end in "ds"]
        self._iptables("-F", "FORWARD")
        for rule in rules:
            self._iptables("-A", "FORWARD", *rule)

    def unblock(self) -> None:
        """Let everything through again."""
        self._iptables("-F", "FORWARD")

    def _iptables(self, *arguments: str) -> None:
        _run("ip", "netns", "exec", self.router, "iptables", "-w", *arguments)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make such a network for the body, and take it away."""
    number = random.randrange(1, 250)
    mark = f"{number:02x}{random.randrange(256):02x}"
    net = f"10.199.{number}"
    router, client = f"sc-r{mark}", f"sc-c{mark}"
    # veth names have at most 15 characters
    here, there, left, right = (f"sc{mark}{end}" for end in "abcd")
    made = Network(
        router,
        client,
        tuple(f"{net}.{n}" for n in range(1, 1 + ADDRESSES)),
        f"{net}.18",
        here,
    )
    try:
        for name in (router, client):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", router)
        _run("ip", "-n", router, "link", "add", left, "type", "veth", "peer", "name", right,
             "netns", client)  # fmt: skip
        for address in made.addresses:
            _run("ip", "address", "add", f"{address}/28", "dev", here)
        _run("ip", "link", "set", here, "up")
        _run("ip", "-n", router, "address", "add", f"{net}.14/28", "dev", there)
        _run("ip", "-n", router, "address", "add", f"{net}.17/28", "dev", left)
        _run("ip", "-n", client, "address", "add", f"{made.client_address}/28", "dev", right)
        for name, device in ((router, there), (router, left), (client, right)):
            _run("ip", "-n", name, "link", "set", device, "up")
        _run("ip", "route", "add", f"{net}.16/28", "via", f"{net}.14")
        _run("ip", "-n", client, "route", "add", "default", "via", f"{net}.17")
        _run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield made
    finally:
        for name in (router, client):
            with contextlib.suppress(RuntimeError):
                _run("ip", "netns", "del", name)
        shutil.rmtree(_etc(client), ignore_errors=True)
        with contextlib.suppress(RuntimeError):  # goes with its peer, when there was one
            _run("ip", "link", "del", here)
