"""Spoken commands, phrases, and recognizers that are not there."""

import numpy as np
import pytest

from sessioncast_agent.errors import CannotStart
from sessioncast_agent.voice.grammar import Click, Command, Press, Say, Scroll, Stop, Type, parse
from sessioncast_agent.voice.phrases import PhraseCutter
from sessioncast_agent.voice.recognizer import RATE_HZ, load_recognizer

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("spoken", "command"),
    [
        ("computer click", Click()),
        ("Computer, double click.", Click(count=2)),
        ("computer right click", Click(button=2)),
        ("computer click at 640 360", Click(x=640, y=360)),
        ("computer click on six hundred forty three hundred sixty", Click(x=640, y=360)),
        ("computer click five hundred and twelve twenty-one", Click(x=512, y=21)),
        ("computer click at one hundred two hundred", Click(x=100, y=200)),
        ("computer type good morning", Type("good morning")),
        ("Computer, type Hello, World", Type("Hello, World")),
        ("computer press control l", Press("ctrl+l")),
        ("computer press control shift t", Press("ctrl+shift+t")),
        ("computer press enter", Press("Return")),
        ("computer press page down", Press("Next")),
        ("computer press f5", Press("F5")),
        ("computer scroll up", Scroll(-400)),
        ("computer say hello everybody", Say("hello everybody")),
        ("computer stop", Stop()),
    ],
)
def test_a_command_is_understood(spoken: str, command: Command) -> None:
    assert parse(spoken) == command


@pytest.mark.parametrize(
    "spoken",
    ["", "computer", "click", "we should buy a computer", "computer dance", "computer type",
     "computer press any key", "computer click at noon", "computer click at 640"],
)  # fmt: skip
def test_what_is_no_command_is_none(spoken: str) -> None:
    assert parse(spoken) is None


def test_without_a_wake_word_every_phrase_counts() -> None:
    assert parse("scroll down", wake="") == Scroll(400)


def test_a_phrase_ends_with_a_pause_and_a_knock_is_none() -> None:
    def sound(seconds: float, level: float) -> bytes:
        noise = np.random.default_rng(1).normal(0, level, int(seconds * RATE_HZ))
        return (np.clip(noise, -1, 1) * 32767).astype(np.int16).tobytes()

    def feed(cutter: PhraseCutter, pcm: bytes) -> list[bytes]:
        step = RATE_HZ // 10 * 2
        cut = (cutter.feed(pcm[begin : begin + step]) for begin in range(0, len(pcm), step))
        return [phrase for phrase in cut if phrase is not None]

    cutter = PhraseCutter()
    assert feed(cutter, sound(2, 0.0003)) == []
    assert feed(cutter, sound(1, 0.1)) == []
    (phrase,) = feed(cutter, sound(1, 0.0003))
    assert 1.4 < len(phrase) / 2 / RATE_HZ < 2
    assert feed(cutter, sound(0.1, 0.1) + sound(1, 0.0003)) == []
    assert len(feed(cutter, sound(40, 0.1))) == 2, "a phrase without end is cut"


@pytest.mark.parametrize(
    ("name", "words"),
    [("vosk:/nowhere", "vosk"), ("faster-whisper:small.en", "faster-whisper"),
     ("nothing", "unknown"), ("no.such.module:make", "unknown"), ("json:nothing", "unknown")],
)  # fmt: skip
def test_a_recognizer_that_is_not_there_says_what_to_do(name: str, words: str) -> None:
    with pytest.raises(CannotStart, match=words):
        load_recognizer(name)
