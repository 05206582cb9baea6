"""What the shim counts. No label holds a session, a name or anything else without a bound."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """One registry for one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sessioncast_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "sessioncast_http_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.offers = Counter(
            "sessioncast_offers",
            "Tokens given to viewers.",
            ["role", "state"],
            registry=self.registry,
        )
        self.agent_calls = Counter(
            "sessioncast_agent_calls",
            "Calls to agents through the SFU.",
            ["method", "outcome"],
            registry=self.registry,
        )
        self.sessions = Gauge(
            "sessioncast_sessions",
            "Sessions known, without (ended=false) and with (true) a tombstone.",
            ["ended"],
            registry=self.registry,
        )

        self.streams = Gauge(
            "sessioncast_fallback_streams",
            "Viewers who watch by the VNC fallback now.",
            registry=self.registry,
        )

    def count_offer(self, role: str, state: str) -> None:
        """One more token for a viewer."""
        self.offers.labels(role, state).inc()

    def count_agent_call(self, method: str, outcome: str) -> None:
        """One more call to an agent."""
        self.agent_calls.labels(method, outcome).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more request answered."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Return the text exposition."""
        return generate_latest(self.registry)
