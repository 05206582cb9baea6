"""Whom the agent knows by role. What the shim said counts most, then the token that it signed."""

from __future__ import annotations

from livekit import rtc

from sessioncast_agent.audience import AGENT_PREFIX, Person

MAX_PEOPLE = 4_096
MAX_BANNED = 65_536


class People:
    """Kept for the life of the agent: leave events are late, and a reconnect makes false ones."""

    def __init__(self) -> None:
        self.room: rtc.Room | None = None
        self._known: dict[str, Person] = {}
        self._banned: dict[str, None] = {}

    def __contains__(self, identity: str) -> bool:
        return self.get(identity) is not None

    def expect(self, person: Person) -> None:
        """The shim gave this one a token."""
        if person.identity in self._banned:
            return
        self._known.pop(person.identity, None)
        if len(self._known) >= MAX_PEOPLE:
            del self._known[next(iter(self._known))]
        self._known[person.identity] = person

    def get(self, identity: str) -> Person | None:
        """Who this is; None for strangers, the banned, and packets without a sender."""
        if not identity or identity in self._banned:
            return None
        return self._known.get(identity) or self._from_token(identity)

    def admins(self) -> list[Person]:
        """Those who may decide over control."""
        return [person for person in self._known.values() if person.role == "admin"]

    def ban(self, identity: str) -> None:
        """Know this one no more, whatever is said later."""
        self._known.pop(identity, None)
        if len(self._banned) >= MAX_BANNED:
            del self._banned[next(iter(self._banned))]
        self._banned[identity] = None

    def _from_token(self, identity: str) -> Person | None:
        """After a restart of the agent: viewers cannot change their own attributes, the shim's
        signature is on them."""
        participant = None if self.room is None else self.room.remote_participants.get(identity)
        if participant is None or identity.startswith(AGENT_PREFIX):
            return None
        role = participant.attributes.get("role", "observer")
        actor = participant.attributes.get("actor", "person")
        return Person(identity, role, actor, participant.name)
