"""The command line of `sessioncast doctor`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sessioncast_agent.config import check_session, check_url, read_secret
from sessioncast_agent.errors import CannotStart

EXIT_SICK = 1


def doctor_command(
    session: Annotated[
        str | None, typer.Option(envvar="SESSION_ID", help="The session to try with.")
    ] = None,
    signaling_url: Annotated[
        str | None, typer.Option(envvar="SIGNALING_URL", help="The shim, http(s)://…")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SESSIONCAST_API_KEY_FILE",
            help="File with a key that may watch the session (or SESSIONCAST_API_KEY set).",
        ),
    ] = None,
    livekit_url: Annotated[
        str | None,
        typer.Option(
            envvar="LIVEKIT_URL",
            help="Without a shim: the SFU, ws(s)://…, with LIVEKIT_TOKEN in the environment.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust for TURN over TLS, PEM.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Find out why a session cannot be seen from this machine.

    Tries the ways that the page tries, one after the other: the shim, the SFU's WebSocket, UDP,
    ICE over TCP, every TURN relay, and a first decoded frame; and looks at the SFU's settings.
    With LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment also whether it makes rooms for
    anybody. Exit status: 0 all is well, 1 something failed, 3 it cannot even begin.
    """
    # the native libraries are loaded only when they are needed
    from sessioncast_agent.doctor.autocreate import auto_create  # noqa: PLC0415
    from sessioncast_agent.doctor.report import Finding  # noqa: PLC0415
    from sessioncast_agent.doctor.run import Doctor, Patient  # noqa: PLC0415
    from sessioncast_agent.doctor.shim import Ticket  # noqa: PLC0415

    ca = None if ca_file is None else str(ca_file)
    if ca is not None and not Path(ca).is_file():
        raise CannotStart(f"--ca-file {ca} cannot be read")
    token = os.environ.get("LIVEKIT_TOKEN")
    if signaling_url:
        key = os.environ.get("SESSIONCAST_API_KEY")
        if key_file is not None:
            key = read_secret(key_file, "--key-file")
        if not key:
            raise CannotStart("--signaling-url needs --key-file, or SESSIONCAST_API_KEY set")
        url = check_url(signaling_url, "--signaling-url", ("http", "https"))
        patient = Patient(url, check_session(session), key, ca_file=ca)
    elif livekit_url and token:
        url = check_url(livekit_url, "--livekit-url", ("ws", "wss"))
        patient = Patient(ticket=Ticket(url, token), ca_file=ca)
    else:
        raise CannotStart(
            "nothing to look at: give --signaling-url and --session, or --livekit-url with "
            "LIVEKIT_TOKEN in the environment"
        )

    def tell(finding: Finding) -> None:
        if not as_json:
            typer.echo(finding.line())

    async def examine() -> bool:
        doctor = Doctor(patient, tell)
        report = await doctor.run()
        if doctor.sfu_url is not None:
            finding = await auto_create(
                doctor.sfu_url,
                os.environ.get("LIVEKIT_API_KEY"),
                os.environ.get("LIVEKIT_API_SECRET"),
            )
            report.findings.append(finding)
            tell(finding)
        if as_json:
            typer.echo(report.to_json())
        return report.healthy

    if not asyncio.run(examine()):
        sys.exit(EXIT_SICK)
