"""The benchmark's command line; see `--help`."""

import argparse
import asyncio
import contextlib
import datetime
import json
import signal
import sys
from pathlib import Path
from typing import Any

from bench import plan, plots, report, runner, targets

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measure sessioncast beside noVNC, Selkies and two other ways to publish.",
        epilog="Examples:  --quick    --full --soak 10    --only sessioncast,720p,busy    "
        "--report .run/bench/latest/results.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_true", help="720p, one run, short windows (7 min)")
    mode.add_argument(
        "--targets",
        action="store_true",
        help="only the cells that a target is judged by, pooled (15 min); writes their table",
    )
    mode.add_argument(
        "--full",
        action="store_true",
        help="both sizes, three runs, every extra, a soak of 10 min (75 min; default)",
    )
    names = ", ".join((*plan.ORDER, *plan.SIZES, *plan.SCENES, *plan.EXTRAS))
    parser.add_argument("--only", default="", metavar="A,B", help=f"keep only these of: {names}")
    parser.add_argument("--runs", type=int, help="runs of each cell, instead of the mode's")
    parser.add_argument("--soak", type=float, metavar="MIN", help="watch memory so long (full: 10)")
    parser.add_argument("--out", type=Path, help="directory (default .run/bench/TIME)")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md and plots")
    parser.add_argument(
        "--no-docs", action="store_true", help="do not write them (a whole --full run does)"
    )
    parser.add_argument("--report", type=Path, metavar="JSON", help="only report an earlier run")
    parser.add_argument("--plan", action="store_true", help="only say what would be run")
    return parser.parse_args()


def publish_targets(results: dict[str, Any], out: Path, *, docs: bool) -> None:
    """Write the target table of a run with `--targets`; the full run's tables stay as they are."""
    text = report.targets_markdown(results)
    markers = (report.TARGETS_BEGIN, report.TARGETS_END)
    report.write(out / "performance.md", text, *markers)
    if docs:
        short = json.dumps(runner.without_samples(results), indent=1) + "\n"
        (DOCS / "performance").mkdir(exist_ok=True)
        (DOCS / "performance" / "targets.json").write_text(short)
        report.write(DOCS / "performance.md", text, *markers)


def publish(results: dict[str, Any], out: Path, *, docs: bool) -> None:
    """Write the report and plots into the run's directory, and into docs if asked."""
    if results["mode"] == "targets":
        publish_targets(results, out, docs=docs)
    else:
        publish_full(results, out, docs=docs)
    sys.stdout.write(report.targets_table(results) + "\n")
    for failure in results["failures"]:
        sys.stdout.write(f"failed: {failure['sitting']}: {failure['reason']}\n")


def publish_full(results: dict[str, Any], out: Path, *, docs: bool) -> None:
    """Write every table and plot."""
    names = plots.draw(results, out / "performance")
    report.write(out / "performance.md", report.markdown(results, names))
    if docs:
        directory = DOCS / "performance"
        names = plots.draw(results, directory)
        short = json.dumps(runner.without_samples(results), indent=1) + "\n"
        (directory / "results.json").write_text(short)
        report.write(DOCS / "performance.md", report.markdown(results, names))


async def measure(chosen: plan.Plan, out: Path, soak_minutes: float) -> dict[str, Any]:
    """Run the plan; SIGINT and SIGTERM end it in order, as soon as a blocking step is over."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await runner.run(chosen, out, soak_minutes)


def main() -> int:
    """Run the benchmark; 0 if it ran, 1 if ours failed in it, 130 if it was stopped."""
    args = arguments()
    if args.report:
        results = json.loads(args.report.read_text())
        results["targets"] = targets.judge(results)
        publish(results, args.report.parent, docs=args.docs)
        return 0
    mode = "quick" if args.quick else "targets" if args.targets else "full"
    only = [name for name in args.only.split(",") if name]
    try:
        chosen = plan.make(mode, only, args.runs)
    except ValueError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    usual_soak = {"quick": 0.0, "targets": plan.TARGETS_SOAK_MIN, "full": 10.0}[mode]
    soak_minutes = args.soak if args.soak is not None else (0 if only else usual_soak)
    if soak_minutes:
        soak = plan.Sitting("sessioncast", "720p", 0, scenes=(), extra="soak")
        chosen = plan.Plan(chosen.mode, chosen.timing, (*chosen.sittings, soak))
    if args.plan:
        for sitting in chosen.sittings:
            scenes = " ".join(sitting.scenes)
            sys.stdout.write(f"{sitting.label} {scenes}\n")
        sys.stdout.write(f"about {(chosen.seconds() + soak_minutes * 60) / 60:.0f} min\n")
        return 0
    started = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    out = (args.out or REPOSITORY / ".run" / "bench" / started).resolve()
    out.mkdir(parents=True, exist_ok=True)
    try:
        results = asyncio.run(measure(chosen, out, soak_minutes))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.stderr.write(f"\nbench: stopped; what was measured is in {out}/results.json\n")
        return 130
    publish(results, out, docs=args.docs or not (args.quick or only or args.no_docs))
    if args.out is None:
        latest = out.parent / "latest"
        with contextlib.suppress(FileNotFoundError):
            latest.unlink()
        latest.symlink_to(out.name)
    sys.stdout.write(f"results: {out}/results.json, {out}/performance.md\n")
    return 1 if any(f["sitting"].startswith("sessioncast") for f in results["failures"]) else 0


if __name__ == "__main__":
    sys.exit(main())
