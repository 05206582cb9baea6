"""The half of the store in Redis that is about people: admissions, bans, tickets, rates, news.

`e:{}` expected viewers by the time they are awaited until, `a:{}` admitted ones, `az:{}` their
order, `r:{}` raised roles, `bans`, `k:{}` ticket, `ks:{}` a session's tickets, `tickets` all,
`n:{}` counters, `events` the news.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .clock import Clock
from .redis_link import PREFIX, RedisLink, translated
from .redis_records import record_of
from .roles import Actor, Role
from .store import (
    ADMITTED_TTL_S,
    Admission,
    Ban,
    Bounds,
    Entry,
    Event,
    ExpectedViewer,
    Ticket,
)

_START = "start"
_EVENT_ID = re.compile(r"\d{1,18}-\d{1,18}\Z")
MAX_WAIT_S = 10.0


class RedisAccess:
    """See RedisStore, which adds the sessions."""

    def __init__(self, link: RedisLink, clock: Clock, bounds: Bounds) -> None:
        self.redis = link
        self._clock = clock
        self._bounds = bounds

    async def begin(self) -> None:
        """Make sure that there is an event to begin from."""
        if not await self.redis.do("EXISTS", "events"):
            await self.publish(_START, "", {})

    async def enter(
        self, session: str, subject: str, key: str, *, per_minute: float, burst: int
    ) -> Entry:
        """See Store."""
        wait_us, banned_until, record = await self.redis.run(
            "allow",
            [f"n:{key}", "bans", f"s:{session}"],
            [*self._rate(per_minute, burst), f"{session} {subject}"],
        )
        banned = _until(banned_until) > self._now_s()
        return Entry(float(wait_us) / 1e6, banned, record_of(record))

    async def admit(
        self,
        session: str,
        viewer: ExpectedViewer,
        ttl_s: float,
        *,
        ticket: str = "",
        ticket_ttl_s: float = 0.0,
    ) -> Admission:
        """See Store."""
        now = self._now_s()
        keys = ["s:", "e:", "a:", "az:", "ks:"]
        outcome = await self.redis.run(
            "admit",
            [*(key + session for key in keys), "bans", "tickets", f"k:{ticket}"],
            [
                repr(now),
                repr(now + ttl_s),
                viewer.identity,
                json.dumps(asdict(viewer)),
                self._bounds.admitted,
                repr(now - ADMITTED_TTL_S),
                "" if viewer.trusted else f"{session} {viewer.subject}",
                ticket,
                repr(now + ticket_ttl_s),
                json.dumps(asdict(Ticket.of(session, viewer))),
                self._bounds.tickets,
                int(ticket_ttl_s * 1000),
            ],
        )
        return Admission(outcome)

    async def expected(self, session: str) -> list[ExpectedViewer]:
        """See Store."""
        alive = f"({self._now_s()!r}"
        awaited = set(await self.redis.do("ZRANGEBYSCORE", f"e:{session}", alive, "+inf"))
        return [v for v in await self._admitted_all(session) if v.identity in awaited]

    async def admitted(self, session: str, identity: str) -> ExpectedViewer | None:
        """See Store."""
        since = await self.redis.do("ZSCORE", f"az:{session}", identity)
        if since is None or float(since) <= self._now_s() - ADMITTED_TTL_S:
            return None
        text = await self.redis.do("HGET", f"a:{session}", identity)
        return None if text is None else _viewer(text)

    async def admitted_by(self, session: str, subject: str) -> list[ExpectedViewer]:
        """See Store."""
        return [v for v in await self._admitted_all(session) if v.subject == subject]

    async def _admitted_all(self, session: str) -> list[ExpectedViewer]:
        since = f"({self._now_s() - ADMITTED_TTL_S!r}"
        identities = await self.redis.do("ZRANGEBYSCORE", f"az:{session}", since, "+inf")
        if not identities:
            return []
        texts = await self.redis.do("HMGET", f"a:{session}", *identities)
        return [_viewer(text) for text in texts if text is not None]

    async def raise_role(self, session: str, subject: str, role: Role | None) -> None:
        """See Store."""
        args = [subject, "" if role is None else role.value, self._bounds.admitted]
        await self.redis.run("raise_role", [f"s:{session}", f"r:{session}"], args)

    async def raised_role(self, session: str, subject: str) -> Role | None:
        """See Store."""
        role = await self.redis.do("HGET", f"r:{session}", subject)
        return None if role is None else Role(role)

    async def ban(self, ban: Ban) -> None:
        """See Store."""
        value = f"{ban.until!r} {int(ban.identity)}"
        await self.redis.run("ban", ["bans"], [f"{ban.session} {ban.who}", repr(ban.until), value])

    async def lift_ban(self, session: str, who: str) -> bool:
        """See Store."""
        lifted = await self.banned(session, who)
        await self.redis.do("HDEL", "bans", f"{session} {who}")
        return lifted

    async def bans(self, session: str | None = None) -> list[Ban]:
        """See Store."""
        now, found, over = self._now_s(), [], []
        stored: Mapping[str, str] = await self.redis.do("HGETALL", "bans")
        for field, value in stored.items():
            of, _, who = field.partition(" ")
            until, _, identity = value.partition(" ")
            if float(until) <= now:
                over.append(field)
            elif session in {None, of}:
                found.append(Ban(of, who, float(until), identity == "1"))
        if over:
            await self.redis.do("HDEL", "bans", *over)
        return sorted(found, key=lambda b: (b.session, b.who))

    async def banned(self, session: str, who: str) -> bool:
        """See Store."""
        value = await self.redis.do("HGET", "bans", f"{session} {who}")
        return _until(value or "") > self._now_s()

    async def take_ticket(self, digest: str) -> Ticket | None:
        """See Store."""
        text = await self.redis.run("take_ticket", [f"k:{digest}", "tickets"], [digest])
        if not text:
            return None
        kept = json.loads(text)
        return Ticket(**kept | {"role": Role(kept["role"]), "actor": Actor(kept["actor"])})

    async def drop_tickets(self, session: str, identity: str | None = None) -> None:
        """See Store."""
        await self.redis.run("drop_tickets", [f"ks:{session}", "tickets"], [identity or ""])

    async def allow(self, key: str, *, per_minute: float, burst: int) -> float:
        """See Store."""
        wait_us, *_ = await self.redis.run("allow", [f"n:{key}"], self._rate(per_minute, burst))
        return float(wait_us) / 1e6

    def _rate(self, per_minute: float, burst: int) -> list[str | float]:
        return [self._clock.unix_us(), round(60e6 / per_minute), burst]

    async def publish(self, kind: str, session: str, data: Mapping[str, Any]) -> None:
        """See Store."""
        fields = ["kind", kind, "session", session, "data", json.dumps(dict(data))]
        bound = self._bounds.events + 1  # and the one that a listener begins from
        await self.redis.do("XADD", "events", "MAXLEN", bound, "*", *fields)

    async def last_event_id(self) -> str:
        """See Store."""
        await self.begin()  # a Redis that was emptied has none
        newest = await self.redis.do("XREVRANGE", "events", "+", "-", "COUNT", 1)
        return str(newest[0][0]) if newest else ""

    async def events_after(self, event_id: str, wait_s: float) -> list[Event] | None:
        """See Store."""
        if not _EVENT_ID.match(event_id):
            return None
        if not await self.redis.do("XRANGE", "events", event_id, event_id):
            return None
        found = await self.redis.do("XRANGE", "events", f"({event_id}", "+")
        if not found and wait_s > 0:
            wait_s = min(wait_s, MAX_WAIT_S)
            client = self.redis.patient(MAX_WAIT_S)
            with translated("XREAD"):
                await client.xread({f"{PREFIX}events": event_id}, block=max(1, int(wait_s * 1000)))
            found = await self.redis.do("XRANGE", "events", f"({event_id}", "+")
        events = [_event(number, fields) for number, fields in found]
        return [event for event in events if event.kind != _START]

    async def ping(self) -> None:
        """See Store."""
        with translated("PING"):
            await self.redis.client.ping()

    async def close(self) -> None:
        """See Store; the connections belong to `open_link`."""

    def _now_s(self) -> float:
        return self._clock.unix_us() / 1e6


def _until(value: str) -> float:
    """Return until when a stored ban lasts (Unix s); 0 for none."""
    return float(value.partition(" ")[0] or 0)


def _viewer(text: str) -> ExpectedViewer:
    kept = json.loads(text)
    return ExpectedViewer(**kept | {"role": Role(kept["role"]), "actor": Actor(kept["actor"])})


def _event(number: str, fields: Mapping[str, str]) -> Event:
    return Event(number, fields["kind"], fields["session"], json.loads(fields["data"]))
