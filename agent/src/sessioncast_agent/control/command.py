"""`sessioncast audit verify FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sessioncast_agent.control.audit import verify_lines

EXIT_INTACT, EXIT_BROKEN, EXIT_UNREADABLE = 0, 1, 2

audit_app = typer.Typer(help="Work with the files that `agent --audit FILE` writes.")


@audit_app.callback()
def _group() -> None:
    """Work with the files that `agent --audit FILE` writes."""


@audit_app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The audit file.")],
    running: Annotated[
        bool, typer.Option("--running", help="The agent still writes it: it needs no end record.")
    ] = False,
) -> int:
    """Follow the file's chain. Exit status: 0 intact, 1 changed or incomplete, 2 not readable.

    A file without an end record is incomplete: its agent was killed, still runs (--running), or
    lines were cut off.
    """
    try:
        with file.open("rb") as lines:
            verdict = verify_lines(lines)
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}", err=True)
        return EXIT_UNREADABLE
    if not verdict.intact:
        typer.echo(f"{file} is broken at line {verdict.line}: {verdict.reason}", err=True)
        return EXIT_BROKEN
    if not verdict.closed and not running:
        typer.echo(
            f"{file}: {verdict.records} records are intact, but the end record is missing", err=True
        )
        return EXIT_BROKEN
    typer.echo(f"{file} is intact: {verdict.records} records")
    return EXIT_INTACT
