"""The control benchmark's judgement, on figures made up for it."""

from typing import Any

import pytest

from bench.area_control import table, targets

pytestmark = pytest.mark.unit


def results(
    *, ours: float = 30.0, flooded: float = 22.0, landed: float | None = 0.4, moved: float = 6.0
) -> Any:
    return {
        "keys": 240,
        "rounds": 3,
        "photon_ms": {
            "sessioncast": {"p50": ours, "p95": 2 * ours},
            "novnc": {"p50": 50.0, "p95": 90.0},
        },
        "move_ms": {"p95": moved},
        "flood": {
            "latency_ms": {
                "quiet": {"p95": 20.0}, "flood": {"p95": flooded}, "elsewhere": {"p95": 21.0},
            },
            "agent_cores": {"quiet": {"mean": 0.2}, "flood": {"mean": 0.4}},
            "messages": {"flood": [50_000, 49_000]},
            "key_up_landed_after_s": [0.1, landed],
        },
    }  # fmt: skip


def test_targets_are_met_or_named() -> None:
    assert all(met for *_, met in targets(results()))
    assert [met for *_, met in targets(results(ours=61))] == [False] * 3 + [True] * 3
    assert [met for *_, met in targets(results(flooded=30))][3] is False
    assert [met for *_, met in targets(results(moved=210))][5] is False
    assert [met for *_, met in targets(results(landed=None))][4] is False
    assert "**no**" in table(results(ours=61))
    assert "9,800 to 10,000 messages" in table(results())
