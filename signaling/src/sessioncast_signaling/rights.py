"""Who may do what: rights, the scopes that bundle them, and the sessions that they are for. Pure.

A `Caller` holds permits; each is a set of rights, the highest role that it may give, and a pattern
of session ids. Keys, OpenID Connect subjects, join links' grants and enrolment keys all become one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from .errors import Problem, forbidden, role_above_right
from .roles import Role

PATTERN_RULE = r"^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$"
_pattern_rule = re.compile(PATTERN_RULE.removesuffix("$") + r"\Z")


class Right(StrEnum):
    """One thing that a caller may do."""

    CREATE = "sessions:create"
    LIST = "sessions:list"
    READ = "session:read"
    END = "session:end"
    OFFER = "session:offer"
    LINKS = "session:links"
    PARTICIPANTS = "session:participants"
    REMOVE = "session:remove"
    CONTROL = "session:control"
    NARRATE = "session:narrate"
    USAGE = "session:usage"
    THUMBNAIL = "session:thumbnail"


_LOOK = frozenset({Right.LIST, Right.READ, Right.THUMBNAIL, Right.USAGE, Right.PARTICIPANTS})
_WATCH = frozenset({Right.READ, Right.THUMBNAIL, Right.OFFER, Right.CONTROL})
_OPERATE = _WATCH | {Right.NARRATE}
ALL = frozenset(Right)


class Scope(StrEnum):
    """What a key can be made for."""

    ADMIN = "admin"
    CREATE = "sessions:create"
    READ = "sessions:read"
    END = "sessions:end"
    OBSERVE = "offers:observer"
    OPERATE = "offers:operator"
    ADMINISTER = "offers:admin"
    ASK = "control:ask"
    LINKS = "links"
    REMOVE = "participants:remove"
    ENROLL = "agent:enroll"


# scope → (rights, highest role)
_MEANING: dict[Scope, tuple[frozenset[Right], Role | None]] = {
    Scope.ADMIN: (ALL, Role.ADMIN),
    Scope.CREATE: (frozenset({Right.CREATE}), None),
    Scope.READ: (_LOOK, None),
    Scope.END: (frozenset({Right.END}), None),
    Scope.OBSERVE: (_WATCH, Role.OBSERVER),
    Scope.OPERATE: (_OPERATE, Role.OPERATOR),
    Scope.ADMINISTER: (_OPERATE, Role.ADMIN),
    Scope.ASK: (frozenset(), None),
    Scope.LINKS: (frozenset({Right.LINKS}), None),
    Scope.REMOVE: (frozenset({Right.REMOVE, Right.PARTICIPANTS}), None),
    Scope.ENROLL: (frozenset({Right.CREATE}), None),
}

# What a person signed in with OpenID Connect may do, by the role that the rules give.
ROLE_SCOPES: dict[Role, tuple[Scope, ...]] = {
    Role.OBSERVER: (Scope.READ, Scope.OBSERVE),
    Role.OPERATOR: (Scope.READ, Scope.OPERATE),
    Role.ADMIN: (Scope.ADMIN,),
}


def is_pattern(text: str) -> bool:
    """Tell whether this is a pattern of session ids: an id in which `*` stands for anything."""
    return _pattern_rule.match(text) is not None


@dataclass(frozen=True)
class Permit:
    """Rights over the sessions that the pattern names.

    With `may_ask` an observer may ask for control.
    """

    rights: frozenset[Right]
    role: Role | None = None
    pattern: str = "*"
    may_ask: bool = False

    def covers(self, session: str) -> bool:
        """Tell whether it is for this session."""
        return fnmatchcase(session, self.pattern)


def permits_of(scopes: Iterable[Scope], patterns: Iterable[str] = ("*",)) -> tuple[Permit, ...]:
    """Return what these scopes mean, over these sessions."""
    rights: frozenset[Right] = frozenset()
    role: Role | None = None
    may_ask = False
    for scope in scopes:
        more, highest = _MEANING[scope]
        rights |= more
        may_ask |= scope is Scope.ASK
        if highest is not None and (role is None or highest.allows(role)):
            role = highest
    return tuple(Permit(rights, role, pattern, may_ask) for pattern in patterns)


@dataclass(frozen=True)
class Caller:
    """Whoever holds the bearer.

    `subject` is stable over its requests: what limits are counted by, and what is kept out when one
    of its viewers is removed. `link_id` and `session` are set for a join link's browser.
    """

    subject: str
    permits: tuple[Permit, ...]
    name: str = ""
    session: str | None = None
    link_id: str = ""

    def may(self, right: Right, session: str | None = None) -> bool:
        """Tell whether the caller has the right (for this session)."""
        return any(
            right in p.rights and (session is None or p.covers(session)) for p in self.permits
        )

    def require(self, right: Right, session: str | None = None) -> None:
        """Raise Problem 403 unless the caller has the right (for this session).

        Comes before the session is looked up: who may not touch it does not learn that it exists.
        """
        if not self.may(right, session):
            raise forbidden(
                "This key is good, but not for this: use one that has the right "
                f"{right.value} for this session."
            )

    def highest_role(self, session: str) -> Role | None:
        """Return the highest role that it may give in this session, to itself or others."""
        roles = [p.role for p in self.permits if p.role is not None and p.covers(session)]
        return max(roles, key=lambda role: role.rank, default=None)

    def may_ask(self, session: str) -> bool:
        """Tell whether it may ask for control although it is an observer there."""
        return any(p.may_ask and p.covers(session) for p in self.permits)

    def role_or(self, wanted: Role | None, session: str, *, raised: Role | None = None) -> Role:
        """Return the role to give: the wanted one if the caller may have it (else Problem 403).

        With none wanted it is observer; the browser of a join link gets the link's role. `raised`
        is the role that an observer who asked for control was given since.
        """
        highest = self.highest_role(session)
        if highest is None:
            raise forbidden("This key is good, but not for watching: use one that is.")
        if raised is not None and raised.allows(highest):
            highest = raised
        if wanted is None:
            return highest if self.session is not None or raised is not None else Role.OBSERVER
        if not highest.allows(wanted):
            raise role_above_right(wanted.value, highest.value)
        return wanted


def too_often(retry_after_s: float) -> Problem:
    """429: more than this key, or this address, may ask."""
    seconds = max(1, int(retry_after_s + 0.999))
    return Problem(
        429,
        "too-often",
        "Too many requests",
        f"This is more often than is allowed: try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
