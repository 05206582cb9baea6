"""The narrator's rules, with an engine that makes a tone of each sentence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.sound.narration.narrator import Caption, Narrator, State
from sessioncast_agent.sound.narration.text import (
    MAX_CHARS,
    MAX_SENTENCE_CHARS,
    NarrationRefused,
    check_text,
    sentences,
)
from sessioncast_agent.sound.narration.tts import make_speech, resampled
from sessioncast_agent.sound.pcm import frame_bytes
from sessioncast_agent.sound.programs import SoundFailed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * 10_000_000, 1413),
        ("a" * (MAX_CHARS + 1), 1413),
        ("bell \x07", 1400),
        ("\x1b[31mred", 1400),
        ("nul\0", 1400),
        ("\ud800 half a character", 1400),
        ("  \n ", 1400),
        ("...!", 1400),
        ("", 1400),
        (7, 1400),
        (None, 1400),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_a_code_and_a_short_sentence(
    text: object, code: int
) -> None:
    with pytest.raises(NarrationRefused) as refused:
        check_text(text)
    assert refused.value.code == code
    assert len(str(refused.value)) < 120


def test_text_is_cut_where_a_voice_would_pause() -> None:
    assert sentences("One. Two! Three?\nFour: five") == ["One.", "Two!", "Three?", "Four:", "five"]
    assert sentences("No cut at 3.14 or example.com") == ["No cut at 3.14 or example.com"]
    assert sentences("--- \n ***") == []


def test_no_piece_is_too_long_and_no_word_is_lost() -> None:
    text = "word " * 500
    pieces = sentences(text)
    assert all(len(piece) <= MAX_SENTENCE_CHARS for piece in pieces)
    assert " ".join(pieces).split() == text.split()
    assert "".join(sentences("x" * 1_000)) == "x" * 1_000


def test_speech_of_any_rate_comes_out_at_ours() -> None:
    assert len(resampled(bytes(22_050 * 2), 22_050)) == pytest.approx(48_000 * 2, rel=0.01)


@pytest.mark.parametrize("name", ["festival", "piper", "piper:", ""])
def test_an_unknown_narrator_cannot_start(name: str) -> None:
    with pytest.raises(CannotStart, match="--narrator"):
        make_speech(name)


async def test_piper_without_its_package_says_what_to_install() -> None:
    with pytest.raises(SoundFailed, match=r"sessioncast-agent\[piper\]"):
        await make_speech("piper:/nonexistent.onnx").speak("Hello.", None)


class Tones:
    """A tenth of a second for each sentence."""

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.broken = False

    async def voices(self) -> list[str]:
        return ["de", "en-us"]

    async def speak(self, text: str, voice: str | None) -> bytes:
        if self.broken:
            raise SoundFailed("no voice today")
        self.spoken.append(f"{voice or '-'}: {text}")
        return b"\x01\x10" * (frame_bytes(1) // 2 * 10)


class Scene:
    """A narrator with notes of what left it."""

    def __init__(self) -> None:
        self.tones = Tones()
        self.captions: list[Caption] = []
        self.speaking: list[bool] = []
        self.frames = 0
        self.narrator = Narrator(self.tones, self.push, self.captions.append, self.speaking.append)

    async def push(self, pcm: bytes) -> None:
        assert len(pcm) == frame_bytes(1)
        self.frames += 1


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    stage = Scene()
    task = asyncio.create_task(stage.narrator.run())
    try:
        yield stage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], within_s: float = 10) -> None:
    for _ in range(int(within_s / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not in time")


async def test_narrations_queue_and_each_sentence_has_its_caption() -> None:
    async with scene() as stage:
        first = await stage.narrator.say("One. Two.", None, None)
        second = await stage.narrator.say("Drei.", "de", False)
        assert (first.state, second.state) == (State.QUEUED, State.QUEUED)
        await until(lambda: second.state is State.DONE)
        assert first.state is State.DONE
        assert stage.tones.spoken == ["-: One.", "-: Two.", "de: Drei."]
        assert [caption.text for caption in stage.captions] == ["One.", "Two.", "Drei."]
        assert stage.captions[0].duration_ms == 250
        assert stage.frames == 75
        await until(lambda: stage.speaking[-1] is False)
        assert True in stage.speaking


async def test_cancelling_stops_at_once_clears_the_caption_and_goes_on_with_the_next() -> None:
    async with scene() as stage:
        long = await stage.narrator.say("Word. " * 100, None, None)
        waiting = await stage.narrator.say("Never.", None, None)
        last = await stage.narrator.say("Last.", None, None)
        await until(lambda: long.state is State.SPEAKING and stage.captions)
        assert stage.narrator.cancel(waiting.id).state is State.CANCELLED
        assert stage.narrator.cancel(long.id).state is State.CANCELLED
        await until(lambda: last.state is State.DONE)
        assert Caption(long.id, "", 0) in stage.captions
        assert not any("Never" in spoken for spoken in stage.tones.spoken)
        assert stage.narrator.cancel(last.id).state is State.DONE, "done stays done"
        with pytest.raises(NarrationRefused, match="no narration of this id"):
            stage.narrator.cancel("n000000000000")


async def test_an_interruption_goes_before_all_that_waits() -> None:
    async with scene() as stage:
        long = await stage.narrator.say("Word. " * 100, None, None)
        waiting = await stage.narrator.say("Later.", None, None)
        await until(lambda: long.state is State.SPEAKING)
        urgent = await stage.narrator.say("Fire!", None, True)
        await until(lambda: urgent.state is State.DONE)
        assert {long.state, waiting.state} == {State.CANCELLED}


async def test_an_unknown_voice_is_refused_with_the_list_and_the_queue_is_bounded() -> None:
    async with scene() as stage:
        with pytest.raises(NarrationRefused, match="de, en-us") as refused:
            await stage.narrator.say("Hello.", "klingon", None)
        assert refused.value.code == 1404
        with pytest.raises(NarrationRefused, match="must be a name"):
            await stage.narrator.say("Hello.", "x" * 100, None)
        await stage.narrator.say("Word. " * 100, None, None)
        await asyncio.sleep(0.05)
        for _ in range(16):
            await stage.narrator.say("Again.", None, None)
        with pytest.raises(NarrationRefused, match="wait already") as refused:
            await stage.narrator.say("One too many.", None, None)
        assert refused.value.code == 1429


async def test_a_failing_engine_fails_that_narration_and_not_the_next() -> None:
    async with scene() as stage:
        stage.tones.broken = True
        bad = await stage.narrator.say("Hello.", None, None)
        await until(lambda: bad.state is State.FAILED)
        stage.tones.broken = False
        good = await stage.narrator.say("Hello.", None, None)
        await until(lambda: good.state is State.DONE)
