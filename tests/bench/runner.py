"""Runs a plan, keeps what it has after every sitting, and never lets one failure end the run."""

import asyncio
import datetime
import json
import shutil
import time
from pathlib import Path
from typing import Any

from bench import machine, plan, summary, targets
from bench.extras import run_extra
from bench.progress import Progress
from bench.sitting import run_scenes

Record = dict[str, Any]
RAW = ("samples_ms", "received_samples_ms", "updates_ms")
SETTLE_S = 1.0
PATIENCE = 3.0  # a sitting that takes so many times its plan has failed
LOG_LINES = 6


def results_of(
    header: Record, records: list[Record], failures: list[Record], began: float
) -> Record:
    """Return the whole of a run's results as far as it has come."""
    results = {
        **header,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "cells": summary.pool(records),
        "extras": [record for record in records if "extra" in record],
        "failures": failures,
        "records": [record for record in records if "extra" not in record],
    }
    results["ratios"] = summary.ratios(results["cells"])
    results["targets"] = targets.judge(results)
    return results


def without_samples(results: Record) -> Record:
    """Return the results without single samples, for the repository."""
    short = {**results}
    short["failures"] = [
        {key: value for key, value in failure.items() if key != "logs"}
        for failure in results["failures"]
    ]
    for name in ("records", "extras"):
        short[name] = [
            {key: value for key, value in record.items() if key not in RAW}
            for record in results[name]
        ]
    return short


def make_directory(directory: Path) -> None:
    """Make a sitting's directory, for its logs."""
    directory.mkdir(parents=True)


def tails(directory: Path) -> dict[str, list[str]]:
    """Return the end of every log of a sitting."""
    logs = sorted(directory.glob("*.log")) + sorted(directory.glob("livekit-*/*.log"))
    return {log.name: log.read_text(errors="replace").splitlines()[-LOG_LINES:] for log in logs}


async def run(chosen: plan.Plan, out: Path, soak_minutes: float) -> Record:
    """Run every sitting of the plan; `out` is a directory, its results.json is always whole."""
    progress = Progress(chosen.seconds() + soak_minutes * 60)
    progress.show("looking at the machine")
    header: Record = {
        "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "mode": chosen.mode,
        "bitrate_bps": plan.BITRATE_BPS,
        "machine": machine.facts(),
        "noise": machine.noise(),
        "versions": machine.versions(),
    }
    records: list[Record] = []
    failures: list[Record] = []
    began = time.monotonic()
    for number, sitting in enumerate(chosen.sittings):
        progress.show(sitting.label)
        directory = out / "logs" / f"{number:03d}-{sitting.label}"
        make_directory(directory)
        planned_s = plan.estimate_s(sitting, chosen.timing)
        if sitting.extra == "soak":
            planned_s += soak_minutes * 60
        try:
            async with asyncio.timeout(planned_s * PATIENCE + 60):
                if sitting.extra:
                    records += await run_extra(
                        sitting, chosen.timing, directory, progress.note, soak_minutes
                    )
                else:
                    records += await run_scenes(sitting, chosen.timing, directory, progress.note)
        except Exception as error:  # a rival's failure is a result, and never ends the run
            reason = f"{type(error).__name__}: {error}"
            failure = {"sitting": sitting.label, "reason": reason[:800], "logs": tails(directory)}
            failures.append(failure)
            progress.note(f"FAILED {sitting.label}: {reason[:400]}")
        shutil.rmtree(directory / "chromium", ignore_errors=True)
        progress.done(planned_s)
        results = results_of(header, records, failures, began)
        _write(out / "results.json", results)
        await asyncio.sleep(SETTLE_S)
    results = results_of(header, records, failures, began)
    _write(out / "results.json", results)
    return results


def _write(path: Path, results: Record) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    part.replace(path)
