"""The fallback's pure parts: the conversation, its limits, rectangles, flow; and fuzz."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessioncast_agent.control.messages import ButtonMessage, KeyMessage, MoveMessage, WheelMessage
from sessioncast_agent.errors import RfbBroken
from sessioncast_agent.inputs import Button
from sessioncast_agent.media import AccessUnit
from sessioncast_agent.rfb import clipboard
from sessioncast_agent.rfb.cursor import Shape, blend, cursor_rect
from sessioncast_agent.rfb.flow import MAX_BYTES, MAX_UPDATES, Window
from sessioncast_agent.rfb.h264 import MAX_UNITS, UnitQueue, h264_rect
from sessioncast_agent.rfb.pixels import pack_pixels, pack_tight
from sessioncast_agent.rfb.pointer import CODES, ButtonMask, key_messages
from sessioncast_agent.rfb.server import FenceReturned, Ready, Rect, RfbServer
from sessioncast_agent.rfb.tight import (
    TILE_PX,
    RectEncoder,
    Wish,
    changed_tiles,
    colours,
    compact_length,
)
from sessioncast_agent.rfb.wire import (
    NATIVE_FORMAT,
    CutText,
    Encoding,
    Feed,
    KeyEvent,
    Parser,
    PixelFormat,
    PointerEvent,
    SetDesktopSize,
    read_message,
)

pytestmark = pytest.mark.unit

VERSION = b"RFB 003.008\n"
HELLO = VERSION + b"\x01" + b"\x01"


class Clip:
    """A clipboard that anybody may read."""

    text: str | None = None

    def readable(self) -> str | None:
        return self.text


def server(*encodings: int, clip: Clip | None = None) -> RfbServer:
    made = RfbServer("demo", (640, 480), clip or Clip())
    made.receive(HELLO)
    made.receive(set_encodings(*encodings))
    made.take_output()
    return made


def set_encodings(*encodings: int) -> bytes:
    return struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings)


def request(*, incremental: bool = True) -> bytes:
    return struct.pack(">BBHHHH", 3, incremental, 0, 0, 640, 480)


# -- the conversation ------------------------------------------------------------------------


def test_a_client_of_each_version_gets_through_the_handshake() -> None:
    for hello, answer in {
        HELLO: VERSION + b"\x01\x01" + b"\0\0\0\0",
        b"RFB 003.007\n\x01\x01": VERSION + b"\x01\x01",
        b"RFB 003.003\n\x00": VERSION + b"\0\0\0\x01",
        b"RFB 004.001\n\x01\x01": VERSION + b"\x01\x01" + b"\0\0\0\0",
    }.items():
        made = RfbServer("demo", (640, 480), Clip())
        assert made.receive(hello) == [Ready()]
        sent = made.take_output()
        assert sent.startswith(answer)
        init = sent.removeprefix(answer)
        assert struct.unpack(">HH", init[:4]) == (640, 480)
        assert PixelFormat.unpack(init[4:20]) == NATIVE_FORMAT
        assert init[24:] == b"demo"


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n",
        VERSION + b"\x02",  # VNC authentication was not offered
        HELLO + b"\x01",  # FixColourMapEntries is no message any more
        HELLO + struct.pack(">B3xi", 6, 2_000_000),
        HELLO + struct.pack(">B3xi", 6, -2_000_000),
        HELLO + struct.pack(">B3xi", 6, -2) + b"xx",
        HELLO + struct.pack(">BxH", 2, 65_535),
        HELLO + struct.pack(">B3xIB", 248, 0, 65),
        HELLO + struct.pack(">BB", 255, 1) + bytes(10),
        HELLO + b"\0\0\0\0" + bytes((24, 24, 0, 1)) + bytes(12),
    ],
)
def test_what_the_protocol_does_not_know_ends_the_connection(bad: bytes) -> None:
    with pytest.raises(RfbBroken):
        RfbServer("demo", (640, 480), Clip()).receive(bad)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.booleans(), st.lists(st.integers(1, 60)))
def test_no_bytes_do_harm(data: bytes, begun: bool, cuts: list[int]) -> None:
    """Whatever comes in whatever pieces: events, or RfbBroken; memory stays bounded."""
    made = RfbServer("demo", (640, 480), Clip())
    stream = (HELLO if begun else b"") + data
    try:
        while stream:
            size = cuts.pop() if cuts else len(stream)
            made.receive(stream[:size])
            stream = stream[size:]
    except RfbBroken:
        pass
    assert len(made.take_output()) < 100_000


MESSAGES = st.one_of(
    st.builds(lambda n: set_encodings(*n), st.lists(st.sampled_from(list(Encoding)))),
    st.builds(lambda i: request(incremental=i), st.booleans()),
    st.builds(
        lambda k, d: struct.pack(">BB2xI", 4, d, k), st.integers(0, 2**32 - 1), st.booleans()
    ),
    st.builds(
        lambda m, x, y: struct.pack(">BBHH", 5, m, x, y),
        st.integers(0, 127), st.integers(0, 65_535), st.integers(0, 65_535),
    ),
    st.builds(lambda t: struct.pack(">B3xi", 6, len(t)) + t, st.binary(max_size=50)),
    st.builds(
        lambda f, t: struct.pack(">B3xiI", 6, -len(t) - 4, f) + t,
        st.integers(0, 2**32 - 1), st.binary(max_size=50),
    ),
    st.builds(lambda e: struct.pack(">BB8x", 150, e), st.booleans()),
    st.builds(
        lambda f, t: struct.pack(">B3xIB", 248, f, len(t)) + t,
        st.integers(0, 2**32 - 1), st.binary(max_size=64),
    ),
    st.builds(
        lambda w, h, n: struct.pack(">BxHHBx", 251, w, h, n) + bytes(16 * n),
        st.integers(0, 65_535), st.integers(0, 65_535), st.integers(0, 3),
    ),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(MESSAGES, max_size=20), st.integers(1, 40))
def test_pieces_and_wholes_say_the_same(messages: list[bytes], size: int) -> None:
    stream = HELLO + b"".join(messages)
    results = []
    for step in (len(stream), size):
        made, events = RfbServer("demo", (640, 480), Clip()), []
        try:
            for at in range(0, len(stream), step):
                events += made.receive(stream[at : at + step])
            outcome = "ok"
        except RfbBroken as error:
            outcome = str(error)
        results.append((outcome, made.take_output(), made.encodings, made.continuous))
    assert results[0] == results[1]


def test_the_relays_parser_gives_back_exactly_the_bytes_of_each_message() -> None:
    stream = [
        set_encodings(7, 0), request(), struct.pack(">BB2xI", 4, 1, 0x61),
        struct.pack(">BBHH", 5, 1, 2, 3), struct.pack(">B3xi", 6, 3) + b"abc",
        struct.pack(">B3xIB", 248, 0, 2) + b"xy", struct.pack(">BxHHBx", 251, 9, 9, 1) + bytes(16),
        struct.pack(">BBHII", 255, 0, 1, 0x61, 30), b"\0\0\0\0" + NATIVE_FORMAT.pack(),
    ]  # fmt: skip
    seen: list[bytes] = []

    def parser() -> Parser:
        while True:
            _, raw = yield from read_message(lambda: False)
            seen.append(raw)

    Feed(parser()).feed(b"".join(stream))
    assert seen == stream


def test_an_update_goes_out_only_when_asked_for_and_carries_the_announcements() -> None:
    made = server(Encoding.QEMU_KEYS, Encoding.EXTENDED_DESKTOP_SIZE)
    assert not made.may_update
    assert made.has_extras
    made.receive(request())
    assert made.may_update
    made.update([Rect(0, 0, 1, 1, 0, b"abcd")])
    sent = made.take_output()
    kinds = [struct.unpack(">i", sent[4 + 8 : 4 + 12])[0]]
    assert sent[:4] == b"\0\0\0\x03"
    assert kinds == [Encoding.QEMU_KEYS]
    assert not made.may_update
    made.receive(struct.pack(">BB8x", 150, 1))
    assert made.may_update
    made.update([])
    assert made.may_update, "continuous updates need no request"
    made.receive(struct.pack(">BB8x", 150, 0))
    assert not made.may_update
    assert made.take_output().endswith(b"\x96"), "the end of continuous updates is confirmed"


def test_fences_come_back_in_both_directions() -> None:
    made = server(Encoding.FENCE)
    made.receive(struct.pack(">B3xIB", 248, 0x80000003, 3) + b"abc")
    assert made.take_output() == struct.pack(">B3xIB", 248, 3, 3) + b"abc"
    made.fence(7)
    asked = made.take_output()
    assert asked == struct.pack(">B3xIBI", 248, 0x80000003, 4, 7)
    assert made.receive(struct.pack(">B3xIBI", 248, 3, 4, 7)) == [FenceReturned(7)]
    assert made.fences


def test_quality_and_compression_are_the_last_named() -> None:
    made = server(-32 + 3, -256 + 8)
    assert (made.quality, made.compression) == (3, 8)
    assert (server().quality, server().compression) == (None, 2)


def test_the_extended_clipboard_gives_text_only_when_asked_and_takes_any_script() -> None:
    clip = Clip()
    made = server(Encoding.EXTENDED_CLIPBOARD, clip=clip)
    clip.text = "naïve 漢字\nline"
    made.clip_changed()
    assert made.take_output() == clipboard.notify(True)
    made.clip_changed()
    assert made.take_output() == b"", "said once"
    made.receive(struct.pack(">B3xiI", 6, -4, clipboard.REQUEST | clipboard.TEXT))
    body = made.take_output()
    assert body == clipboard.provide(clip.text)
    inflated = zlib.decompress(body[12:])
    assert inflated[4:] == "naïve 漢字\r\nline\0".encode()
    text = "from a client: 漢字\r\n\0".encode()
    packed = zlib.compress(len(text).to_bytes(4, "big") + text)
    flags = clipboard.PROVIDE | clipboard.TEXT
    message = struct.pack(">B3xiI", 6, -4 - len(packed), flags) + packed
    assert made.receive(message) == [CutText("from a client: 漢字\n")]
    bomb = zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(RfbBroken):
        made.receive(
            struct.pack(">B3xiI", 6, -4 - len(bomb), flags)
            + zlib.compress((40_000_000).to_bytes(4, "big") + bytes(50_000_000), 9)[: len(bomb)]
        )


def test_a_clipboard_that_one_may_not_read_stays_unread() -> None:
    made = server(Encoding.EXTENDED_CLIPBOARD)
    made.clip_changed()
    made.receive(struct.pack(">B3xiI", 6, -4, clipboard.REQUEST | clipboard.TEXT))
    assert made.take_output() == b""
    made.receive(struct.pack(">B3xiI", 6, -4, clipboard.PEEK))
    assert made.take_output() == clipboard.notify(False)


def test_sizes_change_in_the_clients_own_way() -> None:
    extended = server(Encoding.EXTENDED_DESKTOP_SIZE, Encoding.DESKTOP_SIZE)
    extended.receive(request())
    extended.resize((800, 600))
    assert extended.size_px == (800, 600)
    assert extended.refresh
    plain = server(Encoding.DESKTOP_SIZE)
    plain.receive(request())
    plain.resize((800, 600))
    assert plain.take_output() == struct.pack(
        ">BxHHHHHi", 0, 1, 0, 0, 800, 600, Encoding.DESKTOP_SIZE
    )
    wanted = extended.receive(struct.pack(">BxHHBx", 251, 1024, 768, 1) + bytes(16))
    assert wanted == [SetDesktopSize(1024, 768)]


# -- input -----------------------------------------------------------------------------------


def test_masks_become_moves_presses_and_wheels() -> None:
    buttons = ButtonMask()

    def said(mask: int, x: int = 5, y: int = 6) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for message in buttons.messages(PointerEvent(mask, x, y)):
            if isinstance(message, ButtonMessage):
                found.append((Button(message.button), message.down, message.x, message.y))
            elif isinstance(message, WheelMessage):
                found.append((message.dx, message.dy))
            else:
                assert isinstance(message, MoveMessage)
                found.append((message.x, message.y))
        return found

    assert said(0) == [(5, 6)]
    assert said(1) == [(Button.LEFT, True, 5, 6)]
    assert said(5, 50) == [(50, 6), (Button.RIGHT, True, 50, 6)]
    assert said(0, 50) == [(Button.LEFT, False, 50, 6), (Button.RIGHT, False, 50, 6)]
    assert said(16, 50) == [(0, 100.0)]
    assert said(0, 50) == []
    assert said(0x180, 50) == [(Button.BACK, True, 50, 6), (Button.FORWARD, True, 50, 6)]


def test_scancodes_name_the_keys_place() -> None:
    assert key_messages(KeyEvent(0x61, True, 0x1E)) == [KeyMessage(0x61, True, "KeyA")]
    assert CODES[0x53] == "NumpadDecimal"
    assert CODES[0x2B] == "Backslash"
    assert CODES[0x39] == "Space"
    assert key_messages(KeyEvent(0x61, False)) == [KeyMessage(0x61, False, "")]
    assert key_messages(KeyEvent(0xFFFFFFFF, True)) == []


# -- pictures --------------------------------------------------------------------------------


def picture(width: int, height: int, value: int = 0x336699) -> np.ndarray:
    return np.full((height, width), value, "<u4")


def wish(quality: int | None = 6, form: PixelFormat = NATIVE_FORMAT) -> Wish:
    return Wish(Encoding.TIGHT, form, quality, 2)


def test_only_tiles_that_changed_are_sent() -> None:
    encoder = RectEncoder()
    first = picture(300, 130)
    rects = encoder.encode(first, wish())
    assert sum(r.width_px * r.height_px for r in rects) == 300 * 130
    assert all(r.payload == b"\x80\x33\x66\x99" for r in rects), "one colour is a fill"
    assert encoder.encode(first.copy(), wish()) == []
    second = first.copy()
    second[70, 299] = 0xFFFFFF
    (rect,) = encoder.encode(second, wish())
    assert (rect.x_px, rect.y_px, rect.width_px, rect.height_px) == (256, 64, 44, 64)
    encoder.forget()
    assert sum(r.width_px * r.height_px for r in encoder.encode(second, wish())) == 300 * 130
    padding = second.copy()
    padding |= np.uint32(0xAB000000)  # the unused byte says nothing
    assert encoder.encode(padding, wish()) == []


def test_text_goes_out_lossless_and_photos_as_jpeg_of_the_wanted_quality() -> None:
    generator = np.random.default_rng(1)
    text = picture(64, 64, 0xFFFFFF)
    text[generator.random((64, 64)) < 0.2] = 0x000000
    (rect,) = RectEncoder().encode(text, wish())
    control, filter_id, last, *rest = rect.payload
    assert (control & 0xF0, filter_id, last) == (0x50, 1, 1), "a palette of two"
    length = rest[6] if rest[6] < 0x80 else None
    body = bytes(rest[7:]) if length is not None else bytes(rest[8:])
    bits = np.unpackbits(np.frombuffer(zlib.decompressobj().decompress(body), np.uint8))
    assert (bits.reshape(64, 64).astype(bool) == (text == 0xFFFFFF)).all()
    photo = generator.integers(0, 1 << 24, (64, 64), np.uint32)
    sizes = [len(RectEncoder().encode(photo, wish(level))[0].payload) for level in (1, 5, 9)]
    assert sizes == sorted(sizes)
    (rect,) = RectEncoder().encode(photo, wish(3))
    assert rect.payload[0] == 0x90
    assert rect.payload[4:6] == b"\xff\xd8" or rect.payload[3:5] == b"\xff\xd8"
    (rect,) = RectEncoder().encode(photo, wish(None))
    assert rect.payload[0] == 0x01, "no JPEG was asked for: lossless, a fresh stream"


def test_a_rectangle_is_never_wider_than_tight_allows_and_tiles_cover_odd_sizes() -> None:
    generator = np.random.default_rng(2)
    wide = generator.integers(0, 1 << 24, (TILE_PX + 1, 4_099), np.uint32)
    rects = RectEncoder().encode(wide, wish())
    assert max(r.width_px for r in rects) <= 2_048
    assert sum(r.width_px * r.height_px for r in rects) == wide.size
    assert changed_tiles(wide, wide).sum() == 0
    assert colours(wide[:64, :64]) == 0


@pytest.mark.parametrize(
    ("length", "packed"),
    [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"),
     (16_384, b"\x80\x80\x01"), (4_194_303, b"\xff\xff\xff")],
)  # fmt: skip
def test_lengths_are_packed_as_tight_has_it(length: int, packed: bytes) -> None:
    assert compact_length(length) == packed


def test_pixels_follow_the_clients_format() -> None:
    words = np.array([[0x00FF8040]], "<u4")
    assert pack_pixels(words, NATIVE_FORMAT) == bytes((0x40, 0x80, 0xFF, 0))
    assert pack_tight(words, NATIVE_FORMAT) == bytes((0xFF, 0x80, 0x40))
    high = PixelFormat(16, 16, True, True, (31, 63, 31), (11, 5, 0))
    assert pack_pixels(words, high) == struct.pack(">H", 31 << 11 | 32 << 5 | 8)
    low = PixelFormat.unpack(PixelFormat(8, 8, False, False, (0, 0, 0), (0, 0, 0)).pack())
    assert pack_pixels(words, low) == bytes((7 | 4 << 3 | 1 << 6,))


def test_the_pointer_goes_out_in_the_best_form_or_into_the_picture() -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0, 0] = (200, 100, 50, 128)
    rgba[1, 2] = (10, 20, 30, 255)
    shape = Shape(rgba, (1, 1))
    alpha = cursor_rect(server(Encoding.CURSOR, Encoding.CURSOR_WITH_ALPHA), shape)
    assert alpha is not None
    assert alpha.payload[4:8] == bytes((100, 50, 25, 128)), "premultiplied"
    vmware = cursor_rect(server(Encoding.VMWARE_CURSOR), shape)
    assert vmware is not None
    assert vmware.payload[2:6] == bytes((200, 100, 50, 128))
    classic = cursor_rect(server(Encoding.CURSOR), shape)
    assert classic is not None
    assert len(classic.payload) == 2 * 3 * 4 + 2
    assert classic.payload[-2:] == bytes((0x80, 0x20))
    assert cursor_rect(server(), shape) is None
    below = picture(4, 4, 0x000000)
    blend(below, shape, (1, 1))
    assert below[0, 0] & 0xFFFFFF == 0x643219
    assert below[1, 2] & 0xFFFFFF == 0x0A141E
    blend(below, shape, (100, 100))  # outside: nothing


# -- flow ------------------------------------------------------------------------------------


def unit(size: int = 10, *, key: bool = False, width: int = 640) -> AccessUnit:
    return AccessUnit(bytes(size), width, 480, key, 20.0, 0, True)


def test_a_run_of_units_has_no_gap() -> None:
    queue = UnitQueue()
    queue.put(unit())
    assert queue.take() == [], "nothing before an IDR"
    queue.put(unit(key=True))
    queue.put(unit())
    assert [u.keyframe for u in queue.take()] == [True, False]
    for _ in range(MAX_UNITS):
        queue.put(unit())
    assert not queue.starved
    queue.put(unit())
    assert queue.starved, "one too many: all is dropped up to the next IDR"
    assert queue.take() == []
    queue.put(unit())
    assert queue.take() == []
    queue.put(unit(key=True))
    assert len(queue.take()) == 1
    assert queue.dropped == MAX_UNITS + 3


def test_units_of_two_sizes_never_share_a_rectangle() -> None:
    queue = UnitQueue()
    queue.put(unit(key=True))
    queue.put(unit(width=800))
    assert queue.size_px() == (640, 480)
    assert len(queue.take()) == 1
    assert queue.size_px() == (800, 480)
    rect = h264_rect(queue.take(), (799, 479), reset=True)
    assert rect.payload[:8] == struct.pack(">II", 10, 1)
    assert (rect.width_px, rect.height_px) == (799, 479)


def test_the_window_closes_by_bytes_by_number_and_by_age_and_opens_with_the_fences() -> None:
    window = Window()
    for _ in range(MAX_UPDATES):
        assert window.is_open(0)
        last = window.sent(0, 100)
    assert not window.is_open(0)
    window.returned(last, 20_000)
    assert window.is_open(20_000)
    assert window.round_trip_us == 20_000
    late = window.sent(30_000, 100)
    assert window.is_open(200_000)
    assert not window.is_open(500_000), "what a viewer sees late is bounded"
    window.returned(12_345, 500_000)  # a fence that was never sent
    assert not window.is_open(500_000)
    window.returned(late, 500_000)
    window.sent(500_000, MAX_BYTES)
    assert not window.is_open(500_001)
