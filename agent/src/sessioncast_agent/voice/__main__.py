"""`python -m sessioncast_agent.voice`: beside a session, let its operator steer it by voice."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sessioncast_agent.client import Refused, SessionUnavailable, ask_for_offer, open_session
from sessioncast_agent.config import check_session, check_url, read_secret
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.sound.programs import SoundFailed
from sessioncast_agent.sound.settings import check_pulse_server
from sessioncast_agent.voice.commander import Commander
from sessioncast_agent.voice.grammar import WAKE_WORD
from sessioncast_agent.voice.recognizer import load_recognizer

RETRY_S = 1.0


def main(
    session: Annotated[str, typer.Option(envvar="SESSION_ID")],
    signaling_url: Annotated[str, typer.Option(envvar="SIGNALING_URL")],
    recognizer: Annotated[
        str, typer.Option(help="vosk:MODEL, faster-whisper:MODEL or package.module:factory")
    ],
    key_file: Annotated[Path | None, typer.Option(help="or SESSIONCAST_API_KEY")] = None,
    pulse_server: Annotated[str | None, typer.Option(envvar="PULSE_SERVER")] = None,
    wake: Annotated[str, typer.Option(help="Phrases begin with it; empty for none.")] = WAKE_WORD,
) -> None:
    """Listen to the session's virtual microphone and do what is said."""
    try:
        key = read_secret(key_file, "--key-file") if key_file else None
        key = key or os.environ.get("SESSIONCAST_API_KEY")
        if not key:
            raise CannotStart("no API key; give --key-file or set SESSIONCAST_API_KEY")
        url = check_url(signaling_url, "--signaling-url", ("http", "https"))
        server = check_pulse_server(pulse_server)
        asyncio.run(_run(url, check_session(session), key, recognizer, server, wake))
    except (CannotStart, SessionUnavailable, Refused) as error:
        print(f"sessioncast voice: {error}", file=sys.stderr)
        raise SystemExit(3) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


async def _run(
    url: str, session: str, key: str, recognizer: str, server: str | None, wake: str
) -> None:
    ear = await asyncio.to_thread(load_recognizer, recognizer)
    offer = await ask_for_offer(url, session, key, name="voice", actor="ai")
    async with open_session(offer) as client:
        commander = Commander(client, offer.identity, wake)
        while True:
            try:
                await commander.listen(ear, server)
            except SoundFailed as error:
                print(f"sessioncast voice: {error}; trying again", file=sys.stderr)
                await asyncio.sleep(RETRY_S)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
