"""Pools the runs of each cell and sets them against the references of the same run."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from bench import stats
from bench.plan import REFERENCES

Record = dict[str, Any]
OURS = "sessioncast"


def cell_key(record: Record) -> str:
    """Return `system/size/fps/scene`."""
    return f"{record['system']}/{record['size']}/{record['fps']}/{record['scene']}"


def server_cores(record: Record) -> float:
    """Return what the server side costs: the agent or its like, and the SFU where there is one."""
    cores = record["cores"]
    return float(cores["agent"] + cores.get("sfu", 0.0))


def pool(records: Iterable[Record]) -> dict[str, Record]:
    """Return one figure a cell: samples of all runs together, means with lowest and highest."""
    cells: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if "scene" in record and "extra" not in record:
            cells[cell_key(record)].append(record)
    return {key: _pool_cell(runs) for key, runs in cells.items()}


def _pool_cell(runs: list[Record]) -> Record:
    first = runs[0]
    samples = [sample for run in runs for sample in run["samples_ms"]]
    received = [sample for run in runs for sample in run["received_samples_ms"]]
    updates = [sample for run in runs for sample in run["updates_ms"]]
    cores = {
        part: stats.spread([run["cores"][part] for run in runs if part in run["cores"]])
        for part in first["cores"]
    }
    shots: dict[int, list[Record]] = defaultdict(list)
    for run in runs:
        for index, shot in enumerate(run["quality"]):
            shots[index].append(shot)
    counters: dict[str, int] = defaultdict(int)
    for run in runs:
        for name, value in run["counters"].items():
            counters[name] += value
    groups = ("agent", "sfu")
    return {
        **{name: first[name] for name in ("system", "size", "fps", "scene")},
        "runs": len(runs),
        "latency_ms": stats.summary(samples),
        "p50_by_run_ms": [run["latency_ms"].get("p50") for run in runs],
        "received_ms": stats.summary(received),
        "update_ms": stats.summary(updates),
        "never_seen": sum(run["never_seen"] for run in runs),
        "negative": sum(run["negative"] for run in runs),
        "refused_share": round(counters["refused"] / max(1, counters["presented"]), 4),
        "counters": dict(counters),
        "delivered_fps": stats.spread([run["delivered_fps"] for run in runs]),
        "painted_fps": stats.spread([run["painted_fps"] for run in runs]),
        "cores": cores,
        "server_cores": stats.spread([server_cores(run) for run in runs]),
        "kbps": stats.spread([run["kbps"] for run in runs]),
        "rss_mib": {
            part: stats.spread([run["memory"][part]["rss_mib"] for run in runs])
            for part in groups
            if part in first["memory"]
        },
        "pss_mib": {
            part: stats.spread([run["memory"][part]["pss_mib"] for run in runs])
            for part in groups
            if part in first["memory"]
        },
        "quality": [
            {
                "matrix": group[0]["matrix"],
                "after_ms": round(sum(shot["after_ms"] for shot in group) / len(group)),
                **{
                    name: round(min(shot[name] for shot in group), 4)
                    for name in ("psnr_y_db", "psnr_y_other_matrix_db", "ssim_y", "psnr_rgb_db")
                },
            }
            for _, group in sorted(shots.items())
        ],
    }


def ratios(cells: dict[str, Record]) -> dict[str, dict[str, float | None]]:
    """Return ours divided by each reference, cell by cell: below one, ours is less."""
    found: dict[str, dict[str, float | None]] = {}
    for key, ours in cells.items():
        system, rest = key.split("/", 1)
        if system != OURS:
            continue
        for reference in REFERENCES:
            theirs = cells.get(f"{reference}/{rest}")
            if theirs is None:
                continue
            pair: dict[str, float | None] = {}
            for name in ("p50", "p95", "p99"):
                if name in ours["latency_ms"] and name in theirs["latency_ms"]:
                    pair[name] = _divide(ours["latency_ms"][name], theirs["latency_ms"][name])
                if name in ours["update_ms"] and name in theirs["update_ms"]:
                    pair[f"update_{name}"] = _divide(
                        ours["update_ms"][name], theirs["update_ms"][name]
                    )
            for name in ("server_cores", "kbps"):
                pair[name] = _divide(ours[name]["mean"], theirs[name]["mean"])
            pair["agent_cores"] = _divide(
                ours["cores"]["agent"]["mean"], theirs["cores"]["agent"]["mean"]
            )
            found[f"{rest} vs {reference}"] = pair
    return found


def _divide(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 3) if theirs > 0 else None
