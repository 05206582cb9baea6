"""Who may do what in a room: observer < operator < admin."""

from enum import StrEnum


class Role(StrEnum):
    """What a viewer may do; ordered by `rank`."""

    OBSERVER = "observer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Role).index(self)

    def allows(self, other: "Role") -> bool:
        """Tell whether one who has this role may be given the other."""
        return other.rank <= self.rank


class Actor(StrEnum):
    """What kind of viewer it is; an AI yields control to a person."""

    PERSON = "person"
    AI = "ai"


class ControlAction(StrEnum):
    """What can be done about control."""

    REQUEST = "request"
    RELEASE = "release"
    GRANT = "grant"
    DENY = "deny"
    TAKE = "take"


class Kind(StrEnum):
    """What is shown."""

    DESKTOP = "desktop"
    BROWSER = "browser"


class State(StrEnum):
    """What a session is doing, as the explorer says it."""

    WAITING = "waiting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


class Detail(StrEnum):
    """What is wrong with a session that has not ended."""

    DISPLAY_LOST = "display-lost"
    SFU_UNREACHABLE = "sfu-unreachable"
