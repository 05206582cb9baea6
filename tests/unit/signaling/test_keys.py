"""API keys: good at once, for what they were made for, until they are called back."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sessioncast_signaling.errors import ConfigError
from sessioncast_signaling.keys import KeyFile, make_key
from sessioncast_signaling.rights import Scope
from support.shim import START_US, running_shim

pytestmark = pytest.mark.unit

NOW = START_US / 1e6
DEMO = "/api/v1/sessions/demo"


def keys_command(state: Path, *args: str, status: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sessioncast_signaling", "keys", *args],
        env={"PATH": os.environ["PATH"], "SESSIONCAST_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


async def test_a_key_is_shown_once_stored_hashed_and_called_back(tmp_path: Path) -> None:
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.create()
        await shim.create("other")
        options = ["--scope", "sessions:read", "--scope", "offers:operator", "--session", "demo"]
        out, _ = keys_command(tmp_path, "create", *options, "--name", "a dashboard")
        secret = out.strip()
        assert secret.startswith("sck_")

        listed = await shim.call("GET", "/api/v1/sessions", key=secret, status=200)
        assert [s["session"] for s in listed["items"]] == ["demo"]
        offer = f"{DEMO}/webrtc/offer"
        made = await shim.call("POST", offer, {"role": "operator"}, key=secret, status=201)
        assert made["role"] == "operator"
        await shim.problem(
            "role-above-right", 403, "POST", offer, json={"role": "admin"}, key=secret
        )
        for method, path in [
            ("DELETE", DEMO),
            ("POST", "/api/v1/sessions"),
            ("POST", f"{DEMO}/join-links"),
            ("GET", "/api/v1/sessions/other"),
            ("POST", "/api/v1/sessions/other/webrtc/offer"),
        ]:
            await shim.problem("forbidden", 403, method, path, key=secret)

        out, _ = keys_command(tmp_path, "list", "--json")
        (shown,) = json.loads(out)
        assert shown["name"] == "a dashboard"
        assert shown["sessions"] == ["demo"]
        stored = (tmp_path / "keys.json").read_text()
        for text in (out, stored, keys_command(tmp_path, "list")[0]):
            assert secret not in text
        assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600

        keys_command(tmp_path, "revoke", shown["id"])
        await shim.problem("unauthorized", 401, "POST", offer, key=secret)
        _, said = keys_command(tmp_path, "revoke", shown["id"], status=1)
        assert "no such key" in said


async def test_a_key_ends_by_itself(tmp_path: Path) -> None:
    key, secret = make_key("", (Scope.READ,), ("*",), NOW, ttl_s=60)
    await KeyFile(tmp_path).add(key)
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.call("GET", "/api/v1/sessions", key=secret, status=200)
        shim.clock.turn(60)
        await shim.problem("unauthorized", 401, "GET", "/api/v1/sessions", key=secret)


async def test_an_enrolment_key_for_some_sessions(tmp_path: Path) -> None:
    key, secret = make_key("", (Scope.ENROLL,), ("pod-*",), NOW, None)
    await KeyFile(tmp_path).add(key)
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        body: Any = {"session": "pod-1"}
        made = await shim.call("POST", "/api/v1/sessions", body, key=secret, status=201)
        assert made["agent"]["credential"].startswith("sca_")
        await shim.call("POST", "/api/v1/sessions", body, key=secret, status=200)
        for other in ({"session": "demo"}, {}):
            await shim.problem("forbidden", 403, "POST", "/api/v1/sessions", json=other, key=secret)
        await shim.problem("forbidden", 403, "GET", "/api/v1/sessions/pod-1", key=secret)


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["create"], 2),
        (["create", "--scope", "everything"], 2),
        (["create", "--scope", "admin", "--session", "../x"], 3),
        (["create", "--scope", "admin", "--name", "a\nb"], 3),
        (["create", "--scope", "admin", "--expires-in-days", "-1"], 2),
    ],
)
def test_a_wrong_command_makes_no_key(tmp_path: Path, args: list[str], status: int) -> None:
    keys_command(tmp_path, *args, status=status)
    assert not (tmp_path / "keys.json").exists()


async def test_a_file_that_others_can_read_opens_nothing(tmp_path: Path) -> None:
    key, secret = make_key("", (Scope.ADMIN,), ("*",), NOW, None)
    await KeyFile(tmp_path).add(key)
    (tmp_path / "keys.json").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        await KeyFile(tmp_path).all()
    async with running_shim(SESSIONCAST_STATE_DIR=str(tmp_path)) as shim:
        await shim.problem("unauthorized", 401, "GET", "/api/v1/sessions", key=secret)


async def test_a_broken_file_is_said_and_kept(tmp_path: Path) -> None:
    (tmp_path / "keys.json").touch(0o600)
    (tmp_path / "keys.json").write_text('[{"id": 1}]')
    key, _ = make_key("", (Scope.ADMIN,), ("*",), NOW, None)
    with pytest.raises(ConfigError, match="not a file of keys"):
        await KeyFile(tmp_path).add(key)
    assert (tmp_path / "keys.json").read_text() == '[{"id": 1}]'
