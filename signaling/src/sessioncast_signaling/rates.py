"""The generic cell rate algorithm: a burst at once, a rate in the long run. Pure."""


def gcra(due: float | None, now: float, *, per_minute: float, burst: int) -> tuple[float, float]:
    """Return (seconds to wait, the number to keep); 0 s means that it may be, and is counted.

    `due` is what was kept: the time at which the caller has nothing outstanding any more.
    """
    interval_s = 60.0 / per_minute
    start = max(due or 0.0, now)
    wait_s = start + interval_s - now - interval_s * burst
    if wait_s > 1e-9:
        return wait_s, start
    return 0.0, start + interval_s
