"""Whom the agent knows by role, and who sent a packet. What the shim said counts most, then the
token that it signed.

The SFU tells who sent a data packet only once it has announced the sender, up to three seconds
late; a request (RPC) names its caller at once. So whoever says hello gets a topic of its own, known
to nobody else, and is known by it from its first packet on. A packet on the common topic without a
sender is of the one operator who was expected and not announced yet, if there is just one: only
operators and admins can send data at all.
"""

from __future__ import annotations

import secrets

from livekit import rtc

from sessioncast_agent.audience import AGENT_PREFIX, Person
from sessioncast_agent.control.lease import STEERING

TOPIC = "input"
MAX_PEOPLE = 4_096
EXPECT_US = 15_000_000
TOKEN_LIFE_US = 900_000_000  # longer than any token lives that was given before
MAX_BANNED = 65_536


class People:
    """Kept for the life of the agent: leave events are late, and a reconnect makes false ones."""

    def __init__(self) -> None:
        self.room: rtc.Room | None = None
        self._known: dict[str, Person] = {}
        self._banned: dict[str, None] = {}
        self._topics: dict[str, str] = {}  # of those who said hello
        self._coming: dict[str, int] = {}  # expected, not announced: when
        self._no_guess_until_us = 0

    def __contains__(self, identity: str) -> bool:
        return self.get(identity) is not None

    def expect(self, person: Person, coming_us: int | None = None) -> None:
        """The shim said who this is; `coming_us` when it gave a token for the room just now."""
        if person.identity in self._banned:
            return
        if coming_us is not None and person.role in STEERING:
            self._coming[person.identity] = coming_us
        self._known.pop(person.identity, None)
        if len(self._known) >= MAX_PEOPLE:
            del self._known[next(iter(self._known))]
        self._known[person.identity] = person

    def get(self, identity: str) -> Person | None:
        """Who this is; None for strangers, the banned, and packets without a sender."""
        if not identity or identity in self._banned:
            return None
        return self._known.get(identity) or self._from_token(identity)

    def announced(self, identity: str) -> None:
        """The SFU names this one's packets from now on."""
        self._coming.pop(identity, None)

    def hello(self, identity: str) -> str:
        """The topic on which this one's input is known."""
        self._coming.pop(identity, None)
        for topic, owner in self._topics.items():
            if owner == identity:
                return topic
        if len(self._topics) >= MAX_PEOPLE:
            del self._topics[next(iter(self._topics))]
        topic = f"{TOPIC}.{secrets.token_urlsafe(18)}"
        self._topics[topic] = identity
        return topic

    def sender(self, topic: str, identity: str, now_us: int) -> str | None:
        """Who sent input on this topic; None when it is no input, empty when nobody can tell."""
        if topic != TOPIC:
            owner = self._topics.get(topic)
            return owner if owner is not None and identity in {"", owner} else None
        if identity or now_us < self._no_guess_until_us:
            return identity
        for name, since_us in list(self._coming.items()):
            if now_us - since_us > EXPECT_US:
                del self._coming[name]
        return next(iter(self._coming)) if len(self._coming) == 1 else ""

    def admins(self) -> list[Person]:
        """Those who may decide over control."""
        return [person for person in self._known.values() if person.role == "admin"]

    def ban(self, identity: str, now_us: int) -> None:
        """Know this one no more, whatever is said later. While its old token could bring it back,
        no sender is guessed."""
        self._no_guess_until_us = now_us + TOKEN_LIFE_US
        self._coming.pop(identity, None)
        self._topics = {topic: name for topic, name in self._topics.items() if name != identity}
        self._known.pop(identity, None)
        if len(self._banned) >= MAX_BANNED:
            del self._banned[next(iter(self._banned))]
        self._banned[identity] = None

    def pardon(self, identity: str) -> None:
        """Know this one again, by what its token says until the shim says more."""
        self._banned.pop(identity, None)

    def _from_token(self, identity: str) -> Person | None:
        """After a restart of the agent: viewers cannot change their own attributes, the shim's
        signature is on them."""
        participant = None if self.room is None else self.room.remote_participants.get(identity)
        if participant is None or identity.startswith(AGENT_PREFIX):
            return None
        role = participant.attributes.get("role", "observer")
        actor = participant.attributes.get("actor", "person")
        return Person(identity, role, actor, participant.name)
