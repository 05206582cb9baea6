"""A certificate for tests: its own authority, good for the names and addresses given."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files of one certificate, and what Chromium is told so that it accepts this one alone."""

    chain: Path
    key: Path
    pin: str

    @property
    def chromium_argument(self) -> str:
        """Accept this key, whoever has signed it."""
        return f"--ignore-certificate-errors-spki-list={self.pin}"


def certificate(directory: Path, *names: str) -> Certificate:
    """Make one with openssl, self-signed."""
    key, chain = directory / "tls.key", directory / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={names[0]}",
         "-keyout", str(key), "-out", str(chain),
         "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    key.chmod(0o600)
    digest = subprocess.run(
        f"openssl x509 -in '{chain}' -pubkey -noout | openssl pkey -pubin -outform der"
        " | openssl dgst -sha256 -binary | openssl enc -base64",
        shell=True, check=True, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return Certificate(chain, key, digest.stdout.strip())
