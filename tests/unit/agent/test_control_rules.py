"""The pure rules beside the lease: limits, hands, touch, wheel, keymaps, key names, the audit."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessioncast_agent.audience import Person
from sessioncast_agent.control.audit import FIRST, Chain, continue_chain, verify_lines
from sessioncast_agent.control.hands import Hands, Sequence
from sessioncast_agent.control.keys import parse_keys
from sessioncast_agent.control.limits import BURST, WAITING, Complaints, Inbox, Inboxes
from sessioncast_agent.control.messages import (
    BeatMessage,
    ButtonMessage,
    KeyMessage,
    MoveMessage,
    RelMessage,
)
from sessioncast_agent.control.people import EXPECT_US, TOKEN_LIFE_US, People
from sessioncast_agent.control.record import InputRecord
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.inputs import (
    Button,
    InputEvent,
    Key,
    Locks,
    Move,
    MoveBy,
    Press,
    Text,
    Touch,
    Wheel,
)
from sessioncast_agent.inputs import TouchPoint as Point
from sessioncast_agent.x11.keymap import Keymap
from sessioncast_agent.x11.touch import LONG_PRESS_US, TouchPointer
from sessioncast_agent.x11.wheel import DOWN, LEFT, RIGHT, UP, WheelClicks

pytestmark = pytest.mark.unit

SIZE = (1280, 720)
MOVE = b'[1,"move",%d,5,5,0]'
KEY = b'[1,"key",97,true,""]'


def drain(inbox: Inbox, now_us: int) -> list[object]:
    taken: list[object] = []
    while (packet := inbox.take(now_us)) is not None:
        taken.append(packet)
    return taken


def test_a_burst_of_typing_is_kept_whole_and_in_order() -> None:
    inbox, now_us, taken = Inbox(), 0, []
    keys = [KeyMessage(0x21 + number % 90, number % 2 == 0, "") for number in range(2_000)]
    for key in keys:
        inbox.put(key)
    while (wait_us := inbox.wait_us(now_us)) is not None:
        taken += drain(inbox, now_us)
        now_us += wait_us
    assert taken == keys
    assert inbox.dropped == 0
    assert now_us < 2_000_000


def test_waiting_moves_give_way_to_newer_ones_and_never_overtake() -> None:
    inbox = Inbox()
    for number in range(100):
        inbox.put(MOVE % number)
    assert drain(inbox, 0) == [MOVE % 99]
    inbox.put(MOVE % 100)
    inbox.put(KEY)
    inbox.put(MOVE % 101)
    assert drain(inbox, 0) == [MOVE % 100, KEY, MOVE % 101]


def test_a_flood_loses_its_oldest_and_says_so() -> None:
    inbox = Inbox()
    for number in range(WAITING + 10):
        inbox.put(KeyMessage(0x20, bool(number % 2), str(number)))
    inbox.put(KEY)
    assert inbox.dropped == 11
    assert inbox.take_lost()
    assert not inbox.take_lost()
    taken, now_us = [], 0
    while (wait_us := inbox.wait_us(now_us)) is not None:
        part = drain(inbox, now_us)
        assert len(part) <= BURST
        taken += part
        now_us += wait_us
    assert taken[-1] == KEY
    assert len(taken) == WAITING


def test_what_is_too_long_is_not_even_kept_and_senders_are_bounded() -> None:
    assert not Inbox().put(b"x" * 10_000)
    boxes = Inboxes()
    first = boxes.of("first")
    for number in range(100):
        boxes.of(str(number))
    assert boxes.of("first") is not first


def test_refusals_are_said_once_a_second() -> None:
    complaints = Complaints()
    said = [complaints.due(now_us) for now_us in range(0, 3_000_000, 10_000)]
    assert [number for number in said if number] == [1, 100, 100]
    assert complaints.count == 300


def test_moves_that_come_late_are_stale() -> None:
    sequence = Sequence()
    assert sequence.fresh(MoveMessage(5, 0, 0, 0))
    assert sequence.fresh(ButtonMessage(7, 0, True, 0, 0, 0))
    assert not sequence.fresh(MoveMessage(6, 0, 0, 0))
    assert sequence.fresh(ButtonMessage(6, 0, False, 0, 0, 0)), "these come in order"
    assert sequence.fresh(MoveMessage(8, 0, 0, 0))


def test_hands_clamp_round_and_know_what_is_down() -> None:
    hands = Hands()
    assert hands.events(MoveMessage(1, -5.0, 99_999.0, 0), SIZE) == [Move(0, 719)]
    assert hands.events(MoveMessage(1, 1.5, 1.4, 0), SIZE) == [Move(2, 1)]
    assert hands.events(RelMessage(1, 0.6, -0.6), SIZE) == []
    assert hands.events(RelMessage(1, 0.6, -0.6), SIZE) == [MoveBy(1, -1)]
    press = ButtonMessage(1, 0, True, 3, 4, 0)
    assert hands.events(press, SIZE) == [Press(Button.LEFT, True, (3, 4))]
    assert hands.events(press, SIZE) == [], "it is down already"
    assert hands.dragging
    assert hands.events(KeyMessage(97, True, "KeyA"), SIZE) == [Key(97, True, "KeyA")]
    assert hands.events(KeyMessage(97, True, "KeyA"), SIZE) == [], "a repeat"
    assert hands.events(BeatMessage((97,), (0,), None, None), SIZE) == []
    assert hands.events(BeatMessage((), (), True, None), SIZE) == [
        Key(97, False, "KeyA"), Press(Button.LEFT, False, None), Locks(True, None),
    ]  # fmt: skip
    assert hands.events(BeatMessage((), (), True, None), SIZE) == []
    assert not hands.holding


def touch(phase: str, *places: tuple[int, int]) -> Touch:
    return Touch(phase, tuple(Point(name, *place) for name, place in enumerate(places)))


def test_touch_taps_drags_long_presses_and_scrolls() -> None:
    fingers = TouchPointer()
    fingers.feed(touch("start", (10, 10)), 0)
    tap = [Press(Button.LEFT, True, (10, 10)), Press(Button.LEFT, False, (10, 10))]
    assert fingers.feed(touch("end"), 100_000) == tap
    fingers.feed(touch("start", (10, 10)), 0)
    assert fingers.feed(touch("end"), LONG_PRESS_US)[0] == Press(Button.RIGHT, True, (10, 10))
    fingers.feed(touch("start", (10, 10)), 0)
    assert fingers.feed(touch("move", (12, 12)), 1) == [], "a finger that rests"
    dragged = [Press(Button.LEFT, True, (10, 10)), Move(40, 10)]
    assert fingers.feed(touch("move", (40, 10)), 2) == dragged
    assert fingers.feed(touch("end"), 3) == [Press(Button.LEFT, False, None)]
    fingers.feed(touch("start", (10, 10)), 0)
    fingers.feed(touch("start", (10, 10), (30, 10)), 0)
    assert fingers.feed(touch("move", (10, 40), (30, 40)), 1) == [Wheel(0, -30, (20, 10))]
    assert fingers.feed(touch("end", (10, 40)), 2) == []
    assert fingers.feed(touch("end"), 3) == []
    fingers.feed(touch("start", (10, 10)), 0)
    fingers.feed(touch("move", (90, 10)), 1)
    assert fingers.feed(touch("cancel"), 2) == [Press(Button.LEFT, False, None)]


phases = st.sampled_from(["start", "move", "end", "cancel"])
places = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=4)


@given(st.lists(st.tuples(phases, places), max_size=30))
@example([("start", [(0, 13)]), ("move", [(0, 0)]), ("start", [(0, 0)])])
def test_touch_never_leaves_the_button_down(story: list[tuple[str, list[tuple[int, int]]]]) -> None:
    fingers, down = TouchPointer(), False
    for phase, spots in [*story, ("cancel", [])]:
        if phase in {"start", "move"} and not spots:
            continue
        for event in fingers.feed(touch(phase, *spots), 0):
            if isinstance(event, Press):
                down = event.down
    assert not down


def test_the_wheel_adds_up_to_clicks() -> None:
    wheel = WheelClicks()
    assert [wheel.turn(0, 40) for _ in range(5)] == [[], [], [DOWN], [], [DOWN]]
    assert wheel.turn(0, -60) == [], "a change of direction forgets the rest"
    assert wheel.turn(0, -60) == [UP]
    assert [WheelClicks().turn(0, notch) for notch in (120, 100, -240)] == [
        [DOWN],
        [DOWN],
        [UP] * 2,
    ]
    assert WheelClicks().turn(250, -100.0) == [UP, RIGHT, RIGHT]
    assert WheelClicks().turn(-100, 0) == [LEFT]
    assert len(WheelClicks().turn(0, 10_000)) == 50


US_ROWS = [
    [0xFFE1, 0], [0xFE03, 0], [0xFF7F, 0], [0x61, 0x41], [0x32, 0x40], [0xFF09, 0xFE20], [0, 0],
    [0xFF9C, 0xFFB1], [0x71, 0x51, 0x71, 0x51, 0x40, 0x7D9],
]  # fmt: skip
MODIFIERS = [[8], [], [], [], [10], [], [], [9]]
SHIFT, LOCK, NUM, LEVEL3 = 1, 2, 16, 128


def test_a_keymap_finds_levels_and_what_they_need() -> None:
    keymap = Keymap(8, US_ROWS, MODIFIERS)
    a, upper = keymap.find(0x61, 0, 0), keymap.find(0x41, 0, 0)
    assert a is not None
    assert upper is not None
    assert (a.keycode, a.level, upper.keycode, upper.level) == (11, 0, 11, 1)
    assert keymap.wanted_state(upper, 0, 0) == (True, False)
    assert keymap.wanted_state(upper, 0, LOCK) == (False, False), "caps lock does it"
    assert keymap.wanted_state(a, 0, LOCK) == (True, False)
    end, one = keymap.find(0xFF9C, 0, 0), keymap.find(0xFFB1, 0, 0)
    assert end is not None
    assert one is not None
    assert keymap.wanted_state(one, 0, NUM) == (False, False)
    assert keymap.wanted_state(end, 0, NUM) == (True, False)
    omega = keymap.find(0x10003A9, 0, 0)
    assert omega is not None, "Greek_OMEGA by its Unicode name"
    assert keymap.wanted_state(omega, 0, 0) == (True, True)
    assert keymap.find(0xFFE2, 0, 0) == keymap.find(0xFFE1, 0, 0), "Shift_R is Shift_L here"
    assert keymap.find(0x1F600 + 0x1000000, 0, 0) is None
    assert keymap.spare_keycodes() == [14]


def test_names_of_keys() -> None:
    assert parse_keys("ctrl+shift+t") == [0xFFE3, 0xFFE1, ord("t")]
    assert parse_keys("ctrl++") == [0xFFE3, ord("+")]
    assert parse_keys("+") == [ord("+")]
    assert parse_keys("F5") == [0xFFC2]
    assert parse_keys("Я") == [0x100042F]
    assert [parse_keys(bad) for bad in ("", "ctrl+", "hyper+x", "a+" * 9 + "a")] == [None] * 4


ANA = Person("viewer-ana", "operator", "person", "Ana")
BEN = Person("viewer-ben", "admin", "person", "Ben")
EVE = Person("viewer-eve", "observer", "person", "Eve")


def test_a_sender_is_known_by_its_topic_and_guessed_only_without_doubt() -> None:
    people = People()
    people.expect(EVE, 0)
    people.expect(ANA, 0)
    assert people.sender("input", "", 1) == ANA.identity
    assert people.sender("input", ANA.identity, 1) == ANA.identity
    people.expect(BEN, 1)
    assert people.sender("input", "", 2) == ""
    topic = people.hello(BEN.identity)
    assert people.hello(BEN.identity) == topic
    assert people.sender(topic, "", 2) == BEN.identity
    assert people.sender(topic, ANA.identity, 2) is None, "the SFU knows better"
    assert people.sender("input", "", 2) == ANA.identity
    assert people.sender("input.stolen", "", 2) is None
    people.announced(ANA.identity)
    assert people.sender("input", "", 2) == ""
    people.expect(ANA, 2)
    assert people.sender("input", "", 3 + EXPECT_US) == ""


def test_the_banned_are_strangers_whatever_is_said_and_nobody_is_guessed_then() -> None:
    people = People()
    people.expect(ANA, 0)
    topic = people.hello(ANA.identity)
    people.ban(ANA.identity, 0)
    people.expect(ANA, 1)
    assert people.get(ANA.identity) is None
    assert people.sender(topic, "", 1) is None
    people.expect(BEN, 1)
    assert people.sender("input", "", 2) == ""
    people.expect(BEN, TOKEN_LIFE_US)
    assert people.sender("input", "", TOKEN_LIFE_US) == BEN.identity


# -- the audit --------------------------------------------------------------------------------


def lines_of(count: int) -> list[bytes]:
    chain = Chain()
    return [chain.line({"kind": "act", "at": number, "text": 'a,"hash":"b'})
            for number in range(count - 1)] + [chain.line({"kind": "end"})]  # fmt: skip


def test_an_untouched_audit_is_intact() -> None:
    verdict = verify_lines(lines_of(5))
    assert (verdict.intact, verdict.closed, verdict.records) == (True, True, 5)
    assert not verify_lines(lines_of(5)[:-1]).closed
    assert not verify_lines([]).intact
    assert json.loads(lines_of(1)[0])["prev"] == FIRST


@given(st.integers(0, 5), st.integers(0, 400), st.integers(1, 255))
def test_any_changed_byte_is_found(line: int, at: int, change: int) -> None:
    lines = lines_of(6)
    content = bytearray(lines[line])
    content[at % len(content)] ^= change
    text = b"".join([*lines[:line], bytes(content), *lines[line + 1 :]])
    verdict = verify_lines(text.splitlines(keepends=True))
    assert not verdict.intact
    assert verdict.line in {line + 1, line + 2}


def test_missing_moved_added_and_torn_lines_are_found() -> None:
    lines = lines_of(6)
    for at in range(5):
        assert verify_lines(lines[:at] + lines[at + 1 :]).line == at + 1
    for one, other in itertools.combinations(range(6), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        assert verify_lines(swapped).line == one + 1
    assert verify_lines([*lines[:3], lines[2], *lines[3:]]).line == 4
    assert verify_lines([*lines[:3], lines[3][:-1]]).reason == "the line is torn"


def test_a_chain_goes_on_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    lines = lines_of(4)[:-1]
    path.write_bytes(b"".join(lines) + b'{"n":4,"prev')
    chain, torn = continue_chain(path)
    assert (chain.number, torn) == (3, 12)
    with path.open("ab") as file:
        file.write(chain.line({"kind": "start"}))
    assert verify_lines(path.read_bytes().splitlines(keepends=True)).records == 4
    path.write_text("something else\n")
    with pytest.raises(CannotStart):
        continue_chain(path)


class Sink:
    def __init__(self) -> None:
        self.records: list[dict[str, object]] = []

    def write(self, record: dict[str, object]) -> None:
        self.records.append(record)


@pytest.mark.parametrize(
    ("text", "secret", "withheld"),
    [(True, None, None), (True, False, None), (True, True, "secret"), (False, None, "text")],
)
def test_typed_text_is_written_only_where_it_may_be(
    text: bool, secret: bool | None, withheld: str | None
) -> None:
    sink = Sink()
    record = InputRecord(lambda: 7, lambda: secret, text=text)
    record.acted(ANA, 1, 2, [Key(ord("p"), True)])
    record.add(sink)
    events: list[InputEvent] = [
        Key(ord("p"), True, "KeyP"),
        Text("geheim"),
        Key(0xFF0D, True),
        Move(1, 2),
    ]
    record.acted(ANA, 1, 2, events)
    key, typed, enter, move = sink.records
    assert {key.get("withheld"), typed.get("withheld")} == {withheld}
    assert ("keysym" in key, "text" in typed) == (withheld is None, withheld is None)
    assert (enter["keysym"], move["x"], move["frame"], move["t_us"]) == (0xFF0D, 1, 2, 7)
