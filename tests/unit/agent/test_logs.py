"""No secret leaves in a log line, whoever wrote it."""

import logging

import pytest

from sessioncast_agent.logs import RedactingFormatter, redact

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "secret",
    ["eyJhbGciOi.eyJ2aWRlbyI6.3cZPx-VI_t1", "sca_Q5LACQf6VWzSjgy2", "scg_abcdefgh", "scj_abcdefgh"],
)
def test_tokens_and_credentials_are_cut_out(secret: str) -> None:
    assert secret not in redact(f"refused (token: {secret}, error: bad)")
    assert "error: bad" in redact(f"refused (token: {secret}, error: bad)")


def test_the_query_of_a_signalling_url_is_cut_too() -> None:
    assert redact("GET /rtc?access_token=abc&v=1") == "GET /rtc?access_token=<secret>&v=1"


def test_tracebacks_are_cleaned_as_well() -> None:
    try:
        raise ValueError("sca_0123456789")
    except ValueError:
        record = logging.LogRecord("x", 40, "f", 1, "failed", (), None)
        import sys

        record.exc_info = sys.exc_info()
    assert "sca_0123456789" not in RedactingFormatter("%(message)s").format(record)


def test_ordinary_words_stay() -> None:
    assert redact("scan_results are in sc_x and eyJ") == "scan_results are in sc_x and eyJ"
