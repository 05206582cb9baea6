"""OpenID Connect: from a token that another server has signed to a caller.

That server's configuration and keys are fetched when they are first needed, with deadlines, and
kept; a key that is not known yet (it was changed there) makes them be fetched again, but not more
often than REFETCH_S. While that server is away the keys that are known stay good.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import jwt

from .clock import Clock
from .config_access import AccessSettings, OidcRule, load_rules
from .errors import ConfigError, Problem
from .ids import NAME_MAX_LENGTH, clean_name
from .models_auth import OidcConfig
from .rights import Caller, Permit, permits_of

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # never one with a shared secret, never "none"
DEADLINE_S = 5.0
KEEP_S = 600.0
REFETCH_S = 10.0
LEEWAY_S = 30
MAX_ANSWER_BYTES = 256 * 1024
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

AWAY = Problem(
    503,
    "sign-in-unreachable",
    "Sign-in unreachable",
    "The server that people sign in at does not answer: try again in a few seconds.",
    headers={"Retry-After": "5"},
)


class OidcUnavailableError(Exception):
    """The OpenID Connect server cannot be used now; the message says why."""


@dataclass(frozen=True)
class _Known:
    """What was fetched."""

    document: Mapping[str, Any]
    keys: Mapping[str, jwt.PyJWK]
    at_s: float


@dataclass(frozen=True)
class OidcPlan:
    """The settings, checked."""

    issuer: str
    client_id: str
    audience: str
    resource: str | None
    scope: str
    rules: Sequence[OidcRule]


def load_plan(settings: AccessSettings) -> OidcPlan | None:
    """Return what the settings say; None when nobody signs in. Raises ConfigError."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None:
        raise ConfigError("OIDC_CLIENT_ID is not set: name the page's client at OIDC_ISSUER.")
    return OidcPlan(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        audience=settings.oidc_audience or settings.oidc_client_id,
        resource=settings.oidc_resource,
        scope=settings.oidc_scope,
        rules=load_rules(settings),
    )


@dataclass
class Oidc:
    """Obeys `auth.Bearers`; use it as an async context manager."""

    plan: OidcPlan
    clock: Clock
    _http: aiohttp.ClientSession | None = None
    _known: _Known | None = None
    _tried_at_s: float | None = None
    _failure: str = ""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __repr__(self) -> str:
        return f"Oidc({self.plan.issuer!r})"

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def caller(self, presented: str) -> Caller | None:
        """See Bearers; raises Problem 503 when the keys cannot be had."""
        if presented.count(".") != 2:
            return None
        try:
            header = jwt.get_unverified_header(presented)
        except jwt.PyJWTError:
            return None
        if header.get("alg") not in ALGORITHMS:
            return None
        try:
            key = await self._key(str(header.get("kid") or ""))
        except OidcUnavailableError as error:
            log.warning("a token cannot be checked: %s", error)
            raise AWAY from None
        if key is None:
            return None
        try:
            claims = self._verified(presented, key)
        except jwt.PyJWTError as error:
            log.info("a token is refused: %s", type(error).__name__)
            return None
        return caller_of(claims, self.plan.rules)

    def _verified(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        plan = self.plan
        claims = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=plan.audience,
            issuer=plan.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if several and claims.get("azp", plan.client_id) != plan.client_id:
            raise jwt.InvalidAudienceError("made for another client")
        return claims

    async def config(self) -> OidcConfig | None:
        """Return what the page needs; None while that server does not answer."""
        try:
            document = (await self._fresh(max_age_s=KEEP_S)).document
        except OidcUnavailableError as error:
            log.warning("nobody can sign in now: %s", error)
            return None
        plan = self.plan
        end = document.get("end_session_endpoint")
        return OidcConfig(
            issuer=plan.issuer,
            client_id=plan.client_id,
            scope=plan.scope,
            resource=plan.resource,
            bearer="id_token" if plan.audience == plan.client_id else "access_token",
            authorization_endpoint=str(document["authorization_endpoint"]),
            token_endpoint=str(document["token_endpoint"]),
            end_session_endpoint=end if isinstance(end, str) and _is_safe(end) else None,
        )

    def origins(self) -> set[str]:
        """Return the origins that the page must be able to ask: the issuer's, and its tokens'."""
        found = {self.plan.issuer}
        if self._known is not None:
            found.add(str(self._known.document["token_endpoint"]))
        return {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in found}

    async def _key(self, kid: str) -> jwt.PyJWK | None:
        known = await self._fresh(max_age_s=KEEP_S)
        if _pick(known, kid) is None:
            known = await self._fresh(max_age_s=REFETCH_S)  # changed there meanwhile?
        return _pick(known, kid)

    async def _fresh(self, max_age_s: float) -> _Known:
        async with self._lock:
            now = self.clock.monotonic_s()
            known = self._known
            if known is not None and now - known.at_s < max_age_s:
                return known
            if self._tried_at_s is None or now - self._tried_at_s >= REFETCH_S or not self._failure:
                self._tried_at_s = now
                try:
                    self._known = await self._fetch(now)
                    self._failure = ""
                    return self._known
                except OidcUnavailableError as error:
                    self._failure = str(error)
                    log.warning("OpenID Connect: %s", error)
            if known is not None:
                return known  # old keys are better than none
            raise OidcUnavailableError(self._failure)

    async def _fetch(self, now: float) -> _Known:
        issuer = self.plan.issuer
        where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await self._get(where)
        if document.get("issuer") != issuer:
            raise OidcUnavailableError(f"{issuer} calls itself otherwise: set OIDC_ISSUER to that")
        for name in ("jwks_uri", "authorization_endpoint", "token_endpoint"):
            if not _is_safe(document.get(name)):
                raise OidcUnavailableError(f"{issuer} has no usable {name}")
        found = (await self._get(str(document["jwks_uri"]))).get("keys")
        keys: dict[str, jwt.PyJWK] = {}
        for item in found if isinstance(found, list) else []:
            if not isinstance(item, dict) or item.get("use", "sig") != "sig":
                continue
            try:
                key = jwt.PyJWK(item)
            except jwt.PyJWTError:
                continue  # of a kind that is not used here
            if key.algorithm_name in ALGORITHMS:
                keys[str(item.get("kid") or "")] = key
        if not keys:
            raise OidcUnavailableError(f"{issuer} shows no key that signs with {ALGORITHMS}")
        return _Known(document, keys, now)

    async def _get(self, url: str) -> dict[str, Any]:
        if self._http is None:
            raise RuntimeError("Oidc is used before it was entered")
        try:
            async with self._http.get(url, allow_redirects=False) as answer:
                body = await answer.content.read(MAX_ANSWER_BYTES + 1)
                while len(body) <= MAX_ANSWER_BYTES and not answer.content.at_eof():
                    body += await answer.content.read(MAX_ANSWER_BYTES + 1 - len(body))
                if answer.status != 200 or len(body) > MAX_ANSWER_BYTES:
                    raise OidcUnavailableError(f"{url} answered {answer.status}")
                found = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise OidcUnavailableError(f"{url} does not answer: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise OidcUnavailableError(f"{url} is not a JSON object")
        return found


def caller_of(claims: Mapping[str, Any], rules: Sequence[OidcRule]) -> Caller:
    """Return who these (verified) claims are; one whom no rule names may nothing."""
    permits: list[Permit] = []
    for rule in rules:
        if rule.claim is None or has_value(claims, rule.claim, rule.value or ""):
            permits += permits_of(rule.all_scopes, rule.sessions)
    return Caller(f"oidc:{claims['sub']}"[:300], tuple(permits), _name(claims))


def has_value(claims: Mapping[str, Any], claim: str, value: str) -> bool:
    """Tell whether the claim is, or holds, the value; `a.b` also looks into the object `a`."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return value in found if isinstance(found, list) else found == value


def _name(claims: Mapping[str, Any]) -> str:
    for claim in ("name", "preferred_username", "email"):
        text = claims.get(claim)
        if isinstance(text, str) and text.strip():
            try:
                return clean_name(text.strip()[:NAME_MAX_LENGTH])
            except ValueError:
                continue
    return ""


def _pick(known: _Known, kid: str) -> jwt.PyJWK | None:
    if kid:
        return known.keys.get(kid)
    return next(iter(known.keys.values())) if len(known.keys) == 1 else None


def _is_safe(url: Any) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or loopback)
