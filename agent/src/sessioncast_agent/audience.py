"""Who watches. Pure; times are monotonic microseconds.

The SFU announces people up to three seconds late, so the shim says beforehand whom to expect: an
expected viewer counts as watching until it arrives or `EXPECT_US` have passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

EXPECT_US = 15_000_000
AGENT_PREFIX = "agent-"


@dataclass(frozen=True)
class Person:
    """What the shim said of a viewer before it came."""

    identity: str
    role: str
    actor: str
    name: str


@dataclass
class Audience:
    """Identities that are in the room or on their way."""

    people: dict[str, Person] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)  # watching, but not in the room (fallback)
    units_elsewhere: bool = False  # and some of those take the room's access units
    _expected_until_us: dict[str, int] = field(default_factory=dict)

    def expect(self, person: Person, now_us: int) -> None:
        """The shim gave this viewer a token."""
        self.people[person.identity] = person
        self._expected_until_us[person.identity] = now_us + EXPECT_US

    def joined(self, identity: str) -> None:
        """The SFU announced a participant."""
        if not identity.startswith(AGENT_PREFIX):
            self.present.add(identity)
            self._expected_until_us.pop(identity, None)

    def left(self, identity: str) -> None:
        """The SFU announced that a participant is gone."""
        self.present.discard(identity)
        self._expected_until_us.pop(identity, None)
        self.people.pop(identity, None)

    def new_room(self, identities: set[str]) -> None:
        """Start again with those that a freshly joined room already holds."""
        self.present = {name for name in identities if not name.startswith(AGENT_PREFIX)}

    def watching(self, now_us: int) -> bool:
        """Whether anybody watches or is about to; forgets those who never came."""
        for identity, until_us in list(self._expected_until_us.items()):
            if now_us >= until_us:
                del self._expected_until_us[identity]
                if identity not in self.present | self.elsewhere:
                    self.people.pop(identity, None)
        return bool(self.present or self.elsewhere or self._expected_until_us)

    def decoding(self, now_us: int) -> bool:
        """Whether there is anybody to encode for; who takes rectangles alone needs no encoder."""
        expected = any(now_us < until_us for until_us in self._expected_until_us.values())
        return bool(self.present or expected or self.units_elsewhere)
