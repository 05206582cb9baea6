"""What the doctor found, for people and programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What became of one check."""

    OK = "ok"
    NOTE = "note"  # works, and could be better
    FAIL = "fail"
    SKIP = "skip"  # could not be looked at: `said` tells what is missing


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, what was seen, and what to do about it."""

    check: str
    status: Status
    said: str
    remedy: str | None = None

    def line(self) -> str:
        """Return it as one line."""
        tail = f" -> {self.remedy}" if self.remedy and self.status is not Status.OK else ""
        return f"{self.status:<5}{self.check:<16}{self.said}{tail}"


@dataclass
class Report:
    """All findings, in the order of the ladder."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Nothing failed."""
        return all(finding.status is not Status.FAIL for finding in self.findings)

    def to_json(self) -> str:
        """Return one JSON document."""
        return json.dumps(
            {"ok": self.healthy, "findings": [asdict(finding) for finding in self.findings]},
            indent=1,
        )


def ok(check: str, said: str) -> Finding:
    """It works."""
    return Finding(check, Status.OK, said)


def note(check: str, said: str, remedy: str) -> Finding:
    """It works, and could be better."""
    return Finding(check, Status.NOTE, said, remedy)


def fail(check: str, said: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check, Status.FAIL, said, remedy)


def skip(check: str, said: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, Status.SKIP, said)
