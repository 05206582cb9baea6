"""Does what was said, and says what was done."""

from __future__ import annotations

import asyncio
import logging

from sessioncast_agent.client import Refused, SessionClient, SessionUnavailable
from sessioncast_agent.voice.ear import hear
from sessioncast_agent.voice.grammar import (
    WAKE_WORD,
    Click,
    Command,
    Press,
    Say,
    Scroll,
    Stop,
    Type,
    parse,
)
from sessioncast_agent.voice.recognizer import Recognizer

log = logging.getLogger(__name__)

ASK_WAIT_S = 20.0


class Commander:
    """One participant. The lease is the control desk's: a person says yes before anything is done,
    and takes over by acting."""

    def __init__(self, session: SessionClient, identity: str, wake: str = WAKE_WORD) -> None:
        self._session, self._identity, self._wake = session, identity, wake

    async def listen(self, recognizer: Recognizer, server: str | None) -> None:
        """Until cancelled; raises SoundFailed when the sound server is gone."""
        async for piece in hear(server):
            phrase = await asyncio.to_thread(recognizer.feed, piece)
            if phrase:
                await self.heard(phrase)

    async def heard(self, phrase: str) -> None:
        """One phrase; what is no command is ignored."""
        command = parse(phrase, self._wake)
        if command is None:
            return
        try:
            answer = await self._do(command)
        except Refused as error:
            answer = f"Not done: {error}"
        except SessionUnavailable as error:
            log.warning("command not done: %s", error)
            return
        await self._answer(answer)

    async def _do(self, command: Command) -> str:
        session = self._session
        if isinstance(command, Say):
            return command.text
        if isinstance(command, Stop):
            if session.control.holder == self._identity:
                await session.release_control()
            return "You have control."
        if session.control.holder != self._identity:
            await session.request_control(wait_s=ASK_WAIT_S)
        match command:
            case Click(button, count, x, y):
                width, height = session.size_px
                if x is None or y is None:
                    x, y = width // 2, height // 2
                await session.click(
                    min(x, width - 1), min(y, height - 1), button=button, count=count
                )
                return "Clicked."
            case Type(text):
                await session.type(text)
                return f"Typed {text}."
            case Press(keys):
                await session.key(keys)
                return f"Pressed {keys.replace('+', ' ')}."
            case Scroll(dy_px):
                width, height = session.size_px
                await session.scroll(width / 2, height / 2, dy=dy_px)
                return "Scrolled."
        raise AssertionError("every command is handled above")

    async def _answer(self, text: str) -> None:
        try:
            await self._session.call("narrate", {"text": text, "interrupt": True})
        except (Refused, SessionUnavailable) as error:
            log.warning("answer not spoken: %s", error)
