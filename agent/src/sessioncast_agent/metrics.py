"""The usage meter as Prometheus metrics, read when scraped."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sessioncast_agent.usage import UsageMeter, rss_bytes


class UsageCollector(Collector):
    """One session's costs and state."""

    def __init__(self, usage: UsageMeter, session: str) -> None:
        self._usage, self._session = usage, session
        self.live = self.joined = False

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Every family, freshly read."""
        labels = [self._session]
        cpu = CounterMetricFamily(
            "sessioncast_cpu_seconds",
            "CPU seconds by stage; `process` is the kernel's figure for all of them",
            labels=["session", "stage"],
        )
        for stage, seconds in self._usage.cpu_seconds().items():
            cpu.add_metric([*labels, stage], seconds)
        yield cpu
        counters = self._usage.counters
        frames = CounterMetricFamily(
            "sessioncast_frames", "Frames by what became of them", labels=["session", "kind"]
        )
        for kind in ("captured", "encoded", "keyframes", "dropped"):
            frames.add_metric([*labels, kind], getattr(counters, kind))
        yield frames
        acts = CounterMetricFamily(
            "sessioncast_input", "Input by what became of it", labels=["session", "kind"]
        )
        for kind in ("done", "ignored", "refused", "dropped"):
            acts.add_metric([*labels, kind], getattr(counters, f"input_{kind}"))
        yield acts
        totals = {
            "sessioncast_sent_bytes": ("H.264 bytes handed to the SFU", counters.bytes_sent),
            "sessioncast_watched_seconds": (
                "Time with at least one viewer", self._usage.watched_seconds
            ),
        }  # fmt: skip
        for name, (text, value) in totals.items():
            total = CounterMetricFamily(name, text, labels=["session"])
            total.add_metric(labels, value)
            yield total
        gauges = {
            "sessioncast_resident_bytes": ("Resident memory", float(rss_bytes())),
            "sessioncast_display_live": ("1 while the display answers", float(self.live)),
            "sessioncast_room_joined": ("1 while in the room", float(self.joined)),
        }
        for name, (text, value) in gauges.items():
            gauge = GaugeMetricFamily(name, text, labels=["session"])
            gauge.add_metric(labels, value)
            yield gauge


class AgentMetrics:
    """A registry of its own, so that two sessions in one test process do not meet."""

    def __init__(self, usage: UsageMeter, session: str) -> None:
        self.collector = UsageCollector(usage, session)
        self._registry = CollectorRegistry()
        self._registry.register(self.collector)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
