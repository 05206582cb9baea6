"""The command line of `sessioncast demo`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from sessioncast_agent.cdp.policy import UrlPolicy
from sessioncast_agent.config import CursorMode, check_fps, check_session, parse_bitrate_bps
from sessioncast_agent.demo.errors import CannotDemo
from sessioncast_agent.errors import CannotStart

_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
# below this the desktop's windows have no room; above it an H.264 level that browsers decode ends
_MIN_SIZE_PX = (320, 240)
_MAX_SIZE_PX = (3840, 2160)


def parse_size_px(text: str) -> tuple[int, int]:
    """`1280x720`; raises CannotDemo."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise CannotDemo(f"--size {text[:40]!r} is no size; give one like 1280x720")
    width_px, height_px = int(match[1]), int(match[2])
    if not (
        _MIN_SIZE_PX[0] <= width_px <= _MAX_SIZE_PX[0]
        and _MIN_SIZE_PX[1] <= height_px <= _MAX_SIZE_PX[1]
    ):
        raise CannotDemo(f"--size {text[:40]} is out of range; give 320x240 to 3840x2160")
    return width_px, height_px


def demo_command(
    size: Annotated[str, typer.Option(help="The desktop's size in pixels.")] = "1280x720",
    session: Annotated[str, typer.Option(help="The session's id.")] = "demo",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The page's port; else 8080 if free, or any."),
    ] = None,
    fps: Annotated[int | None, typer.Option(help="At most this many frames a second.")] = None,
    max_bitrate: Annotated[str | None, typer.Option(help="The ceiling, like 8M or 800k.")] = None,
    cursor: Annotated[
        CursorMode | None, typer.Option(help="The pointer apart from the picture, or in it.")
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--browser", help="A headless Chromium over DevTools instead of a desktop."),
    ] = False,
    allow_url: Annotated[
        list[str] | None, typer.Option(help="With --browser: only these addresses.")
    ] = None,
    deny_url: Annotated[
        list[str] | None, typer.Option(help="With --browser: never these addresses.")
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keep the parts' logs in this folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout once it is up.")
    ] = False,
) -> None:
    """Start a whole desktop (or browser) session on this machine and print a link to watch it.

    X server, XFCE, sound, LiveKit, signaling and agent all run as children; Ctrl-C ends them and
    leaves nothing behind.
    """
    # here, so that `sessioncast agent` does not wait for what only the demo needs
    from sessioncast_agent.demo.launcher import Options, run_demo  # noqa: PLC0415
    from sessioncast_agent.demo.report import Report  # noqa: PLC0415

    report = Report(as_json=as_json)
    agent_options: list[str] = []
    try:
        width_px, height_px = parse_size_px(size)
        check_session(session)
        if fps is not None:
            agent_options += ["--fps", str(check_fps(fps))]
        if max_bitrate is not None:
            parse_bitrate_bps(max_bitrate)
            agent_options += ["--max-bitrate", max_bitrate]
        UrlPolicy.from_lists(allow_url or [], deny_url or [])
        if (allow_url or deny_url) and not browser:
            raise CannotDemo("--allow-url and --deny-url belong to --browser")
    except (CannotDemo, CannotStart) as error:
        report.say(f"sessioncast demo: {error}")
        raise typer.Exit(CannotDemo.exit_code) from error
    for option, patterns in (("--allow-url", allow_url), ("--deny-url", deny_url)):
        agent_options += [word for pattern in patterns or [] for word in (option, pattern)]
    if cursor is not None:
        agent_options += ["--cursor", cursor.value]
    options = Options(session, width_px, height_px, port, agent_options, logs, browser)
    raise typer.Exit(run_demo(options, report))
