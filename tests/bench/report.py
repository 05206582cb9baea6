"""The results as Markdown, written between two markers of docs/performance.md."""

from pathlib import Path
from typing import Any

from bench import stats
from bench.plan import ORDER, SCENES, SIZES
from bench.systems import SYSTEMS

NONE = "\N{EN DASH}"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
TARGETS_BEGIN, TARGETS_END = "<!-- bench:targets:begin -->", "<!-- bench:targets:end -->"
Record = dict[str, Any]


def title(system: str) -> str:
    """Return a system's name for people."""
    return SYSTEMS[system].title


def _number(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def targets_table(results: Record) -> str:
    """Return `target | limit | measured | met`."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [
        [
            row["target"],
            row["limit"],
            NONE if row["measured"] is None else f"{row['measured']:.3g} {row['unit']}",
            words[row["met"]],
        ]
        for row in results["targets"]
    ]
    return _table(["target (720p)", "limit", "measured", "met"], rows)


def scene_table(results: Record, size: str, scene: str, fps: int = 60) -> str | None:
    """Return the systems side by side in one scene, ours first."""
    cells = results["cells"]
    ours = cells.get(f"sessioncast/{size}/{fps}/{scene}")
    rows = []
    for system in ORDER:
        cell = cells.get(f"{system}/{size}/{fps}/{scene}")
        if cell is None:
            continue
        latency, agent = cell["latency_ms"], cell["cores"]["agent"]["mean"]
        sfu = cell["cores"].get("sfu")
        ratio = None
        if ours and latency.get("p50") and ours["latency_ms"].get("p50"):
            ratio = ours["latency_ms"]["p50"] / latency["p50"]
        cores_ratio = (
            ours["server_cores"]["mean"] / max(1e-6, cell["server_cores"]["mean"]) if ours else None
        )
        half = next((shot for shot in cell["quality"] if shot["after_ms"] >= 480), None)
        rows.append(
            [
                title(system),
                "/".join(_number(latency.get(name)) for name in ("p50", "p95", "p99")),
                " ".join(_number(p50) for p50 in cell["p50_by_run_ms"]),
                _number(cell["received_ms"].get("p50")),
                _number(cell["update_ms"].get("p50")),
                f"{latency['n']}",
                _number(cell["delivered_fps"]["mean"], 1),
                f"{agent:.3f}" + (f" + {sfu['mean']:.3f}" if sfu else ""),
                _number(cell["kbps"]["mean"]),
                _number(cell["rss_mib"]["agent"]["max"]),
                (
                    f"{half['psnr_y_db']:.1f}, {half['psnr_rgb_db']:.1f} / {half['ssim_y']:.4f}"
                    if half
                    else NONE
                ),
                f"{100 * cell['refused_share']:.1f} % / {cell['never_seen']} / {cell['negative']}",
                _number(ratio, 2),
                _number(cores_ratio, 2),
            ]
        )
    if not rows:
        return None
    head = [
        "system",
        "p50/p95/p99 ms",
        "p50 by run",
        "received p50 ms",
        "every change p50 ms",
        "n",
        "new fps",
        "cores (+ SFU)",
        "kb/s",
        "RSS MiB",
        "PSNR luma, RGB dB / SSIM at 0.5 s",
        "torn / lost / negative",
        "our p50 ÷ its",
        "our cores ÷ its",
    ]
    return _table(head, rows)


def _quality_table(results: Record, size: str) -> str | None:
    rows = []
    for system in ORDER:
        cell = results["cells"].get(f"{system}/{size}/60/scroll")
        if cell and cell["quality"]:
            rows.append(
                [title(system)]
                + [f"{shot['psnr_y_db']:.1f} / {shot['ssim_y']:.4f}" for shot in cell["quality"]]
            )
    if not rows:
        return None
    first = next(
        cell
        for cell in results["cells"].values()
        if cell["size"] == size and cell["scene"] == "scroll" and cell["quality"]
    )
    head = ["system"] + [f"{shot['after_ms']} ms" for shot in first["quality"]]
    return _table(head, rows)


def _extras(results: Record) -> list[str]:
    lines = []
    for record in results["extras"]:
        name = title(record["system"])
        match record["extra"]:
            case "unwatched":
                cores = {
                    scene: part["agent"] + part.get("sfu", 0)
                    for scene, part in record["cores"].items()
                }
                lines.append(
                    f"- {name}, nobody watches: {record['cores']['busy']['agent']:.4f} cores on a "
                    f"busy screen, {record['cores']['idle']['agent']:.4f} on a still one (with the "
                    f"SFU {cores['busy']:.4f} and {cores['idle']:.4f})."
                )
            case "start":
                lines.append(
                    f"- {name}, start to published: median {record['median_s']:.2f} s, worst "
                    f"{max(record['published_s']):.2f} s of {len(record['published_s'])}; SIGTERM "
                    f"to exit: worst {max(record['stop_s']):.2f} s, statuses "
                    f"{sorted(set(record['exit_statuses']))}."
                )
            case "join":
                found = record["picture_ms"]
                lines.append(
                    f"- {name}, offer to first picture on a still screen that nobody watched: "
                    f"p50 {found['p50']:.0f} ms, worst {found['p100']:.0f} ms of {found['n']}."
                )
            case "pulse":
                lines.append(
                    f"- {name}, a still picture over 10 s with a join: {record['frames']} frames, "
                    f"largest change of a pixel between two {record['max_change']} of 255 levels, "
                    f"at most {record['max_over2_px']} pixels by more than 2."
                )
            case "soak":
                lines.append(
                    f"- {name}, memory over {record['minutes']:g} min: {record['first_mib']:.1f} → "
                    f"{record['last_mib']:.1f} MiB, "
                    f"{stats.settled_slope_per_minute(record['points']):+.3f} MiB/min"
                    " in the last two thirds."
                )
    return lines


def _viewers_table(results: Record) -> str | None:
    rows = [
        [
            title(record["system"]),
            str(record["viewers"]),
            f"{record['cores']['agent']:.3f}",
            _number(record["cores"].get("sfu"), 3),
            "/".join(_number(record["latency_ms"].get(name)) for name in ("p50", "p95")),
            _number(record["delivered_fps"], 1),
            _number(record["cores"]["host"], 2),
            f"{sum(got > 0 for got in record['received_by_viewer'])}",
        ]
        for record in results["extras"]
        if record["extra"] == "viewers"
    ]
    head = ["system", "viewers", "agent cores", "SFU cores", "p50/p95 ms", "new fps", "host cores"]
    head.append("served")
    return _table(head, rows) if rows else None


def _facts(results: Record) -> str:
    machine, noise, versions = results["machine"], results["noise"], results["versions"]
    loop = noise["fixed_loop_ms"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (
        f"Taken {results['began']} ({results['mode']}, {results['minutes']:.0f} min) on "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"{machine['system']}, kernel {machine['kernel']}. Before the run the machine did "
        f"{noise['background_cores']:.2f} cores of other work; a fixed loop took "
        f"{loop['min']}-{loop['max']} ms (median {loop['median']}). Versions: {named}."
    )


def markdown(results: Record, plots: list[str]) -> str:
    """Return everything between the markers."""
    parts = [_facts(results), "### Targets", targets_table(results)]
    parts += [f"![{Path(plot).stem}](performance/{plot})" for plot in plots]
    for size in SIZES:
        for scene in SCENES:
            table = scene_table(results, size, scene)
            if table:
                parts += [f"### {size}, {scene}", table]
    for size in SIZES:
        table = _quality_table(results, size)
        if table:
            parts += [f"### {size}: text after scrolling stops, PSNR dB / SSIM (worst run)", table]
    half = scene_table(results, "720p", "busy", 30)
    if half:
        parts += ["### 720p, busy, at most 30 fps", half]
    many = _viewers_table(results)
    if many:
        parts += ["### Many viewers (busy screen at 30 Hz)", many]
    lines = _extras(results)
    if lines:
        parts += ["### The rest", "\n".join(lines)]
    if results["failures"]:
        failed = [f"- {item['sitting']}: {item['reason']}" for item in results["failures"]]
        parts += ["### What failed", "\n".join(failed)]
    return "\n\n".join(parts)


def targets_markdown(results: Record) -> str:
    """Return what a run of the targets alone says: the table, and the cells behind it."""
    parts = [_facts(results), targets_table(results)]
    for scene in SCENES:
        table = scene_table(results, "720p", scene)
        if table:
            parts += [f"#### {scene}", table]
    half = scene_table(results, "720p", "busy", 30)
    if half:
        parts += ["#### busy, at most 30 fps", half]
    many = _viewers_table(results)
    if many:
        parts += ["#### viewers (busy screen at 30 Hz)", many]
    lines = _extras(results) + [f"- failed: {f['sitting']}" for f in results["failures"]]
    return "\n\n".join([*parts, "\n".join(lines)])


def write(document: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put the text between the markers of a document, or at its end if it has none."""
    old = document.read_text() if document.is_file() else "# Performance\n"
    block = f"{begin}\n\n{text}\n\n{end}"
    if begin in old and end in old:
        head, rest = old.split(begin, 1)
        new = head + block + rest.split(end, 1)[1]
    else:
        new = f"{old.rstrip()}\n\n{block}\n"
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(new)
