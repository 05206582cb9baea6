"""What is measured, how often and how long: the plan of a run, systems interleaved."""

from collections.abc import Iterable
from dataclasses import dataclass, field

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
REFERENCES = ("raw", "clock30", "novnc", "selkies")
ORDER = ("sessioncast", "selkies", "raw", "novnc", "clock30")
SCENES = ("busy", "scroll", "video", "typing", "still", "idle")
QUICK_SCENES = ("busy", "scroll", "still", "idle")
EXTRAS = ("unwatched", "viewers", "start", "join", "pulse", "soak")
BITRATE_BPS = 8_000_000
FPS = 60


@dataclass(frozen=True)
class Timing:
    """How long each part of a sitting lasts."""

    warmup_s: float = 5.0  # after a viewer came: the SFU tells publishers in batches of 3 s
    settle_s: float = 2.0  # after a change of scene
    window_s: float = 10.0
    slow_window_s: float = 20.0  # for scenes of few changes
    idle_window_s: float = 15.0
    leave_s: float = 12.0  # until a publisher knows that nobody watches
    joins: int = 10
    few_viewers: bool = False  # the fewest and the most viewers only, in turn

    def window(self, scene: str) -> float:
        """Return the length of a scene's window."""
        if scene == "idle":
            return self.idle_window_s
        return self.slow_window_s if scene == "still" else self.window_s


QUICK_TIMING = Timing(
    warmup_s=4.0,
    settle_s=1.5,
    window_s=5.0,
    slow_window_s=7.0,
    idle_window_s=5.0,
    leave_s=8.0,
    joins=3,
    few_viewers=True,
)
TARGETS_TIMING = Timing(
    warmup_s=4.0,
    settle_s=1.5,
    window_s=8.0,
    slow_window_s=12.0,
    idle_window_s=8.0,
    leave_s=8.0,
    joins=4,
    few_viewers=True,
)
TARGETS_RUNS, TARGETS_SOAK_MIN = 3, 4.0


@dataclass(frozen=True)
class Sitting:
    """One system on one fresh display: its scenes one after the other, and one extra."""

    system: str
    size: str
    run: int
    fps: int = FPS
    scenes: tuple[str, ...] = SCENES
    extra: str | None = None

    @property
    def label(self) -> str:
        """A name for progress and directories."""
        what = self.extra or f"run{self.run}"
        return f"{self.system}-{self.size}-{self.fps}fps-{what}"


@dataclass(frozen=True)
class Plan:
    """The sittings of a run in order."""

    mode: str
    timing: Timing
    sittings: tuple[Sitting, ...] = field(default=())

    def seconds(self) -> float:
        """Estimate how long it takes."""
        return sum(estimate_s(sitting, self.timing) for sitting in self.sittings)


def estimate_s(sitting: Sitting, timing: Timing) -> float:
    """Estimate one sitting."""
    fixed = {
        "unwatched": 2 + timing.leave_s + 2 * timing.window_s,
        "viewers": 5 * (timing.window_s + 6),
        "start": 20,
        "join": timing.leave_s + timing.joins * (timing.leave_s + 1),
    }
    scenes = sum(timing.settle_s + timing.window(scene) for scene in sitting.scenes)
    return 9 + timing.warmup_s + scenes + fixed.get(sitting.extra or "", 15 if sitting.extra else 0)


def make(mode: str, only: Iterable[str] = (), runs: int | None = None) -> Plan:
    """Return the plan of `quick`, `targets` or `full`; `only` keeps what it names."""
    if mode == "targets":
        sittings = _kept(_target_sittings(runs or TARGETS_RUNS), set(only))
        return Plan(mode, TARGETS_TIMING, tuple(sittings))
    quick = mode == "quick"
    timing = QUICK_TIMING if quick else Timing()
    sizes = ("720p",) if quick else tuple(SIZES)
    scenes = QUICK_SCENES if quick else SCENES
    runs = runs or (1 if quick else 3)
    sittings = []
    for run in range(runs):
        for size in sizes:
            # systems take turns, each run in another order, so that drift hits all alike
            order = ORDER[run % len(ORDER) :] + ORDER[: run % len(ORDER)]
            sittings += [Sitting(system, size, run, scenes=scenes) for system in order]
        if not quick:
            half = [Sitting(name, "720p", run, 30, ("busy",)) for name in ("sessioncast", "raw")]
            sittings += half if run % 2 == 0 else half[::-1]
    if quick:
        sittings += [Sitting(name, "720p", 0, 30, ("busy",)) for name in ("sessioncast", "raw")]
    counted = ("sessioncast",) if quick else ("sessioncast", "novnc", "selkies")
    sittings += [Sitting(name, "720p", 0, scenes=(), extra="viewers") for name in counted]
    unwatched = ("sessioncast",) if quick else ORDER
    sittings += [Sitting(name, "720p", 0, scenes=(), extra="unwatched") for name in unwatched]
    for extra in ("start", "join", "pulse"):
        sittings.append(Sitting("sessioncast", "720p", 0, scenes=(), extra=extra))
    if not quick:
        sittings.append(Sitting("selkies", "720p", 0, scenes=(), extra="pulse"))
    return Plan(mode, timing, tuple(_kept(sittings, set(only))))


def _target_sittings(runs: int) -> list[Sitting]:
    """Return the cells that a target is judged by; ours and Selkies' in turn, `runs` of busy."""
    sittings = []
    for run in range(runs):
        scenes = ("busy", "scroll", "still", "idle") if run < 2 else ("busy",)
        pair = ("sessioncast", "selkies") if run % 2 == 0 else ("selkies", "sessioncast")
        sittings += [Sitting(system, "720p", run, scenes=scenes) for system in pair]
        if run == 0:
            others = ("raw", "novnc")
            sittings += [Sitting(name, "720p", 0, scenes=("busy", "still")) for name in others]
            pair = ("sessioncast", "raw")
            sittings += [Sitting(name, "720p", 0, 30, ("busy",)) for name in pair]
    extras = ("viewers", "unwatched", "start", "join")
    return sittings + [Sitting("sessioncast", "720p", 0, scenes=(), extra=x) for x in extras]


def _kept(sittings: list[Sitting], only: set[str]) -> list[Sitting]:
    systems, sizes = only & set(ORDER), only & set(SIZES)
    scenes, extras = only & set(SCENES), only & set(EXTRAS)
    unknown = only - systems - sizes - scenes - extras
    if unknown:
        raise ValueError(f"--only knows no {', '.join(sorted(unknown))}")
    kept = []
    for sitting in sittings:
        if systems and sitting.system not in systems:
            continue
        if sizes and sitting.size not in sizes:
            continue
        if sitting.extra:
            if (scenes or extras) and sitting.extra not in extras:
                continue
            kept.append(sitting)
        elif scenes or not extras:
            chosen = tuple(scene for scene in sitting.scenes if not scenes or scene in scenes)
            if chosen:
                kept.append(Sitting(sitting.system, sitting.size, sitting.run, sitting.fps, chosen))
    return kept
