"""The benchmark's own rules: a barcode never lies, samples are pooled and judged as written."""

from pathlib import Path

import pytest

from bench import barcode, plan, report, stats, summary, targets

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("stamp_us", [0, 1, 123_456_789_012, barcode.WRAP_US - 1])
def test_a_barcode_reads_back(stamp_us: int) -> None:
    assert barcode.decode(barcode.encode(stamp_us)) == stamp_us


def test_a_picture_torn_between_two_stamps_is_refused() -> None:
    old, new = barcode.encode(987_654_321_000), barcode.encode(987_654_337_667)
    for cut in range(1, barcode.BITS):
        torn = new[:cut] + old[cut:]
        if torn not in (old, new):
            assert barcode.decode(torn) is None, cut


def test_a_percentile_is_interpolated() -> None:
    assert stats.percentile([10.0, 20.0], 50) == 15.0
    assert stats.summary([]) == {"n": 0}


def test_a_skipped_change_is_charged_until_a_newer_one_is_seen() -> None:
    samples = [(0, 10_000.0), (32_000, 50_000.0)]
    seen, never = stats.updates_ms(samples, [0, 16_000, 32_000, 48_000])
    assert seen == [10.0, 34.0, 18.0]
    assert never == 1


def test_a_settled_slope_leaves_the_first_third_out() -> None:
    points = [(0, 90.0), (60, 95.0), (120, 100.0), (240, 100.0), (360, 102.0)]
    assert stats.settled_slope_per_minute(points) == pytest.approx(0.5)
    assert stats.settled_slope_per_minute([]) == 0


def test_a_slope_is_per_minute() -> None:
    assert stats.slope_per_minute([(0, 100.0), (60, 101.0), (120, 102.0)]) == pytest.approx(1.0)


def _record(system: str, run: int, latency_ms: float, cores: float) -> dict[str, object]:
    return {
        "system": system,
        "size": "720p",
        "fps": 60,
        "run": run,
        "scene": "busy",
        "samples_ms": [latency_ms] * 10,
        "updates_ms": [latency_ms] * 10,
        "received_samples_ms": [],
        "latency_ms": stats.summary([latency_ms]),
        "never_seen": 0,
        "negative": 0,
        "delivered_fps": 60.0,
        "painted_fps": 60.0,
        "cores": {"agent": cores, "sfu": 0.05, "host": 1.0},
        "kbps": 8000.0,
        "memory": {"agent": {"rss_mib": 100.0, "pss_mib": 90.0}},
        "counters": {"presented": 10, "refused": 1},
        "quality": [
            {
                "after_ms": 500,
                "psnr_y_db": 50.0 + run,
                "ssim_y": 0.9,
                "psnr_rgb_db": 40.0,
                "psnr_y_other_matrix_db": 30.0,
                "matrix": "bt709",
            }
        ],
    }


def _results(records: list[dict[str, object]]) -> dict[str, object]:
    return {"cells": summary.pool(records), "extras": []}


def test_runs_are_pooled_and_the_worst_quality_is_kept() -> None:
    cells = summary.pool([_record("sessioncast", 0, 20, 0.2), _record("sessioncast", 1, 30, 0.4)])
    cell = cells["sessioncast/720p/60/busy"]
    assert cell["latency_ms"]["n"] == 20
    assert cell["latency_ms"]["p50"] == 25.0
    assert cell["server_cores"] == {"mean": 0.35, "min": 0.25, "max": 0.45, "runs": 2}
    assert cell["quality"][0]["psnr_y_db"] == 50.0
    assert cell["refused_share"] == 0.1


def test_targets_are_judged_from_figures_and_unmeasured_ones_say_so() -> None:
    records = [_record("sessioncast", 0, 20, 0.2), _record("novnc", 0, 50, 0.2)]
    judged = {row["target"]: row for row in targets.judge(_results(records))}
    assert judged["busy 60 fps, p50"]["met"] is True
    assert judged["busy p50 beside noVNC"]["measured"] == 0.4
    assert judged["busy p50 beside Selkies"]["met"] is None


def test_ratios_are_ours_over_theirs() -> None:
    cells = summary.pool([_record("sessioncast", 0, 20, 0.2), _record("raw", 0, 40, 0.45)])
    pair = summary.ratios(cells)["720p/60/busy vs raw"]
    assert pair["p50"] == 0.5
    assert pair["server_cores"] == 0.5


def test_only_keeps_what_is_named_and_refuses_what_it_does_not_know() -> None:
    chosen = plan.make("full", ["sessioncast", "1080p", "busy"])
    assert {(s.system, s.size, s.scenes) for s in chosen.sittings} == {
        ("sessioncast", "1080p", ("busy",))
    }
    assert {s.extra for s in plan.make("full", ["start"]).sittings} == {"start"}
    with pytest.raises(ValueError, match="nonsense"):
        plan.make("quick", ["nonsense"])


def test_a_run_of_the_targets_takes_a_quarter_of_an_hour_and_leaves_no_target_out() -> None:
    chosen = plan.make("targets")
    assert chosen.seconds() + plan.TARGETS_SOAK_MIN * 60 <= 15 * 60
    cells = {(s.system, s.fps, scene) for s in chosen.sittings for scene in s.scenes}
    for system in ("sessioncast", "selkies", "raw", "novnc"):
        assert {(system, 60, "busy"), (system, 60, "still")} <= cells
    assert {("sessioncast", 60, "idle"), ("selkies", 60, "idle"), ("raw", 30, "busy")} <= cells
    extras = {s.extra for s in chosen.sittings if s.extra}
    assert extras == {"viewers", "unwatched", "start", "join"}


def test_systems_take_turns() -> None:
    first = [s.system for s in plan.make("full").sittings[:5]]
    assert sorted(first) == sorted(plan.ORDER)


def test_a_report_replaces_only_what_is_between_its_markers(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(document, "new")
    assert document.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
