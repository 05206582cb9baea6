"""How much of what one sender sends is read at all. Pure; times are monotonic microseconds.

Packets wait unread in a short queue and are taken at a bounded rate. A move that waits is replaced
by a newer one; everything else keeps its order. When the queue is full the oldest goes, so that the
last key-up of a flood still lands, and the taker is told that something is missing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sessioncast_agent.control.messages import MAX_BYTES, Message, MoveMessage

RATE_PER_S = 1_000.0
BURST = 500.0
MOVES_PER_S = 250.0
MOVE_BURST = 25.0
WAITING = 2_500  # 1,000 typed characters are 2,000 messages
MAX_SENDERS = 64
MOVE_PREFIX = b'[1,"move",'

Packet = bytes | Message


@dataclass
class Bucket:
    """Tokens that come back with time."""

    per_s: float
    burst: float
    _tokens: float = -1.0
    _at_us: int = 0

    def take(self, now_us: int) -> bool:
        """One token, if there is one."""
        self._fill(now_us)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait_us(self, now_us: int) -> int:
        """Until the next token."""
        self._fill(now_us)
        return max(0, int((1.0 - self._tokens) / self.per_s * 1e6) + 1)

    def _fill(self, now_us: int) -> None:
        if self._tokens < 0:
            self._tokens = self.burst
        else:
            came = max(0, now_us - self._at_us) / 1e6 * self.per_s
            self._tokens = min(self.burst, self._tokens + came)
        self._at_us = now_us


def is_move(packet: Packet) -> bool:
    """Whether a newer packet may replace this one; looks at no more than its first bytes."""
    if isinstance(packet, bytes):
        return packet.startswith(MOVE_PREFIX)
    return isinstance(packet, MoveMessage)


class Inbox:
    """What one sender has sent and is not yet read."""

    def __init__(self) -> None:
        self.dropped = 0
        self._lost = 0
        self._waiting: deque[Packet] = deque()
        self._all = Bucket(RATE_PER_S, BURST)
        self._moves = Bucket(MOVES_PER_S, MOVE_BURST)

    def put(self, packet: Packet) -> bool:
        """Let it wait; False when it is too long to be kept."""
        if isinstance(packet, bytes) and len(packet) > MAX_BYTES:
            return False
        waiting = self._waiting
        if waiting and is_move(packet) and is_move(waiting[-1]):
            waiting[-1] = packet
            return True
        if len(waiting) >= WAITING:
            waiting.popleft()
            self.dropped += 1
            self._lost += 1
        waiting.append(packet)
        return True

    def take(self, now_us: int) -> Packet | None:
        """The next one that may be read now."""
        waiting = self._waiting
        if not waiting:
            return None
        if len(waiting) == 1 and is_move(waiting[0]):
            return waiting.popleft() if self._moves.take(now_us) else None
        return waiting.popleft() if self._all.take(now_us) else None

    def take_lost(self) -> int:
        """How many packets were thrown away since the last question."""
        lost, self._lost = self._lost, 0
        return lost

    def wait_us(self, now_us: int) -> int | None:
        """When to ask again; None while nothing waits."""
        if not self._waiting:
            return None
        alone = len(self._waiting) == 1 and is_move(self._waiting[0])
        return (self._moves if alone else self._all).wait_us(now_us)


class Inboxes:
    """Those of all senders; the longest unused goes first when there are too many."""

    def __init__(self) -> None:
        self._of: dict[str, Inbox] = {}

    def of(self, identity: str) -> Inbox:
        """This sender's."""
        inbox = self._of.pop(identity, None) or Inbox()
        if len(self._of) >= MAX_SENDERS:
            del self._of[next(iter(self._of))]
        self._of[identity] = inbox
        return inbox

    def forget(self, identity: str) -> None:
        """Drop what waits."""
        self._of.pop(identity, None)


@dataclass
class Complaints:
    """Says at most once a second what was refused, with how many there were."""

    count: int = 0
    _since_last: int = 0
    _next_at_us: int = 0

    def due(self, now_us: int) -> int:
        """Count one more; the number to report now, or 0."""
        self.count += 1
        self._since_last += 1
        if now_us < self._next_at_us:
            return 0
        self._next_at_us = now_us + 1_000_000
        number, self._since_last = self._since_last, 0
        return number
