"""Settings: what is refused, with which sentence, and that no secret is shown."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sessioncast_signaling import __version__, cli
from sessioncast_signaling.config import load_api_key, load_enroll_key, load_settings
from sessioncast_signaling.errors import ConfigError

pytestmark = pytest.mark.unit

SECRET = "top-secret-0123456789-0123456789-0123456789"
GOOD = {
    "LIVEKIT_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "APItest",
    "LIVEKIT_API_SECRET": SECRET,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in (
        "PUBLIC_URL",
        "LIVEKIT_PUBLIC_URL",
        "SESSIONCAST_API_KEY",
        "SESSIONCAST_ENROLL_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SESSIONCAST_STATE_DIR", str(tmp_path / "state"))
    return monkeypatch


def test_good_settings_hide_their_secrets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SESSIONCAST_API_KEY", "sck_0123456789abcdef")
    environment.setenv("PUBLIC_URL", "https://cast.example/")
    settings = load_settings()
    assert settings.public_url == "https://cast.example"
    assert load_api_key(settings) == ("sck_0123456789abcdef", None)
    assert load_enroll_key(settings) is None
    assert SECRET not in repr(settings)
    assert "sck_0123456789abcdef" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LIVEKIT_URL", None, "LIVEKIT_URL is not set"),
        ("LIVEKIT_URL", "", "LIVEKIT_URL is not set"),
        ("LIVEKIT_URL", "127.0.0.1:7880", "LIVEKIT_URL is not usable"),
        ("LIVEKIT_URL", f"ws://user:{SECRET}@host", "LIVEKIT_URL is not usable"),
        ("LIVEKIT_URL", "ws://host:port", "LIVEKIT_URL is not usable"),
        ("LIVEKIT_PUBLIC_URL", "ftp://x", "LIVEKIT_PUBLIC_URL is not usable"),
        ("LIVEKIT_API_KEY", None, "LIVEKIT_API_KEY is not set"),
        ("LIVEKIT_API_SECRET", None, "LIVEKIT_API_SECRET is not set"),
        ("LIVEKIT_API_SECRET", "top-secret-short", "LIVEKIT_API_SECRET is too short"),
        ("PUBLIC_URL", f"https://x/?key={SECRET}", "PUBLIC_URL is not usable"),
        ("SESSIONCAST_API_KEY", "top-secret", "SESSIONCAST_API_KEY is not usable"),
        ("SESSIONCAST_API_KEY", "top-secret with spaces in it", "SESSIONCAST_API_KEY is not"),
        ("SESSIONCAST_API_KEY_FILE", "/nowhere/key", "/nowhere/key, which cannot be read"),
        ("SESSIONCAST_ENROLL_KEY", "top-secret", "SESSIONCAST_ENROLL_KEY is not usable"),
    ],
)
def test_what_can_never_start_exits_3_with_one_sentence(
    environment: pytest.MonkeyPatch, name: str, value: str | None, words: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    result = CliRunner().invoke(cli.app, ["serve", "--port", "0"])
    assert result.exit_code == 3
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "top-secret" not in result.output
    assert "Traceback" not in result.output


def test_a_port_in_use_exits_3(environment: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(cli.app, ["serve", "--port", port])
    assert result.exit_code == 3
    assert f"port {port}" in result.stderr


def test_a_key_is_made_once_and_only_for_us(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load_settings()
    key, file = load_api_key(settings)
    assert file == tmp_path / "state" / "api-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len(key) >= 40
    assert load_api_key(settings) == (key, file)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_api_key(settings)
    file.chmod(0o600)
    file.write_text("")
    with pytest.raises(ConfigError, match="holds no key"):
        load_api_key(settings)


def test_keys_from_files(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sck_from-a-file-0123456789\n")
    environment.setenv("SESSIONCAST_API_KEY_FILE", str(tmp_path / "key"))
    environment.setenv("SESSIONCAST_ENROLL_KEY_FILE", str(tmp_path / "key"))
    settings = load_settings()
    assert load_api_key(settings) == ("sck_from-a-file-0123456789", None)
    assert load_enroll_key(settings) == "sck_from-a-file-0123456789"
    environment.setenv("SESSIONCAST_API_KEY", "sck_0123456789abcdef")
    with pytest.raises(ConfigError, match="both set"):
        load_api_key(load_settings())


def test_help_teaches_and_version_tells() -> None:
    result = CliRunner().invoke(cli.app, ["serve", "--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    for word in ("LIVEKIT_API_SECRET", "PUBLIC_URL", "SESSIONCAST_ENROLL_KEY", "--host", "curl"):
        assert word in result.output
    assert CliRunner().invoke(cli.app, ["--version"]).output.strip() == __version__
