"""What the benchmarks of single areas share: the table of targets, and where it is written."""

import json
from collections.abc import Iterable
from typing import Any

from bench import report
from bench.browser import REPOSITORY

DOCS = REPOSITORY / "docs"
Row = tuple[str, str, str, bool | None]  # target, limit, measured, met (None: not measured)
_MET = {True: "yes", False: "**no**", None: "-"}


def target_table(rows: Iterable[Row]) -> list[str]:
    """As lines of Markdown."""
    lines = ["| target | limit | measured | met |", "|---|---|---|---|"]
    return lines + [
        f"| {name} | {limit} | {measured} | {_MET[met]} |" for name, limit, measured, met in rows
    ]


def write(area: str, title: str, text: str, figures: dict[str, Any]) -> None:
    """The figures as docs/performance/AREA.json, and the text into its part of
    docs/performance.md; a part that is not there yet is put at the end, under `title`."""
    (DOCS / "performance").mkdir(exist_ok=True)
    (DOCS / "performance" / f"{area}.json").write_text(json.dumps(figures, indent=1) + "\n")
    page = DOCS / "performance.md"
    begin, end = f"<!-- bench:{area}:begin -->", f"<!-- bench:{area}:end -->"
    if begin not in page.read_text():
        page.write_text(f"{page.read_text().rstrip()}\n\n## {title}\n\n{begin}\n{end}\n")
    report.write(page, text, begin, end)
