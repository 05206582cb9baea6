"""From a bearer to a caller: who it is, in which session, and what it may do there."""

from dataclasses import dataclass
from enum import StrEnum

from .credentials import same_secret
from .errors import forbidden, role_above_right, unauthorized
from .ids import SECRET_MAX_LENGTH, digest
from .roles import Role
from .store import Store


class Right(StrEnum):
    """One thing that a caller may do."""

    CREATE = "sessions:create"
    LIST = "sessions:list"
    READ = "session:read"
    END = "session:end"
    OFFER = "session:offer"
    LINKS = "session:links"
    PARTICIPANTS = "session:participants"
    USAGE = "session:usage"
    THUMBNAIL = "session:thumbnail"


_ENROLL_RIGHTS = frozenset({Right.CREATE})
_GRANT_RIGHTS = frozenset({Right.READ, Right.OFFER, Right.THUMBNAIL})


@dataclass(frozen=True)
class Caller:
    """Whoever holds the bearer. `session` is the only one it may touch; None means all."""

    subject: str
    rights: frozenset[Right]
    role: Role | None = None  # the highest it may give, to itself or others
    session: str | None = None
    name: str = ""

    def require(self, right: Right, session: str | None = None) -> None:
        """Raise Problem 403 unless the caller has the right (for this session).

        Comes before the session is looked up: who may not touch it does not learn that it exists.
        """
        if right not in self.rights or (self.session is not None and self.session != session):
            raise forbidden(
                "This key is good, but not for this: use one that has the right "
                f"{right.value} for this session."
            )

    def role_or(self, wanted: Role | None) -> Role:
        """Return the role to give: the wanted one if the caller may have it (else Problem 403).

        With none wanted it is observer; the browser of a join link gets the link's role.
        """
        if self.role is None:
            raise forbidden("This key is good, but not for watching: use one that is.")
        if wanted is None:
            return self.role if self.session is not None else Role.OBSERVER
        if not self.role.allows(wanted):
            raise role_above_right(wanted.value, self.role.value)
        return wanted


@dataclass(frozen=True)
class Authenticator:
    """Knows the keys. Scoped keys and OIDC subjects will be further callers from here."""

    api_key: str
    enroll_key: str | None
    store: Store

    def __repr__(self) -> str:
        return "Authenticator()"

    async def caller(self, authorization: str | None) -> Caller:
        """Return who sent this header; raises Problem 401, the same for all faults."""
        presented = bearer(authorization)
        if same_secret(self.api_key, presented):
            return Caller("key:default", frozenset(Right), Role.ADMIN)
        if self.enroll_key is not None and same_secret(self.enroll_key, presented):
            return Caller("key:enroll", _ENROLL_RIGHTS)
        if presented.startswith("scg_"):
            grant = await self.store.grant(digest(presented))
            if grant is not None:
                return Caller(
                    f"link:{grant.link_id}", _GRANT_RIGHTS, grant.role, grant.session, grant.name
                )
        raise unauthorized()


def bearer(authorization: str | None) -> str:
    """Return the secret of an Authorization header; raises Problem 401."""
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > SECRET_MAX_LENGTH * 2:
        raise unauthorized()
    return secret
