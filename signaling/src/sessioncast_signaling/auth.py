"""From a bearer to a caller: who it is, and what it may do where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .credentials import same_secret
from .errors import unauthorized
from .ids import SECRET_MAX_LENGTH, digest
from .rights import Caller, Permit, Right, Scope, permits_of
from .roles import Role
from .store import Store

__all__ = ["Authenticator", "Bearers", "Caller", "Right", "bearer", "grant_subject"]

TOKEN_MAX_LENGTH = 8 * 1024  # an OpenID Connect token; keys and grants are far shorter
_GRANT_RIGHTS = frozenset({Right.READ, Right.OFFER, Right.THUMBNAIL, Right.CONTROL})
_OPERATOR_GRANT_RIGHTS = _GRANT_RIGHTS | {Right.NARRATE}


class Bearers(Protocol):
    """One kind of bearer that this server knows."""

    async def caller(self, presented: str) -> Caller | None:
        """Return whose it is; None when it is of another kind, or not good."""
        ...


@dataclass(frozen=True)
class Authenticator:
    """Knows the two keys of the settings and the grants; `more` knows the rest."""

    api_key: str
    enroll_key: str | None
    store: Store
    more: Sequence[Bearers] = ()

    def __repr__(self) -> str:
        return "Authenticator()"

    async def caller(self, authorization: str | None) -> Caller:
        """Return who sent this header; raises Problem 401, the same for all faults."""
        presented = bearer(authorization)
        if same_secret(self.api_key, presented):
            return Caller("key:default", permits_of([Scope.ADMIN]))
        if self.enroll_key is not None and same_secret(self.enroll_key, presented):
            return Caller("key:enroll", permits_of([Scope.ENROLL]))
        if presented.startswith("scg_"):
            found = await self._grant(presented)
        else:
            found = None
            for kind in self.more:
                found = found or await kind.caller(presented)
        if found is None:
            raise unauthorized()
        return found

    async def _grant(self, presented: str) -> Caller | None:
        given = digest(presented)
        grant = await self.store.grant(given)
        if grant is None:
            return None
        rights = _GRANT_RIGHTS if grant.role is Role.OBSERVER else _OPERATOR_GRANT_RIGHTS
        permit = Permit(rights, grant.role, grant.session, may_ask=grant.may_ask)
        return Caller(grant_subject(given), (permit,), grant.name, grant.session, grant.link_id)


def grant_subject(grant_digest: str) -> str:
    """Return the subject of the browser that holds this grant."""
    return f"grant:{grant_digest}"


def bearer(authorization: str | None, max_length: int = TOKEN_MAX_LENGTH) -> str:
    """Return the secret of an Authorization header; raises Problem 401."""
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    limit = max_length if secret.count(".") == 2 else SECRET_MAX_LENGTH * 2
    if scheme.lower() != "bearer" or not secret or len(secret) > limit:
        raise unauthorized()
    return secret
