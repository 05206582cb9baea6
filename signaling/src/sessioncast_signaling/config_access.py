"""The settings about who may do what, and from where; `config.Settings` adds the SFU's."""

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .errors import ConfigError
from .rights import ROLE_SCOPES, Scope, is_pattern
from .roles import Role

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_RULES_BYTES = 64 * 1024


def plain_url(value: str, schemes: tuple[str, ...]) -> str:
    """Return an address without its last slash; raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"must be an address that starts with {' or '.join(schemes)}")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("must have no user, password, query or fragment")
    _ = parts.port  # raises ValueError when it is not a number
    return value.rstrip("/")


def _list(value: Any) -> Any:
    return [v for v in value.replace(",", " ").split() if v] if isinstance(value, str) else value


def _origin(value: str) -> str:
    url = plain_url(value, ("http", "https"))
    if urlsplit(url).path:
        raise ValueError("must be origins like https://app.example, without a path")
    return url.lower()


def _host(value: str) -> str:
    if "/" in value or (":" in value.strip("[]").replace("::", "") and not value.startswith("[")):
        raise ValueError("must be names like cast.example or *.example, without scheme or port")
    return value.lower()


def _network(value: Any) -> Any:
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be addresses or networks like 10.0.0.0/8") from None


def _issuer(value: str) -> str:
    plain_url(value, ("http", "https"))
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("must start with https:// (http:// only on the loopback)")
    return value


Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_list)
]
Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(_host)], ...], NoDecode, BeforeValidator(_list)
]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(_network)], ...], NoDecode, BeforeValidator(_list)
]


class StateSettings(BaseSettings):
    """Where things are kept that must survive a restart, or that replicas share."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    state_dir: Path | None = Field(
        default=None,
        validation_alias="SESSIONCAST_STATE_DIR",
        description="Where keys are kept; default $XDG_STATE_HOME/sessioncast.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="A Redis (6.2 or newer) that all replicas share, like redis://127.0.0.1:6379/0.",
    )


class AccessSettings(StateSettings):
    """Hosts, proxies, origins, limits, and the OpenID Connect server."""

    trusted_hosts: Hosts = Field(
        default=(),
        validation_alias="TRUSTED_HOSTS",
        description="Host names that requests may be for; any when unset.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        validation_alias="TRUSTED_PROXIES",
        description="Addresses of proxies whose X-Forwarded-For is believed.",
    )
    embed_origins: Origins = Field(
        default=(),
        validation_alias="EMBED_ORIGINS",
        description="Origins whose pages may show this one in a frame; none when unset.",
    )
    cors_origins: Origins = Field(
        default=(),
        validation_alias="CORS_ORIGINS",
        description="Origins whose pages may call the API; none when unset.",
    )
    key_per_minute: int = Field(
        default=12_000, ge=1, validation_alias="LIMIT_KEY_PER_MINUTE",
        description="Requests of one API key.",
    )  # fmt: skip
    person_per_minute: int = Field(
        default=600, ge=1, validation_alias="LIMIT_PERSON_PER_MINUTE",
        description="Requests of one browser with a grant, or of one person.",
    )  # fmt: skip
    address_per_minute: int = Field(
        default=18_000, ge=1, validation_alias="LIMIT_ADDRESS_PER_MINUTE",
        description="Requests from one address.",
    )  # fmt: skip
    failures_per_minute: int = Field(
        default=60, ge=1, validation_alias="LIMIT_FAILURES_PER_MINUTE",
        description="Wrong keys, join links and fallback tickets from one address.",
    )  # fmt: skip
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = Field(
        default=None,
        validation_alias="OIDC_ISSUER",
        description="The OpenID Connect server that people sign in at, exactly as it calls itself.",
    )
    oidc_client_id: str | None = Field(
        default=None, validation_alias="OIDC_CLIENT_ID", description="The page's client there."
    )
    oidc_audience: str | None = Field(
        default=None,
        validation_alias="OIDC_AUDIENCE",
        description="`aud` of the tokens taken here; the client's id when unset.",
    )
    oidc_resource: str | None = Field(
        default=None,
        validation_alias="OIDC_RESOURCE",
        description="`resource` that the page asks for, where the server wants one.",
    )
    oidc_scope: str = Field(
        default="openid profile",
        validation_alias="OIDC_SCOPE",
        description="`scope` that the page asks for.",
    )
    oidc_rules: str | None = Field(
        default=None,
        validation_alias="OIDC_RULES",
        description="Who may do what, as JSON; see docs/security.md.",
    )
    oidc_rules_file: Path | None = Field(
        default=None, validation_alias="OIDC_RULES_FILE", description="A file that holds it."
    )


class OidcRule(BaseModel):
    """Whoever has this value in this claim (all, when none is named) has this role there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str | None = Field(default=None, max_length=200)
    value: str | None = Field(default=None, max_length=200)
    role: Role | None = None
    scopes: tuple[Scope, ...] = ()
    sessions: tuple[str, ...] = ("*",)

    @property
    def all_scopes(self) -> tuple[Scope, ...]:
        """What the role means, and what is given besides."""
        return (ROLE_SCOPES[self.role] if self.role is not None else ()) + self.scopes


def load_rules(settings: AccessSettings) -> tuple[OidcRule, ...]:
    """Return the rules of the settings; raises ConfigError."""
    name = "OIDC_RULES"
    text = settings.oidc_rules
    if settings.oidc_rules_file is not None:
        if text is not None:
            raise ConfigError("OIDC_RULES and OIDC_RULES_FILE are both set: set one of them.")
        name = "OIDC_RULES_FILE"
        try:
            text = settings.oidc_rules_file.read_text("utf-8")[:_MAX_RULES_BYTES]
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"OIDC_RULES_FILE names {settings.oidc_rules_file}, which cannot be read."
            ) from None
    if text is None:
        raise ConfigError(
            "OIDC_RULES is not set: say who may do what, for instance "
            '[{"claim": "groups", "value": "support", "role": "operator", "sessions": ["*"]}].'
        )
    try:
        rules = tuple(OidcRule.model_validate(rule) for rule in _rules(json.loads(text)))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} is not usable: {where}: {first['msg']}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is not usable: it is no list of rules in JSON.") from error
    for rule in rules:
        for pattern in rule.sessions:
            if not is_pattern(pattern):
                raise ConfigError(
                    f"{name} is not usable: {pattern!r} is no pattern of session ids "
                    "(letters, digits, hyphens, and * for anything)."
                )
        if not rule.all_scopes or (rule.claim is None) != (rule.value is None):
            raise ConfigError(
                f"{name} is not usable: each rule needs a role or scopes, and a claim with a value "
                "or neither of them."
            )
    return rules


def _rules(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value
