"""Audience, clocks, envelope, settings and token checks: pure rules of the agent."""

import base64
import json
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sessioncast_agent.audience import EXPECT_US, Audience, Person
from sessioncast_agent.clocks import ClockSample, SharedClock, monotonic_us
from sessioncast_agent.config import (
    TokenSettings,
    check_display,
    check_session,
    check_url,
    parse_bitrate_bps,
    read_secret,
    token_settings,
)
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.link.envelope import EnvelopeRefused, EnvelopeVerifier
from sessioncast_agent.link.tokens import Join, check_token

pytestmark = pytest.mark.unit

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures/shim_rpc.json").read_text())
ANA = Person("viewer-1", "operator", "person", "Ana")


class TestAudience:
    def test_rectangles_alone_need_no_encoder(self) -> None:
        audience = Audience()
        audience.elsewhere.add("viewer-vnc")
        assert audience.watching(0)
        assert not audience.decoding(0)
        audience.units_elsewhere = True
        assert audience.decoding(0)
        audience.units_elsewhere = False
        audience.expect(ANA, 0)
        assert audience.decoding(EXPECT_US - 1)
        assert not audience.decoding(EXPECT_US)
        audience.joined(ANA.identity)
        assert audience.decoding(EXPECT_US)
        audience.left(ANA.identity)
        assert not audience.decoding(EXPECT_US)

    def test_an_expected_viewer_counts_before_the_sfu_says_anything(self) -> None:
        audience = Audience()
        assert not audience.watching(0)
        audience.expect(ANA, 0)
        assert audience.watching(EXPECT_US - 1)
        assert audience.people["viewer-1"].role == "operator"

    def test_one_who_never_comes_is_forgotten(self) -> None:
        audience = Audience()
        audience.expect(ANA, 0)
        assert not audience.watching(EXPECT_US)
        assert audience.people == {}

    def test_one_who_came_stays_until_leaving(self) -> None:
        audience = Audience()
        audience.expect(ANA, 0)
        audience.joined("viewer-1")
        assert audience.watching(EXPECT_US * 10)
        audience.left("viewer-1")
        assert not audience.watching(EXPECT_US * 10)

    def test_agents_do_not_watch(self) -> None:
        audience = Audience()
        audience.joined("agent-demo")
        audience.new_room({"agent-other"})
        assert not audience.watching(0)


class TestSharedClock:
    def test_the_quickest_answer_counts(self) -> None:
        clock = SharedClock()
        quick, slow = ClockSample(1_000, 2_000, 5_001_500), ClockSample(1_000, 90_000, 9_999_999)
        clock.learn([slow, quick])
        assert clock.unix_us(1_500) == 5_001_500

    def test_without_a_shim_it_is_this_machines_clock(self) -> None:
        assert SharedClock().unix_us(monotonic_us()) == pytest.approx(time.time() * 1e6, abs=1e6)


class TestEnvelope:
    @pytest.mark.parametrize("example", FIXTURE["good"], ids=lambda e: e["name"])
    def test_the_shims_own_examples_open(self, example: dict[str, Any]) -> None:
        verifier = EnvelopeVerifier(example["credential"], example["session"])
        body = verifier.open(example["method"], example["payload"], example["now_ms"])
        assert body == example["body"]

    @pytest.mark.parametrize("example", FIXTURE["bad"], ids=lambda e: e["name"])
    def test_the_shared_bad_examples_are_refused(self, example: dict[str, Any]) -> None:
        verifier = EnvelopeVerifier(example["credential"], example["session"])
        for payload in example.get("before", ()):
            verifier.open(example["method"], payload, example["now_ms"])
        with pytest.raises(EnvelopeRefused) as refused:
            verifier.open(example["method"], example["payload"], example["now_ms"])
        assert refused.value.code == example["code"]
        assert example["credential"] not in str(refused.value)


def jwt(**claims: Any) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.sig"


class TestTokenChecks:
    good: ClassVar[dict[str, Any]] = {
        "sub": "agent-demo",
        "exp": 4_000_000_000,
        "video": {"room": "demo"},
    }

    def test_a_good_one_passes(self) -> None:
        check_token(jwt(**self.good), "demo")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"exp": 1_000}, "expired"),
            ({"video": {"room": "other"}}, "another room"),
            ({"sub": "viewer"}, "another identity"),
            ({"video": 7}, "no LiveKit token"),
        ],
    )
    def test_a_bad_one_is_named_and_not_quoted(self, change: dict[str, Any], says: str) -> None:
        token = jwt(**(self.good | change))
        with pytest.raises(CannotStart, match=says) as error:
            check_token(token, "demo")
        assert token not in str(error.value)

    @pytest.mark.parametrize("rubbish", ["", "a.b", "....", "x" * 9_000, "é.é.é"])
    def test_rubbish_is_no_token(self, rubbish: str) -> None:
        with pytest.raises(CannotStart):
            check_token(rubbish, "demo")


class TestSettings:
    @pytest.mark.parametrize("good", ["a", "a-b", "0", "x" * 63, "demo2"])
    def test_session_ids(self, good: str) -> None:
        assert check_session(good) == good

    @pytest.mark.parametrize(
        "bad", ["", "-a", "a-", "A", "a_b", "../etc", "x" * 64, "ä", "a b", "a\n", "a\0"]
    )
    def test_ids_outside_the_rule(self, bad: str) -> None:
        with pytest.raises(CannotStart):
            check_session(bad)

    @pytest.mark.parametrize("good", [":0", ":99.0", "host:1", "/tmp/x:0"])
    def test_displays(self, good: str) -> None:
        assert check_display(good) == good

    @pytest.mark.parametrize("bad", [None, "", "1", ":", ":x", ":1; rm"])
    def test_what_is_no_display(self, bad: str | None) -> None:
        with pytest.raises(CannotStart, match="display"):
            check_display(bad)

    def test_bitrates(self) -> None:
        assert parse_bitrate_bps("8M") == 8_000_000
        assert parse_bitrate_bps("2.5M") == 2_500_000
        assert parse_bitrate_bps("800k") == 800_000
        for bad in ("", "8G", "-1", "nan", "1e9", "1k", "101M"):
            with pytest.raises(CannotStart):
                parse_bitrate_bps(bad)

    @pytest.mark.parametrize(
        "bad", ["http://", "ftp://x", "http://u:p@h", "http://h?key=1", "http://h:99999", "x"]
    )
    def test_urls_hold_no_secret_and_no_rubbish(self, bad: str) -> None:
        with pytest.raises(CannotStart, match="--signaling-url"):
            check_url(bad, "--signaling-url", ("http", "https"))

    def test_a_secret_file_is_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        path.write_text("sca_abc\n")
        assert read_secret(path, "--credential-file") == "sca_abc"
        for bad in (b"", b"two words", b"\xff\xfe", b"x" * 10_000):
            path.write_bytes(bad)
            with pytest.raises(CannotStart, match="one secret") as error:
                read_secret(path, "--credential-file")
            assert "words" not in str(error.value)
        with pytest.raises(CannotStart, match="cannot be read"):
            read_secret(tmp_path / "none", "--credential-file")

    def test_secrets_are_in_no_repr(self) -> None:
        settings = TokenSettings(credential="sca_topsecret", livekit_token="eyJ.topsecret")
        assert "topsecret" not in repr(settings)
        assert "topsecret" not in repr(Join("ws://x", "topsecret", "topsecret"))

    def test_no_way_in_says_which_ways_there_are(self) -> None:
        nothing: dict[str, Any] = dict.fromkeys(
            ("livekit_url", "livekit_token", "signaling_url", "credential", "credential_file",
             "enroll_key_file")
        )  # fmt: skip
        with pytest.raises(CannotStart, match="no way into the room"):
            token_settings(**nothing)
        with pytest.raises(CannotStart, match="--credential-file"):
            token_settings(**(nothing | {"signaling_url": "http://h"}))
