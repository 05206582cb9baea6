"""The doctor's rules by themselves: what it reads, what it answers, how it reports."""

import json

import pytest

from sessioncast_agent.doctor import sdp
from sessioncast_agent.doctor.report import Report, fail, note, ok, skip
from sessioncast_agent.doctor.signalling import Relay
from sessioncast_agent.doctor.ways import Blocked, parse

pytestmark = pytest.mark.unit

OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sctp-port:5000",
        "a=ice-ufrag:theirs",
        "a=ice-pwd:their-password",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "a=rtpmap:96 H264/90000",
        "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        "",
    ]
)
HOST = "candidate:1 1 udp 2130706431 203.0.113.7 7882 typ host ufrag theirs"


def test_an_offer_says_who_is_asked_and_whether_delay_is_told() -> None:
    assert sdp.credentials(OFFER) == sdp.Credentials("theirs", "their-password")
    assert sdp.has_video(OFFER)
    assert sdp.has_playout_delay(OFFER)
    without = OFFER.replace("playout-delay", "something-else")
    assert not sdp.has_playout_delay(without)
    assert sdp.credentials("v=0\r\n") is None


def test_the_answer_takes_every_section_and_wants_no_media() -> None:
    answer = sdp.answer(OFFER, sdp.Credentials("ours", "our-password"), "AA:BB")
    assert answer.count("\r\nm=") == 2
    assert "a=group:BUNDLE 0 1" in answer
    assert answer.count("a=inactive") == 1
    assert answer.count("a=ice-ufrag:ours") == 2
    assert "their-password" not in answer


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (HOST, sdp.Candidate("udp", "203.0.113.7", 7882)),
        (
            "candidate:2 1 tcp 1671430143 10.0.0.1 7881 typ host tcptype passive",
            sdp.Candidate("tcp", "10.0.0.1", 7881),
        ),
        ("candidate:2 1 tcp 1671430143 10.0.0.1 9 typ host tcptype active", None),
        ("candidate:1 1 udp 1 203.0.113.7 7882 typ relay", None),
        ("candidate:1 1 udp 1 203.0.113.7 x typ host", None),
        ("", None),
    ],
)
def test_only_addresses_that_can_be_asked_are_taken(
    text: str, wanted: sdp.Candidate | None
) -> None:
    assert sdp.candidate(text) == wanted


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("turns:turn.example:443?transport=tcp", ("turn.example", 443, "tcp", True)),
        ("turn:203.0.113.8:3478?transport=udp", ("203.0.113.8", 3478, "udp", False)),
        ("turn:turn.example", ("turn.example", 3478, "udp", False)),
        ("turns:turn.example", ("turn.example", 5349, "tcp", True)),
        ("turn:[2001:db8::1]:3478", ("2001:db8::1", 3478, "udp", False)),
    ],
)
def test_a_relays_address_is_read_as_rfc_7065_says(url: str, wanted: tuple[object, ...]) -> None:
    assert parse(Relay(url, "u", "p")) == wanted


def test_what_is_no_relay_is_refused_without_showing_it_all() -> None:
    with pytest.raises(Blocked):
        parse(Relay("stun:stun.example:3478", "u", "p"))
    assert "secret" not in repr(Relay("turn:x", "user-secret", "password-secret"))


def test_a_report_is_healthy_until_something_fails() -> None:
    report = Report([ok("a", "well"), note("b", "could be better", "do"), skip("c", "unseen")])
    assert report.healthy
    report.findings.append(fail("d", "broken", "mend it"))
    assert not report.healthy
    body = json.loads(report.to_json())
    assert body["ok"] is False
    assert body["findings"][3] == {
        "check": "d",
        "status": "fail",
        "said": "broken",
        "remedy": "mend it",
    }
    assert report.findings[3].line() == "fail d               broken -> mend it"
