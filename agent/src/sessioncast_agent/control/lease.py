"""Who has control. Pure: a state, calls with the time, and what each of them brought about.

One holder at a time. Times are monotonic microseconds. The caller releases every key and button on
each change of the holder, and when `tick` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sessioncast_agent.audience import Person

KEYS_AFTER_US = 1_000_000  # a holder whose beats stop: its keys …
LOST_AFTER_US = 2_000_000  # … and its lease
BACK_WITHIN_US = 30_000_000  # a beat within this time gets a lost lease back, if it is free
ANSWER_US = 15_000_000  # a request that the holder does not answer is decided then
QUIET_US = 3_000_000  # implicit: somebody else may act once the holder has rested for this long
IDLE_US = 300_000_000
RECONNECT_US = 10_000_000  # after the agent's own reconnect, for the holder's to come
MAX_REQUESTS = 16
STEERING = frozenset({"operator", "admin"})


class Mode(StrEnum):
    """How control is had: by asking, or by acting while it is free."""

    EXPLICIT = "explicit"
    IMPLICIT = "implicit"


class What(StrEnum):
    """What became of a call; each is told to the one whom it concerns."""

    GRANTED = "granted"
    LOST = "lost"
    REQUESTED = "requested"
    DENIED = "denied"
    RELEASE_KEYS = "release-keys"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Change:
    """One consequence."""

    what: What
    person: Person
    reason: str = ""


class LeaseRefused(Exception):
    """Why not: `code` is the RPC error's (docs/protocol.md), the text one sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


NOT_ALLOWED, NOBODY, BUSY = 1403, 1404, 1409
TOO_OFTEN = 1429


@dataclass
class _Holder:
    person: Person
    acted_us: int
    heard_us: int | None = None  # None until its first packet: programs that only call have no beat
    keys_released: bool = False


@dataclass
class _Request:
    person: Person
    since_us: int


@dataclass
class Lease:
    """The state; `number` counts the leases, and is 0 while control is free."""

    mode: Mode = Mode.IMPLICIT
    idle_us: int = IDLE_US
    number: int = 0
    _count: int = 0
    _holder: _Holder | None = None
    _requests: dict[str, _Request] = field(default_factory=dict)
    _silent: tuple[str, int] | None = None  # who was lost through silence, and when
    _paused: bool = False

    @property
    def holder(self) -> Person | None:
        """Who has control."""
        return None if self._holder is None else self._holder.person

    @property
    def waiting(self) -> tuple[Person, ...]:
        """Who has asked for it, the first first."""
        return tuple(request.person for request in self._requests.values())

    @property
    def restless(self) -> bool:
        """Whether `tick` has anything to watch."""
        return self._holder is not None or bool(self._requests)

    def holds(self, identity: str) -> bool:
        """Whether this one has control."""
        return self._holder is not None and self._holder.person.identity == identity

    # -- what people ask for -----------------------------------------------------------------

    def request(self, person: Person, now_us: int) -> list[Change]:
        """Grant it when it is free or an AI's to yield; else ask the holder."""
        _may_steer(person)
        holder = self._holder
        if holder is None or holder.person.identity == person.identity or _yields(holder, person):
            return self._give(person, now_us, f"{_name(person)} asked for it")
        if person.identity not in self._requests:
            if len(self._requests) >= MAX_REQUESTS:
                raise LeaseRefused(TOO_OFTEN, "too many are waiting for control; try again later")
            self._requests[person.identity] = _Request(person, now_us)
            return [Change(What.REQUESTED, person)]
        return []

    def release(self, person: Person, now_us: int) -> list[Change]:
        """Give it back, or withdraw a request; the first who waits gets it."""
        self._requests.pop(person.identity, None)
        if not self.holds(person.identity):
            return []
        return self._free("you gave it back", now_us)

    def grant(self, by: Person, to: Person | None, now_us: int) -> list[Change]:
        """The holder, or an admin, hands it to somebody."""
        self._decides(by)
        if to is None:
            raise LeaseRefused(NOBODY, "nobody of that identity is here")
        _may_steer(to)
        return self._give(to, now_us, f"{_name(by)} gave it to {_name(to)}")

    def deny(self, by: Person, identity: str) -> list[Change]:
        """The holder, or an admin, refuses a request."""
        self._decides(by)
        request = self._requests.pop(identity, None)
        if request is None:
            raise LeaseRefused(NOBODY, "nobody of that identity has asked for control")
        return [Change(What.DENIED, request.person, f"{_name(by)} keeps it")]

    def take(self, by: Person, now_us: int) -> list[Change]:
        """An admin does not ask."""
        if by.role != "admin":
            raise LeaseRefused(NOT_ALLOWED, "only an admin may take control")
        return self._give(by, now_us, f"{_name(by)} took it")

    def set_mode(self, by: Person, mode: Mode) -> list[Change]:
        """An admin chooses how control is had."""
        if by.role != "admin":
            raise LeaseRefused(NOT_ALLOWED, "only an admin may change the mode of control")
        self.mode = mode
        return [Change(What.MODE, by)]

    # -- what happens ------------------------------------------------------------------------

    def act(
        self, person: Person, now_us: int, *, dragging: bool = False, takes: bool = True
    ) -> list[Change]:
        """Somebody acts; raises LeaseRefused when it must have no effect.

        `dragging`: the holder has a button down. A bare move does not take control (`takes`).
        """
        _may_steer(person)
        holder = self._holder
        if holder is not None and holder.person.identity == person.identity:
            holder.acted_us = now_us
            return []
        if holder is None:
            if takes and self.mode is Mode.IMPLICIT:
                return self._give(person, now_us, "")
            raise LeaseRefused(BUSY, "nobody has control; ask for it first")
        if takes and self.would(person, now_us, dragging=dragging):
            return self._give(person, now_us, f"{_name(person)} acts")
        raise LeaseRefused(BUSY, f"{_name(holder.person)} has control; ask for it")

    def would(self, person: Person, now_us: int, *, dragging: bool) -> bool:
        """Whether `act` would be allowed; changes nothing."""
        holder = self._holder
        if person.role not in STEERING:
            return False
        if holder is None:
            return self.mode is Mode.IMPLICIT
        if holder.person.identity == person.identity or _yields(holder, person):
            return True
        rested = now_us - holder.acted_us >= QUIET_US and not dragging
        return rested and self.mode is Mode.IMPLICIT and not _is_guest(person, holder)

    def hears(self, identity: str, now_us: int) -> bool:
        """Whether this one is the holder and was heard a moment ago, or cannot be heard now."""
        holder = self._holder
        if holder is None or holder.person.identity != identity:
            return self._paused
        recent = holder.heard_us is not None and now_us - holder.heard_us < KEYS_AFTER_US
        return self._paused or recent

    def heard(self, person: Person, now_us: int) -> list[Change]:
        """A packet of this one came (a beat, or anything): it is alive."""
        holder = self._holder
        if holder is not None and holder.person.identity == person.identity:
            holder.heard_us = now_us
            holder.keys_released = False
            return []
        silent = self._silent
        if holder is None and silent is not None and silent[0] == person.identity:
            self._silent = None
            if now_us - silent[1] <= BACK_WITHIN_US:
                changes = self._give(person, now_us, "")
                if self._holder is not None:
                    self._holder.heard_us = now_us
                return changes
        return []

    def gone(self, identity: str, now_us: int, reason: str = "it left") -> list[Change]:
        """Somebody left, was removed, or closed the connection."""
        self._requests.pop(identity, None)
        return self._free(reason, now_us) if self.holds(identity) else []

    def pause(self) -> None:
        """Our own link is away: nobody can be heard, so nobody's silence counts."""
        self._paused = True

    def resume(self, now_us: int) -> None:
        """Our link is back; the holder's may take a moment longer."""
        self._paused = False
        if self._holder is not None and self._holder.heard_us is not None:
            self._holder.heard_us = now_us + RECONNECT_US - LOST_AFTER_US
            self._holder.keys_released = True

    def tick(self, now_us: int) -> list[Change]:
        """Time goes by."""
        if self._paused:
            return []
        changes = self._watch_holder(now_us)
        for identity, request in list(self._requests.items()):
            if now_us - request.since_us >= ANSWER_US and identity in self._requests:
                changes += self._decide(request, now_us)
        return changes

    def _watch_holder(self, now_us: int) -> list[Change]:
        holder = self._holder
        if holder is None:
            return []
        silence_us = 0 if holder.heard_us is None else now_us - holder.heard_us
        if silence_us >= LOST_AFTER_US:
            self._silent = (holder.person.identity, now_us)
            return self._free("its connection is silent", now_us)
        if now_us - holder.acted_us >= self.idle_us:
            return self._free("nothing was done for a while", now_us)
        if silence_us >= KEYS_AFTER_US and not holder.keys_released:
            holder.keys_released = True
            return [Change(What.RELEASE_KEYS, holder.person)]
        return []

    def _decide(self, request: _Request, now_us: int) -> list[Change]:
        """The holder has not answered: one who went on working keeps it."""
        holder = self._holder
        if holder is not None and holder.acted_us > request.since_us:
            del self._requests[request.person.identity]
            return [Change(What.DENIED, request.person, f"{_name(holder.person)} did not answer")]
        return self._give(request.person, now_us, f"{_name(request.person)} asked for it")

    def _decides(self, by: Person) -> None:
        if by.role != "admin" and not self.holds(by.identity):
            raise LeaseRefused(NOT_ALLOWED, "only who has control, or an admin, may decide that")

    def _give(self, person: Person, now_us: int, reason: str) -> list[Change]:
        self._requests.pop(person.identity, None)
        if self._holder is not None and self._holder.person.identity == person.identity:
            self._holder.acted_us = now_us
            return []
        changes = [] if self._holder is None else [Change(What.LOST, self._holder.person, reason)]
        self._silent = None
        self._count += 1
        self.number = self._count
        self._holder = _Holder(person, now_us)
        return [*changes, Change(What.GRANTED, person)]

    def _free(self, reason: str, now_us: int) -> list[Change]:
        if self._holder is None:
            return []
        changes = [Change(What.LOST, self._holder.person, reason)]
        self._holder, self.number = None, 0
        if self._requests:
            first = next(iter(self._requests.values()))
            changes += self._give(first.person, now_us, "")
        return changes


def _may_steer(person: Person) -> None:
    if person.role not in STEERING:
        raise LeaseRefused(NOT_ALLOWED, "observers cannot have control")


def _is_guest(person: Person, holder: _Holder) -> bool:
    """A program does not take over from a person by acting."""
    return person.actor == "ai" and holder.person.actor != "ai"


def _yields(holder: _Holder, person: Person) -> bool:
    return holder.person.actor == "ai" and person.actor != "ai"


def _name(person: Person) -> str:
    return person.name or "somebody"
