"""The rounds: shim, SFU, its configuration, then the ways of media one after the other."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from sessioncast_agent.doctor import shim, signalling, ways
from sessioncast_agent.doctor.frame import first_frame
from sessioncast_agent.doctor.report import Finding, Report, fail, note, ok, skip
from sessioncast_agent.doctor.shim import Ticket
from sessioncast_agent.errors import LinkLost

MIN_VERSION = (1, 13, 5)
GOOD_SKEW_S = 5.0
MAX_SKEW_S = 50.0  # tokens are refused from 60 s on


@dataclass(frozen=True)
class Patient:
    """What is to be looked at."""

    signaling_url: str | None = None
    session: str | None = None
    key: str | None = field(default=None, repr=False)
    ticket: Ticket | None = None  # without a shim
    ca_file: str | None = None


class Doctor:
    """Goes through all checks; each finding is told as soon as it is there."""

    def __init__(self, patient: Patient, tell: Callable[[Finding], None]) -> None:
        self._patient = patient
        self._tell = tell
        self.report = Report()
        self.sfu_url: str | None = None  # once it has answered

    def _note(self, finding: Finding) -> None:
        self.report.findings.append(finding)
        self._tell(finding)

    async def run(self) -> Report:
        """Return the findings; a check never raises."""
        async with aiohttp.ClientSession() as http:
            ticket = await self._ticket(http)
            if ticket is None:
                return self.report
            if not await self._signal(http, ticket):
                return self.report
            await self._media(http, ticket)
        await self._frame()
        return self.report

    async def _ticket(self, http: aiohttp.ClientSession) -> Ticket | None:
        patient = self._patient
        if patient.ticket is not None:
            self._note(skip("shim", "not asked: a LiveKit token was given"))
            return patient.ticket
        url = patient.signaling_url or ""
        try:
            skew_s = await shim.clock_offset_s(http, url)
        except LinkLost as error:
            remedy = "check the address, and that the shim runs (`/readyz` says more)"
            self._note(fail("shim", f"{url}: {error}", remedy))
            return None
        self._note(ok("shim", url))
        self._note(_skew("clock (shim)", skew_s))
        try:
            ticket = await shim.offer(http, url, patient.session or "", patient.key or "")
        except LinkLost as error:
            remedy = (
                "start the SFU, or mend the shim's LIVEKIT_URL (its `/readyz` says more)"
                if str(error).startswith("503")
                else "give a key that may watch this session, and the name of one that exists"
            )
            self._note(fail("offer", str(error), remedy))
            return None
        self._note(ok("offer", f"state {ticket.state}"))
        if ticket.fallback:
            self._note(ok("fallback", "VNC is offered where WebRTC is blocked"))
        else:
            remedy = "viewers without WebRTC see nothing; see FALLBACK in docs/operations.md"
            self._note(note("fallback", "no VNC fallback is offered", remedy))
        return ticket

    async def _signal(self, http: aiohttp.ClientSession, ticket: Ticket) -> bool:
        try:
            skew_s = await signalling.clock_offset_s(http, ticket.url)
        except LinkLost as error:
            remedy = (
                "open the SFU's HTTP port (7880, or 443 in front of it), wss:// for https pages"
            )
            self._note(fail("signal", str(error), remedy))
            return False
        self.sfu_url = ticket.url
        self._note(ok("signal", ticket.url))
        if skew_s is not None:
            self._note(_skew("clock (SFU)", skew_s))
        return True

    async def _media(self, http: aiohttp.ClientSession, ticket: Ticket) -> None:
        try:
            async with signalling.seat(http, ticket.url, ticket.token) as seat:
                self._configuration(seat, ticket)
                await self._ways(seat)
        except signalling.Refused as error:
            remedy = "the shim's LIVEKIT_API_KEY and _SECRET must be among the SFU's `keys`"
            self._note(fail("room", str(error), remedy))
        except (LinkLost, TimeoutError) as error:
            remedy = "let WebSockets through on the way to the SFU"
            self._note(fail("room", str(error) or "no answer in time", remedy))

    def _configuration(self, seat: signalling.Seat, ticket: Ticket) -> None:
        numbers = tuple(
            int(part) for part in seat.version.split("-")[0].split(".") if part.isdigit()
        )
        if numbers >= MIN_VERSION:
            self._note(ok("version", f"livekit-server {seat.version}"))
        else:
            wanted = ".".join(map(str, MIN_VERSION))
            self._note(fail("version", f"livekit-server {seat.version}", f"use {wanted} or newer"))
        if seat.playout_delay:
            self._note(ok("playout delay", "the SFU tells browsers when to show a frame"))
        elif seat.playout_delay is None:
            why = (
                "no picture was offered"
                if ticket.state == "live"
                else f"the session is {ticket.state}"
            )
            self._note(skip("playout delay", f"not seen: {why}"))
        else:
            remedy = "set room.playout_delay: {enabled: true, min: 0, max: 0} in livekit.yaml"
            self._note(fail("playout delay", "off: browsers hold frames back 20 to 50 ms", remedy))
        if seat.relays:
            self._note(ok("turn", ", ".join(relay.url for relay in seat.relays)))
        else:
            remedy = "set `turn` or `rtc.turn_servers` in livekit.yaml (docs/operations.md)"
            self._note(note("turn", "no relay is set up: TLS-only networks get VNC", remedy))

    async def _ways(self, seat: signalling.Seat) -> None:
        if seat.sfu is None:
            self._note(fail("udp", "the SFU sent no offer", "look into the SFU's log"))
            return
        knock = ways.Knock(seat.own, seat.sfu)
        for protocol, ask in (("udp", ways.udp), ("tcp", ways.tcp)):
            remedy = f"open the SFU's {protocol.upper()} port (rtc.{protocol}_port) on the way"
            places = seat.at(protocol)
            if not places:
                self._note(
                    fail(protocol, "the SFU names no address for it", f"set rtc.{protocol}_port")
                )
                continue
            where = f"{places[0].host}:{places[0].port}"
            try:
                took_ms = await ask(places[0], knock)
            except ways.Blocked as error:
                self._note(fail(protocol, f"{where}: {error}", remedy))
            else:
                self._note(ok(protocol, f"{where} in {took_ms:.0f} ms"))
        for relay in seat.relays:
            await self._relay(relay, seat, knock)

    async def _relay(
        self, relay: signalling.Relay, seat: signalling.Seat, knock: ways.Knock
    ) -> None:
        places = seat.at("udp")
        try:
            host, port, transport, tls = ways.parse(relay)
            check = "turn/tls" if tls else f"turn/{transport}"
            where = f"{host}:{port}"
            context = ssl.create_default_context(cafile=self._patient.ca_file) if tls else None
            if not places:
                self._note(skip(check, "the SFU names no UDP address to relay to"))
                return
            took_ms = await ways.relayed(relay, places[0], knock, context)
        except ways.RelayRefused as error:
            remedy = (
                "give SFU and relay the same secret; allow the SFU's address "
                "(allow_restricted_peer_cidrs, allowed-peer-ip)"
            )
            self._note(fail(check, f"{where}: {error}", remedy))
        except ways.Blocked as error:
            remedy = f"open {where} on the way, and look at the relay's certificate and name"
            self._note(fail(check, f"{where}: {error}", remedy))
        else:
            self._note(ok(check, f"{where} in {took_ms:.0f} ms"))

    async def _frame(self) -> None:
        ticket: Ticket | None = self._patient.ticket
        if ticket is None:
            async with aiohttp.ClientSession() as http:
                try:
                    ticket = await shim.offer(
                        http,
                        self._patient.signaling_url or "",
                        self._patient.session or "",
                        self._patient.key or "",
                    )
                except LinkLost as error:
                    self._note(fail("first frame", str(error), "see above"))
                    return
        if ticket.state != "live":
            self._note(skip("first frame", f"the session is {ticket.state}: start its agent"))
            return
        try:
            took_s, width, height = await first_frame(ticket.url, ticket.token)
        except LinkLost as error:
            remedy = "mend what failed above; else look into the agent's /readyz and log"
            self._note(fail("first frame", str(error), remedy))
        else:
            self._note(ok("first frame", f"{width}x{height} after {took_s:.1f} s"))


def _skew(check: str, skew_s: float) -> Finding:
    said = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine"
    if abs(skew_s) <= GOOD_SKEW_S:
        return ok(check, said)
    remedy = "let NTP set both clocks: tokens are refused from 60 s on"
    if abs(skew_s) <= MAX_SKEW_S:
        return note(check, said, remedy)
    return fail(check, said, remedy)
