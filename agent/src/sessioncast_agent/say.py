"""`sessioncast say`: text from here, spoken in a session; through the shim."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from sessioncast_agent.config import check_session, check_url, read_secret
from sessioncast_agent.errors import AgentError, CannotStart
from sessioncast_agent.sound.narration.text import NarrationRefused, check_text

TIMEOUT_S = 10.0
MAX_READ_CHARS = 20_000  # more than may be spoken: enough to refuse it
EXIT_REFUSED = 1


class NotSaid(AgentError):
    """The shim or the agent refused; the message is theirs."""


def say_command(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    session: Annotated[
        str | None, typer.Option(envvar="SESSION_ID", help="The session's id, as at the shim.")
    ] = None,
    signaling_url: Annotated[
        str | None, typer.Option(envvar="SIGNALING_URL", help="The shim, http(s)://…")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SESSIONCAST_API_KEY_FILE",
            help="File with an API key (or SESSIONCAST_API_KEY in the environment).",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="SESSIONCAST_API_KEY", hidden=True, show_envvar=False)
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Like en-us or de; a wrong one is answered with the list.")
    ] = None,
    interrupt: Annotated[
        bool, typer.Option("--interrupt", help="Stop what is being said, and say this.")
    ] = False,
) -> None:
    """Speak a text into a session's room, with captions; prints the narration's id.

    Exit status: 0 when it is queued, 1 when it was refused (one line says why), 3 for settings that
    cannot work.
    """
    if key is not None and any(argument.startswith("--key=") or argument == "--key"
                               for argument in sys.argv[1:]):  # fmt: skip
        raise CannotStart("--key is not taken from the command line; use --key-file")
    name = check_session(session)
    if not signaling_url:
        raise CannotStart("no shim is named; give --signaling-url or set SIGNALING_URL")
    url = check_url(signaling_url, "--signaling-url", ("http", "https"))
    secret = read_secret(key_file, "--key-file") if key_file else key
    if not secret:
        raise CannotStart("no API key; give --key-file or set SESSIONCAST_API_KEY")
    try:
        checked = check_text(sys.stdin.read(MAX_READ_CHARS) if text == "-" else text)
        body = {"text": checked, "voice": voice, "interrupt": interrupt}
        typer.echo(asyncio.run(_say(f"{url}/api/v1/sessions/{name}/narration", secret, body)))
    except UnicodeDecodeError:
        typer.echo("sessioncast: standard input is not text in UTF-8", err=True)
        raise typer.Exit(EXIT_REFUSED) from None
    except (NotSaid, NarrationRefused) as error:
        typer.echo(f"sessioncast: {error}", err=True)
        raise typer.Exit(EXIT_REFUSED) from error


async def _say(url: str, secret: str, body: dict[str, Any]) -> str:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(
                url, json=body, headers={"Authorization": f"Bearer {secret}"}, allow_redirects=False
            ) as response,
        ):
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NotSaid("the shim does not answer; check --signaling-url") from error
    except ValueError as error:
        raise NotSaid("what answers at --signaling-url is no shim") from error
    if response.status == 202 and isinstance(answer, dict):
        return str(answer.get("id", ""))
    detail = answer.get("detail") if isinstance(answer, dict) else None
    raise NotSaid(str(detail or f"the shim refused it ({response.status})"))
