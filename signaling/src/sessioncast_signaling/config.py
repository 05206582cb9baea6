"""Settings from the environment: the one place that reads it. Secrets are never shown again."""

import os
import secrets
import stat
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from .config_access import AccessSettings, StateSettings, plain_url
from .errors import ConfigError

MIN_API_SECRET_BYTES = 32  # HS256 is as strong as its key
MIN_KEY_CHARACTERS = 16


def _livekit_url(value: str) -> str:
    return plain_url(value, ("ws", "wss", "http", "https"))


def _public_url(value: str) -> str:
    return plain_url(value, ("http", "https"))


S = TypeVar("S", bound=StateSettings)

LiveKitUrl = Annotated[str, AfterValidator(_livekit_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]


class Settings(AccessSettings):
    """What the shim is told by its environment; see `sessioncast-signaling serve --help`."""

    livekit_url: LiveKitUrl = Field(
        validation_alias="LIVEKIT_URL",
        description="How this server and the agents reach the SFU, like ws://127.0.0.1:7880.",
    )
    livekit_public_url: LiveKitUrl | None = Field(
        default=None,
        validation_alias="LIVEKIT_PUBLIC_URL",
        description="The SFU's address for viewers, when it is not LIVEKIT_URL.",
    )
    livekit_api_key: str = Field(
        validation_alias="LIVEKIT_API_KEY", description="The name of the SFU's key."
    )
    livekit_api_secret: SecretStr = Field(
        validation_alias="LIVEKIT_API_SECRET",
        description="The SFU's secret, 32 bytes or more; it signs every token.",
    )
    public_url: PublicUrl | None = Field(
        default=None,
        validation_alias="PUBLIC_URL",
        description="Where people open the page; join links start with it.",
    )
    relay_url: PublicUrl | None = Field(
        default=None,
        validation_alias="SESSIONCAST_RELAY_URL",
        description="With several replicas: how agents reach this very one, for the VNC fallback "
        "(like http://$POD_IP:8000). If unset, they try the address they know until they get here.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        validation_alias="SESSIONCAST_API_KEY",
        description="The key that may do everything; if unset, one is made in the state directory.",
    )
    api_key_file: Path | None = Field(
        default=None,
        validation_alias="SESSIONCAST_API_KEY_FILE",
        description="A file that holds it.",
    )
    enroll_key: SecretStr | None = Field(
        default=None,
        validation_alias="SESSIONCAST_ENROLL_KEY",
        description="A key that may only create sessions (for pods that enrol themselves).",
    )
    enroll_key_file: Path | None = Field(
        default=None,
        validation_alias="SESSIONCAST_ENROLL_KEY_FILE",
        description="A file that holds it.",
    )

    @property
    def api_secret(self) -> str:
        """The SFU's secret in clear."""
        return self.livekit_api_secret.get_secret_value()

    @property
    def agent_sfu_url(self) -> str:
        """The ws address that agents are given."""
        return _as_ws(self.livekit_url)

    @property
    def viewer_sfu_url(self) -> str:
        """The ws address that viewers are given."""
        return _as_ws(self.livekit_public_url or self.livekit_url)


def _as_ws(url: str) -> str:
    return "ws" + url.removeprefix("http") if url.startswith("http") else url


def load_state_settings() -> StateSettings:
    """Read what a command needs that serves nothing; raises ConfigError."""
    return _load(StateSettings)


def load_settings() -> Settings:
    """Read and check the environment; raises ConfigError with one sentence."""
    settings = _load(Settings)
    if len(settings.api_secret.encode()) < MIN_API_SECRET_BYTES:
        raise ConfigError(
            f"LIVEKIT_API_SECRET is too short: it needs {MIN_API_SECRET_BYTES} bytes or more "
            "(`openssl rand -base64 36` makes one), the same in livekit-server's `keys`."
        )
    return settings


def _load(kind: type[S]) -> S:
    try:
        return kind()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "the environment"
        if first["type"] == "missing":
            raise ConfigError(
                f"{name} is not set: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET as in "
                "the configuration of livekit-server."
            ) from None
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{name} is not usable: it {reason}.") from None


def load_api_key(settings: Settings) -> tuple[str, Path | None]:
    """Return the API key, and the file it was generated into, if it was.

    Raises ConfigError for a short key or an unusable file.
    """
    key = _key(settings.api_key, settings.api_key_file, "SESSIONCAST_API_KEY")
    if key is not None:
        return key, None
    return _generated_key(state_dir(settings) / "api-key")


def load_enroll_key(settings: Settings) -> str | None:
    """Return the enrolment key, if there is one; raises ConfigError as load_api_key does."""
    return _key(settings.enroll_key, settings.enroll_key_file, "SESSIONCAST_ENROLL_KEY")


def state_dir(settings: StateSettings) -> Path:
    """Return the directory for what must survive a restart."""
    if settings.state_dir is not None:
        return settings.state_dir
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "sessioncast"


def _key(value: SecretStr | None, file: Path | None, name: str) -> str | None:
    if value is not None and file is not None:
        raise ConfigError(f"{name} and {name}_FILE are both set: set one of them.")
    if value is not None:
        key = value.get_secret_value().strip()
    elif file is not None:
        key = _read_key(file, f"{name}_FILE")
    else:
        return None
    if len(key) < MIN_KEY_CHARACTERS or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{name} is not usable: it needs {MIN_KEY_CHARACTERS} printable characters or more "
            "without spaces (`openssl rand -hex 24` makes one)."
        )
    return key


def _read_key(file: Path, name: str) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{name} names {file}, which cannot be read.") from None


def _generated_key(file: Path) -> tuple[str, Path]:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if stat.S_IMODE(file.stat().st_mode) & 0o077:
                raise ConfigError(
                    f"{file} can be read by others: run `chmod 600 {file}`, or remove it to get a "
                    "new key."
                ) from None
            key = _read_key(file, "the state directory")
            if len(key) < MIN_KEY_CHARACTERS:
                raise ConfigError(f"{file} holds no key: remove it to get a new one.") from None
            return key, file
        with os.fdopen(handle, "w") as opened:
            key = "sck_" + secrets.token_urlsafe(32)
            opened.write(key + "\n")
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be made ({error.strerror}): set SESSIONCAST_API_KEY, or "
            "SESSIONCAST_STATE_DIR to a directory that can be written."
        ) from None
    return key, file
