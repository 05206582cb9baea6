"""The pure pieces of `sessioncast demo`."""

import itertools
import json
import socket
import struct
import xml.etree.ElementTree as ET
import zlib
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import pytest
from Xlib.xauth import Xauthority

from sessioncast_agent.demo.arrange import Place
from sessioncast_agent.demo.command import parse_size_px
from sessioncast_agent.demo.desktop import Settings, places
from sessioncast_agent.demo.display import cookie_file
from sessioncast_agent.demo.errors import CannotDemo, PartFailed
from sessioncast_agent.demo.report import Report, Result
from sessioncast_agent.demo.wallpaper import wallpaper_png

pytestmark = pytest.mark.unit

ASSETS = resources.files("sessioncast_agent.demo") / "assets"


def test_size_is_read() -> None:
    assert parse_size_px("1280x720") == (1280, 720)


@pytest.mark.parametrize("text", ["", "1280", "x720", "1280x", "99x720", "1280x99999", "1e3x720"])
def test_a_wrong_size_says_what_a_right_one_is(text: str) -> None:
    with pytest.raises(CannotDemo, match=r"give (one like 1280x720|320x240 to 3840x2160)"):
        parse_size_px(text)


@pytest.mark.parametrize(("width_px", "height_px"), [(1280, 720), (1920, 1080), (800, 600)])
def test_windows_fill_the_screen_without_overlap(width_px: int, height_px: int) -> None:
    found = places(Settings(":1", width_px, height_px))
    for place in found:
        assert place.x_px >= 0
        assert place.y_px >= 30  # below the panel
        assert place.x_px + place.width_px <= width_px
        assert place.y_px + place.height_px <= height_px
    for one, other in itertools.combinations(found, 2):
        assert (
            one.x_px + one.width_px <= other.x_px
            or other.x_px + other.width_px <= one.x_px
            or one.y_px + one.height_px <= other.y_px
            or other.y_px + other.height_px <= one.y_px
        )


def test_a_place_survives_the_command_line() -> None:
    place = Place("xfce4-terminal", 1, 2, 300, 400)
    assert Place.parse(str(place)) == place


def test_the_cookie_fits_any_display_for_python_xlib_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "xauthority"
    file.write_bytes(cookie_file(b"0123456789abcdef"))
    monkeypatch.setenv("XAUTHORITY", str(file))
    address = socket.gethostname().encode()
    find: Any = Xauthority().get_best_auth  # the stubs say bytes where Xlib itself gives int
    _, cookie = find(256, address, 42)
    assert cookie == b"0123456789abcdef"


def test_the_wallpaper_is_a_png_of_the_wanted_size() -> None:
    png = wallpaper_png(64, 36)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (64, 36)
    length = struct.unpack(">I", png[33:37])[0]
    assert len(zlib.decompress(png[41 : 41 + length])) == 36 * (64 * 3 + 1)


def test_settings_of_xfce_are_well_formed_when_filled_in() -> None:
    values = dict.fromkeys(
        ["home", "wallpaper", "session", "size", "thunar_width", "thunar_height"], "1"
    )
    names = [asset.name for asset in ASSETS.iterdir() if asset.name.endswith(".xml")]
    assert len(names) >= 6
    for name in names:
        text = Template((ASSETS / name).read_text(encoding="utf-8")).substitute(values)
        assert ET.fromstring(text.encode()).get("name") == name.removesuffix(".xml")


def test_the_result_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    Report(as_json=True).result(
        Result("v", "a", "k", "l", "demo", ":1", "x", "p", None, None, {"agent": 1})
    )
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert json.loads(captured.out)["cdp_url"] is None
    assert captured.err == ""


def test_a_failure_names_the_part_and_shows_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    error = PartFailed("agent", "ended with exit 3", "one\ntwo")
    Report(as_json=True).failure(error, error.log_tail)
    captured = capsys.readouterr()
    assert "agent ended with exit 3" in captured.err
    assert "    two" in captured.err
    assert captured.out == ""
