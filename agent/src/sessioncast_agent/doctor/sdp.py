"""As much of SDP as it takes to be let into the SFU's ICE: its offer, and an answer of nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLAYOUT_DELAY = "playout-delay"


@dataclass(frozen=True)
class Credentials:
    """ICE's user fragment and password of one side."""

    ufrag: str
    pwd: str


@dataclass(frozen=True)
class Candidate:
    """An address that the SFU takes media on."""

    protocol: str  # udp or tcp
    host: str
    port: int


def credentials(sdp: str) -> Credentials | None:
    """Return the offer's ICE credentials."""
    ufrag = re.search(r"(?m)^a=ice-ufrag:(\S+)", sdp)
    pwd = re.search(r"(?m)^a=ice-pwd:(\S+)", sdp)
    return Credentials(ufrag[1], pwd[1]) if ufrag and pwd else None


def candidate(text: str) -> Candidate | None:
    """Return an ICE candidate line (RFC 8839) of a host; None for what cannot be asked."""
    parts = text.removeprefix("a=").removeprefix("candidate:").split()
    if len(parts) < 8 or parts[7] != "host" or not parts[5].isdigit():
        return None
    if parts[2].lower() == "tcp" and "passive" not in parts:
        return None
    return Candidate(parts[2].lower(), parts[4], int(parts[5]))


def has_video(sdp: str) -> bool:
    """Tell whether the offer brings a picture."""
    return re.search(r"(?m)^m=video", sdp) is not None


def has_playout_delay(sdp: str) -> bool:
    """Tell whether the SFU says when to show a frame: it offers the extension only then."""
    return any(PLAYOUT_DELAY in line for line in sdp.splitlines() if line.startswith("a=extmap"))


def answer(offer: str, own: Credentials, fingerprint: str) -> str:
    """Return an answer that takes every section and wants no media of any."""
    head, *sections = re.split(r"(?m)^(?=m=)", offer)
    mids = []
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    body: list[str] = []
    for section in sections:
        first, *rest = section.splitlines()
        mid = next((line[6:] for line in rest if line.startswith("a=mid:")), "0")
        mids.append(mid)
        kept = [
            line
            for line in rest
            if line.startswith(("a=rtpmap:", "a=sctp-port:", "a=max-message-size:", "a=fmtp:"))
        ]
        wants = [] if first.startswith("m=application") else ["a=inactive", "a=rtcp-mux"]
        body += [
            first,
            "c=IN IP4 0.0.0.0",
            f"a=mid:{mid}",
            f"a=ice-ufrag:{own.ufrag}",
            f"a=ice-pwd:{own.pwd}",
            f"a=fingerprint:sha-256 {fingerprint}",
            "a=setup:active",
            *wants,
            *kept,
        ]
    del head
    lines += [f"a=group:BUNDLE {' '.join(mids)}", *body]
    return "\r\n".join(lines) + "\r\n"
