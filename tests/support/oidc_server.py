"""A real OpenID Connect server as a process, its keys ours, and a person who signs in there."""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from support.livekit import REPOSITORY, START_DEADLINE_S, free_ports

PEOPLE = {
    "ana": {"name": "Ana", "groups": ["support"]},
    "bo": {"name": "Bo", "groups": ["guests"]},
    "eve": {"name": "Eve", "groups": []},
}
RESOURCE = "https://cast.example"
REDIRECT = "http://127.0.0.1:9/back"
_LOCATION = "location"


@dataclass
class OidcServer:
    """One running server; `key` signs what it issues."""

    port: int
    log_path: Path
    key: rsa.RSAPrivateKey
    key_id: str = "one"
    ttl_s: int = 600
    redirect_uris: tuple[str, ...] = (REDIRECT,)
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it accepts connections."""
        private = json.loads(RSAAlgorithm.to_jwk(self.key))
        jwks = {"keys": [private | {"kid": self.key_id, "use": "sig", "alg": "RS256"}]}
        plan = {
            "port": self.port,
            "redirect_uris": self.redirect_uris,
            "people": PEOPLE,
            "jwks": jwks,
            "resource": RESOURCE,
            "ttl_s": self.ttl_s,
        }
        node = shutil.which("node") or str(REPOSITORY / ".tools" / "bin" / "node")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [node, str(REPOSITORY / "tests/oidc/server.mjs")],
                env={"PATH": os.environ["PATH"], "OIDC_TEST": json.dumps(plan)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise RuntimeError(f"no OpenID Connect server:\n{self.log_path.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def rotate(self, key_id: str) -> None:
        """Start it anew with another key."""
        self.stop()
        self.key, self.key_id = new_key(), key_id
        self.start()

    def forged(self, key: Any = None, **changes: Any) -> str:
        """Return a token as it would issue it, with claims changed (None leaves one out)."""
        now = int(time.time())
        headers = {"kid": changes.pop("kid", self.key_id)}
        algorithm = changes.pop("alg", "RS256")
        claims = {
            "iss": self.issuer,
            "aud": "sessioncast",
            "sub": "ana",
            "iat": now,
            "exp": now + 300,
            "groups": ["support"],
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers=headers)

    def sign_in(self, who: str, *, resource: str | None = None) -> dict[str, Any]:
        """Go through the code flow with PKCE as a browser would; return the tokens."""
        verifier = secrets.token_urlsafe(32)
        challenge = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": "sessioncast",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid profile",
            "state": "s",
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        } | ({"resource": resource} if resource else {})
        with httpx.Client(timeout=10) as browser:
            answer = browser.get(f"{self.issuer}/auth", params=query)
            for _ in range(12):
                if _LOCATION in answer.headers:
                    where = urljoin(str(answer.url), answer.headers[_LOCATION])
                    if where.startswith(REDIRECT):
                        break
                    answer = browser.get(where)
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                assert answer.status_code == 200, answer.text
                assert form is not None, answer.text
                fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', answer.text))
                given = fields | {"login": who, "password": "any"}
                answer = browser.post(urljoin(str(answer.url), unescape(form[1])), data=given)
            code = parse_qs(urlsplit(where).query)["code"][0]
            tokens = browser.post(
                f"{self.issuer}/token",
                data={
                    "grant_type": "authorization_code",
                    "client_id": "sessioncast",
                    "redirect_uri": REDIRECT,
                    "code": code,
                    "code_verifier": verifier,
                }
                | ({"resource": resource} if resource else {}),
            )
            assert tokens.status_code == 200, tokens.text
            found: dict[str, Any] = tokens.json()
            return found


def new_key() -> rsa.RSAPrivateKey:
    """Return a key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextlib.contextmanager
def oidc_server(tmp_path: Path, *redirect_uris: str) -> Iterator[OidcServer]:
    """Run one for the body."""
    server = OidcServer(free_ports(1)[0], tmp_path / "oidc.log", new_key())
    server.redirect_uris += redirect_uris
    server.start()
    try:
        yield server
    finally:
        server.stop()
