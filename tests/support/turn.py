"""Real TURN relays for tests: livekit-server's own, and coturn as its file in deploy says."""

import contextlib
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.certificate import Certificate
from support.livekit import REPOSITORY, START_DEADLINE_S

COTURN_CONF = REPOSITORY / "deploy" / "livekit" / "coturn.conf"


def own_relay(
    domain: str, address: str, subnet: str, tls: Certificate, udp_port: int = 0
) -> dict[str, Any]:
    """Return the `turn` section of livekit.yaml as the file itself describes it."""
    return {
        "turn": {
            "enabled": True,
            "domain": domain,
            "bind_addresses": [address],
            "tls_port": 443,
            "udp_port": udp_port,
            "cert_file": str(tls.chain),
            "key_file": str(tls.key),
            "relay_range_start": 30_000,
            "relay_range_end": 30_400,
            "allow_restricted_peer_cidrs": [subnet],
        }
    }


@dataclass
class Coturn:
    """One running turnserver, and the `rtc` section with which livekit-server uses it."""

    domain: str
    secret_file: Path
    log_path: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def section(self, secret_file: Path | None = None) -> dict[str, Any]:
        """Return it; another file makes credentials that this relay refuses."""
        common = {"host": self.domain, "secret_file": str(secret_file or self.secret_file)}
        return {
            "rtc": {
                "turn_servers": [
                    common | {"port": 443, "protocol": "tls", "ttl": 600},
                    common | {"port": 3478, "protocol": "udp", "ttl": 600},
                ]
            }
        }


def secret_file(path: Path) -> Path:
    """Write a new secret that nobody else can read."""
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(24))
    return path


@contextlib.contextmanager
def coturn(
    directory: Path, domain: str, address: str, peer: str, tls: Certificate
) -> Iterator[Coturn]:
    """Run coturn on an address as the repository configures it; `peer` is the SFU's address."""
    key = secret_file(directory / "turn-secret")
    text = COTURN_CONF.read_text()
    changes = {
        r"^realm=.*": f"realm={domain}",
        r"^cert=.*": f"cert={tls.chain}",
        r"^pkey=.*": f"pkey={tls.key}",
        r"^# listening-ip=.*": f"listening-ip={address}",
        r"^# relay-ip=.*": f"relay-ip={address}",
        r"^# allowed-peer-ip=.*": f"allowed-peer-ip={peer}",
    }
    for pattern, line in changes.items():
        text, count = re.subn(pattern, line, text, flags=re.MULTILINE)
        assert count == 1, f"{COTURN_CONF.name} has changed: {pattern} is there {count} times"
    # what only a machine of its own has: a place for its files
    text += f"static-auth-secret={key.read_text()}\npidfile={directory}/turn.pid\n"
    text += f"userdb={directory}/turn.db\n"
    configuration = directory / "turnserver.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(text)
    log_path = directory / "coturn.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            ["turnserver", "-c", str(configuration)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
        )  # fmt: skip
    try:
        _wait(address, process, log_path)
        yield Coturn(domain, key, log_path, process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _wait(address: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((address, 443), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"coturn does not listen:\n{log_path.read_text(errors='replace')[-3000:]}")
