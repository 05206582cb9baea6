"""The plots of docs/performance.md, as SVG."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "sessioncast",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
    }
)

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from bench.plan import ORDER, SCENES, SIZES  # noqa: E402
from bench.report import title  # noqa: E402

Record = dict[str, Any]
COLOURS = {
    "sessioncast": "#0b6e99",
    "selkies": "#d9730d",
    "raw": "#888888",
    "novnc": "#6940a5",
    "clock30": "#4d8c57",
}


def _save(figure: Figure, directory: Path, name: str) -> str:
    figure.tight_layout()
    figure.savefig(directory / name, metadata={"Date": None})
    plt.close(figure)
    return name


def _samples(results: Record, system: str, size: str, scene: str) -> list[float]:
    return sorted(
        sample
        for record in results["records"]
        if (record["system"], record["size"], record["fps"], record.get("scene"))
        == (system, size, 60, scene)
        for sample in record["samples_ms"]
    )


def latency(results: Record, directory: Path, size: str) -> str | None:
    """Cumulative latency of every system, one panel a scene."""
    scenes = [
        scene
        for scene in SCENES
        if scene != "idle" and _samples(results, "sessioncast", size, scene)
    ]
    if not scenes:
        return None
    figure, axes = plt.subplots(1, len(scenes), figsize=(3.4 * len(scenes), 3.4), sharey=True)
    for axis, scene in zip([axes] if len(scenes) == 1 else axes, scenes, strict=True):
        for system in ORDER:
            samples = _samples(results, system, size, scene)
            if samples:
                shares = [(index + 1) / len(samples) for index in range(len(samples))]
                axis.step(samples, shares, label=title(system), color=COLOURS[system], where="post")
        axis.set_title(f"{size}, {scene}")
        axis.set_xlim(0, 120)
        axis.set_xlabel("ms from paint to page")
    (axes if len(scenes) == 1 else axes[0]).set_ylabel("share of new pictures")
    (axes if len(scenes) == 1 else axes[-1]).legend(fontsize="x-small", loc="lower right")
    return _save(figure, directory, f"latency-{size}.svg")


def cpu(results: Record, directory: Path, size: str) -> str | None:
    """Server CPU by scene and system, the SFU on top of the agent; whiskers are the runs."""
    cells = results["cells"]
    scenes = [scene for scene in SCENES if f"sessioncast/{size}/60/{scene}" in cells]
    if not scenes:
        return None
    figure, axis = plt.subplots(figsize=(1.2 + 1.5 * len(scenes), 3.6))
    systems = [name for name in ORDER if any(f"{name}/{size}/60/{s}" in cells for s in scenes)]
    width = 0.8 / len(systems)
    for index, system in enumerate(systems):
        for place, scene in enumerate(scenes):
            cell = cells.get(f"{system}/{size}/60/{scene}")
            if cell is None:
                continue
            x = place + (index - (len(systems) - 1) / 2) * width
            agent, server = cell["cores"]["agent"]["mean"], cell["server_cores"]
            label = title(system) if scene == scenes[0] else None
            axis.bar(x, agent, width, color=COLOURS[system], label=label)
            axis.bar(
                x, server["mean"] - agent, width, bottom=agent, color=COLOURS[system], alpha=0.5
            )
            spread = [[server["mean"] - server["min"]], [server["max"] - server["mean"]]]
            axis.errorbar(x, server["mean"], yerr=spread, color="black", linewidth=0.8)
    axis.set_xticks(range(len(scenes)), scenes)
    axis.set_ylabel("cores (pale: SFU)")
    axis.set_title(f"{size}: what one viewer costs the server")
    axis.legend(fontsize="x-small")
    return _save(figure, directory, f"cpu-{size}.svg")


def _mean_cores(runs: list[Record], count: int, part: str) -> float:
    found = [run["cores"].get(part, 0.0) for run in runs if run["viewers"] == count]
    return float(statistics.fmean(found))


def viewers(results: Record, directory: Path) -> str | None:
    """CPU by number of viewers."""
    found = [record for record in results["extras"] if record["extra"] == "viewers"]
    if not found:
        return None
    figure, axis = plt.subplots(figsize=(5, 3.4))
    for system in ORDER:
        runs = [record for record in found if record["system"] == system]
        counts = sorted({record["viewers"] for record in runs})
        if counts:
            agents = [_mean_cores(runs, count, "agent") for count in counts]
            sfus = [_mean_cores(runs, count, "sfu") for count in counts]
            servers = [agent + sfu for agent, sfu in zip(agents, sfus, strict=True)]
            axis.plot(counts, servers, "o-", color=COLOURS[system], label=title(system))
            if agents != servers:
                label = f"{title(system)}, agent alone"
                axis.plot(counts, agents, "o--", color=COLOURS[system], alpha=0.6, label=label)
    axis.set_xlabel("viewers")
    axis.set_ylabel("server cores")
    axis.set_ylim(bottom=0)
    axis.set_title("busy screen at 30 Hz, 720p")
    axis.legend(fontsize="x-small")
    return _save(figure, directory, "viewers.svg")


def draw(results: Record, directory: Path) -> list[str]:
    """Draw every plot that the results hold; return their file names."""
    directory.mkdir(parents=True, exist_ok=True)
    made = [latency(results, directory, size) for size in SIZES]
    made += [cpu(results, directory, size) for size in SIZES]
    made.append(viewers(results, directory))
    return [name for name in made if name]
