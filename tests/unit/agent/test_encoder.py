"""libx264 and the colour conversion, for real, on small pictures."""

import av
import numpy as np
import pytest

from sessioncast_agent.errors import EncodeFailed
from sessioncast_agent.video import x264
from sessioncast_agent.video.convert import Converter
from sessioncast_agent.video.direct import DirectEncoder, open_encoder
from sessioncast_agent.video.h264 import Encoder, H264Encoder, contains_idr

pytestmark = pytest.mark.unit

WIDTH, HEIGHT = 320, 240
Rgb = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]


def bgr0(rgb: Rgb) -> av.VideoFrame:
    height, width, _ = rgb.shape
    frame = av.VideoFrame(width, height, "bgr0")
    plane = frame.planes[0]
    target = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    packed = np.dstack([rgb[..., ::-1], np.zeros((height, width), np.uint8)])
    target[:, : width * 4] = packed.reshape(height, width * 4)
    return frame


def noise(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def text_like(seed: int) -> Rgb:
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    for y in range(4, HEIGHT - 10, 12):
        for x in range(4, WIDTH - 8, 7):
            picture[y : y + 8, x : x + 5][rng.random((8, 5)) < 0.4] = 20
    return picture


def luma(frame: av.VideoFrame) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    return rows[:, : frame.width].astype(np.int32)


def psnr(a: av.VideoFrame, b: av.VideoFrame) -> float:
    error = float(((luma(a) - luma(b)) ** 2).mean())
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def make_encoder(kind: str, width: int, height: int, ceiling_bps: int) -> Encoder:
    if kind == "vbv":
        return H264Encoder(width, height, 60, ceiling_bps)
    library = x264.load()
    assert library is not None, "PyAV brings a libx264 that is known"
    return DirectEncoder(library, width, height, 60, ceiling_bps)


both = pytest.mark.parametrize("kind", ["direct", "vbv"])


class Pipe:
    """Convert, encode, decode, with a real decoder at the end."""

    def __init__(self, kind: str, ceiling_bps: int = 8_000_000) -> None:
        self.converter = Converter()
        self.encoder = make_encoder(kind, WIDTH, HEIGHT, ceiling_bps)
        self.decoder = av.CodecContext.create("h264", "r")
        self.sizes: list[int] = []

    def run(self, rgb: Rgb, *, idr: bool = False) -> tuple[av.VideoFrame, av.VideoFrame, bool]:
        picture = self.converter.convert(bgr0(rgb))
        unit = self.encoder.encode(picture, idr=idr, captured_us=0, fresh=True)
        self.sizes.append(len(unit.data))
        shown = list(self.decoder.decode(av.Packet(unit.data)))
        assert len(shown) == 1, "one access unit in, one picture out"
        return picture, shown[0], unit.keyframe


@both
def test_each_idr_carries_sps_and_pps_and_nothing_else_is_an_idr(kind: str) -> None:
    encoder, converter = make_encoder(kind, WIDTH, HEIGHT, 2_000_000), Converter()
    for number in range(12):
        picture = converter.convert(bgr0(text_like(number)))
        unit = encoder.encode(picture, idr=number % 5 == 0, captured_us=0, fresh=True)
        kinds = {
            unit.data[at + 3] & 31
            for at in range(len(unit.data) - 3)
            if unit.data[at : at + 3] == b"\0\0\1"
        }
        assert unit.keyframe == (number % 5 == 0) == contains_idr(unit.data)
        assert ({7, 8, 5} <= kinds) if unit.keyframe else (kinds <= {1, 6})


@both
def test_the_stream_says_its_colours_and_is_constrained_baseline(kind: str) -> None:
    pipe = Pipe(kind)
    _, shown, _ = pipe.run(text_like(1), idr=True)
    assert (shown.color_range, shown.colorspace) == (1, 6)
    sps = pipe.encoder
    unit = sps.encode(
        pipe.converter.convert(bgr0(text_like(2))), idr=True, captured_us=0, fresh=True
    ).data
    at = next(i for i in range(len(unit)) if unit[i : i + 3] == b"\0\0\1" and unit[i + 3] & 31 == 7)
    profile, constraints = unit[at + 4], unit[at + 5]
    assert profile == 66
    assert constraints & 0x40  # constraint_set1: the constrained baseline that browsers negotiate


@both
def test_a_still_picture_is_near_lossless_and_an_idr_does_not_pulse(kind: str) -> None:
    pipe = Pipe(kind)
    still = text_like(3)
    pipe.run(still, idr=True)
    for _ in range(40):
        source, before, _ = pipe.run(still)
    assert pipe.encoder.settled
    assert psnr(source, before) > 45
    source, after, keyframe = pipe.run(still, idr=True)
    assert keyframe
    assert psnr(source, after) > 45
    assert np.abs(luma(before) - luma(after)).max() <= 8


@both
def test_a_storm_stays_under_the_ceiling_and_the_rest_is_sharpened_after_it(kind: str) -> None:
    ceiling_bps = 2_000_000
    pipe = Pipe(kind, ceiling_bps)
    for number in range(60):
        pipe.run(noise(number))
    assert pipe.encoder.limited
    settled_rate_bps = sum(pipe.sizes[-30:]) * 8 * 60 / 30
    assert settled_rate_bps < ceiling_bps * 1.1
    still = text_like(4)
    for _ in range(30):  # half a second at 60 fps
        source, shown, _ = pipe.run(still)
    assert psnr(source, shown) > 45


@both
def test_a_size_that_libx264_cannot_take_is_named(kind: str) -> None:
    with pytest.raises(EncodeFailed, match="0x0"):
        make_encoder(kind, 0, 0, 1_000_000)


def test_a_low_ceiling_is_left_to_the_encoder_that_keeps_each_picture_within_it() -> None:
    assert isinstance(open_encoder(1280, 720, 60, 8_000_000), DirectEncoder)
    assert isinstance(open_encoder(1280, 720, 60, 1_000_000), H264Encoder)


@both
def test_a_small_change_of_a_still_picture_is_sharp_at_once(kind: str) -> None:
    pipe = Pipe(kind)
    page = text_like(6)
    pipe.run(page, idr=True)
    for _ in range(40):
        pipe.run(page)
    page[20:36, 40:48] = 120
    source, shown, _ = pipe.run(page)
    assert psnr(source, shown) > 45


def test_a_change_of_everything_is_coarse_first_and_sharp_within_half_a_second() -> None:
    pipe = Pipe("direct")
    assert isinstance(pipe.encoder, DirectEncoder)
    for _ in range(40):
        pipe.run(text_like(7))
    pipe.sizes.clear()
    pipe.run(text_like(8))
    assert pipe.encoder.last_qp >= 18
    for _ in range(29):
        source, shown, _ = pipe.run(text_like(8))
    assert psnr(source, shown) > 45
    assert max(pipe.sizes) < 8_000_000 / 8 / 4


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [  # BT.601 limited range (ITU-R BT.601-7 §2.5.1), rounded
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (82, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
@pytest.mark.parametrize("library", ["libyuv", "swscale"])
def test_colours_are_bt601_limited(
    rgb: tuple[int, int, int], yuv: tuple[int, int, int], library: str
) -> None:
    converter = Converter()
    assert converter.name == "libyuv", "libyuv0 is part of the set-up"
    if library == "swscale":
        converter._to_i420 = None
    picture = converter.convert(bgr0(np.full((16, 16, 3), rgb, np.uint8)))
    got = [memoryview(plane)[5] for plane in picture.planes]
    assert got == pytest.approx(yuv, abs=2)


@pytest.mark.parametrize(("width", "height"), [(17, 16), (16, 17), (801, 601), (33, 31)])
def test_odd_sizes_are_padded_with_the_last_row_and_column(width: int, height: int) -> None:
    picture = Converter().convert(bgr0(noise(5, width, height)))
    assert (picture.width, picture.height) == (width + width % 2, height + height % 2)
    rows = luma(picture)
    if width % 2:
        assert (rows[:height, width] == rows[:height, width - 1]).all()
    if height % 2:
        assert (rows[height] == rows[height - 1]).all()
