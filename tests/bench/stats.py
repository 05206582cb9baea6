"""Numbers from samples: percentiles, what arrived late or never, slopes."""

import bisect
import statistics
from collections.abc import Iterable, Sequence

PERCENTS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted numbers, interpolated."""
    if not ordered:
        raise ValueError("no samples")
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def summary(values: Iterable[float]) -> dict[str, float]:
    """Return n and the percentiles, rounded to hundredths."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    found = {f"p{percent}": round(percentile(ordered, percent), 2) for percent in PERCENTS}
    return {"n": len(ordered), **found}


def latencies_ms(samples: Sequence[tuple[int, float]]) -> list[float]:
    """Return the age of each value when it was first seen."""
    return [(seen_us - stamp_us) / 1000 for stamp_us, seen_us in samples]


def updates_ms(
    samples: Sequence[tuple[int, float]], stamps: Sequence[int]
) -> tuple[list[float], int]:
    """Return, for each painted stamp, when it or a newer one was seen, and how many never were.

    Unlike the latency of what arrives, this charges a system for every change that it skips.
    """
    values = [stamp_us for stamp_us, _ in samples]
    found, never = [], 0
    for stamp_us in stamps:
        place = bisect.bisect_left(values, stamp_us)
        if place == len(values):
            never += 1
        else:
            found.append((samples[place][1] - stamp_us) / 1000)
    return found, never


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean, lowest and highest of a figure over runs."""
    return {
        "mean": round(statistics.fmean(values), 5),
        "min": round(min(values), 5),
        "max": round(max(values), 5),
        "runs": len(values),
    }


def settled(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (seconds, MiB) from a third of the time on.

    Until then each thread's heap grows to what the worst of the scenes needs, once.
    """
    begin_s = points[-1][0] / 3 if points else 0.0
    return [point for point in points if point[0] >= begin_s]


def settled_slope_per_minute(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of what has settled."""
    return slope_per_minute(settled(points))


def slope_per_minute(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope of (seconds, value) in units a minute."""
    if len(points) < 3:
        return 0.0
    slope, _ = statistics.linear_regression(*zip(*points, strict=True))
    return slope * 60
