"""The `sessioncast` command. The only reader of arguments and environment of the agent."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from sessioncast_agent import __version__
from sessioncast_agent.config import (
    AgentSettings,
    AuditText,
    ClipboardPolicy,
    ControlMode,
    ControlSettings,
    CursorMode,
    check_fps,
    check_session,
    choose_source,
    parse_bitrate_bps,
    token_settings,
)
from sessioncast_agent.control.command import audit_app
from sessioncast_agent.demo.command import demo_command
from sessioncast_agent.doctor.command import doctor_command
from sessioncast_agent.errors import CannotStart
from sessioncast_agent.link.sdklog import silence_sdk
from sessioncast_agent.logs import redact, setup_logging
from sessioncast_agent.rfb.settings import vnc_server
from sessioncast_agent.say import say_command
from sessioncast_agent.sound.settings import SoundMode, SoundSettings, check_pulse_server

EXIT_CANNOT_START = 3
# One thread for the SDK's own tasks, not one a core: they are short, and thirty-two threads that
# wake each other cost more than one (measured on two cores: 4 % of a busy agent).
ONE_SDK_WORKER = ("TOKIO_WORKER_THREADS", "1")

app = typer.Typer(
    name="sessioncast",
    help="Live desktops and browsers in LiveKit rooms. Try `sessioncast demo` first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback could show secrets of the environment
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Live desktops and browsers in LiveKit rooms. Try `sessioncast demo` first."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def agent(
    session: Annotated[
        str | None, typer.Option(envvar="SESSION_ID", help="The session's id, as at the shim.")
    ] = None,
    display: Annotated[
        str | None, typer.Option(envvar="DISPLAY", help="The X display to publish, like :1.")
    ] = None,
    cdp_url: Annotated[
        str | None,
        typer.Option(
            envvar="CDP_URL",
            help="Instead of a display: a Chromium's DevTools, http://host:port or its WebSocket.",
        ),
    ] = None,
    viewport: Annotated[
        str, typer.Option(envvar="VIEWPORT", help="The browser page's size, like 1280x720@2.")
    ] = "1280x720",
    allow_url: Annotated[
        list[str] | None,
        typer.Option(envvar="ALLOW_URL", help="Only these addresses, like https://*.example.com/."),
    ] = None,
    deny_url: Annotated[
        list[str] | None,
        typer.Option(envvar="DENY_URL", help="Never these; file: and chrome: are always refused."),
    ] = None,
    signaling_url: Annotated[
        str | None,
        typer.Option(envvar="SIGNALING_URL", help="The shim that gives tokens, http(s)://…"),
    ] = None,
    credential_file: Annotated[
        Path | None,
        typer.Option(
            envvar="AGENT_CREDENTIAL_FILE",
            help="File with this session's credential (or AGENT_CREDENTIAL in the environment).",
        ),
    ] = None,
    enroll_key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="ENROLL_KEY_FILE", help="File with a key that may only create sessions."
        ),
    ] = None,
    livekit_url: Annotated[
        str | None,
        typer.Option(
            envvar="LIVEKIT_URL",
            help="Without a shim: the SFU, ws(s)://…, with LIVEKIT_TOKEN in the environment.",
        ),
    ] = None,
    livekit_token: Annotated[
        str | None, typer.Option(envvar="LIVEKIT_TOKEN", hidden=True, show_envvar=False)
    ] = None,
    credential: Annotated[
        str | None, typer.Option(envvar="AGENT_CREDENTIAL", hidden=True, show_envvar=False)
    ] = None,
    fps: Annotated[
        int, typer.Option(envvar="FPS", help="At most this many frames a second; none when still.")
    ] = 60,
    max_bitrate: Annotated[
        str, typer.Option(envvar="MAX_BITRATE", help="Ceiling of the video, like 8M or 800k.")
    ] = "8M",
    cursor: Annotated[
        CursorMode,
        typer.Option(
            envvar="CURSOR",
            help="separate: pages draw the pointer; embed: it is part of the picture.",
        ),
    ] = CursorMode.SEPARATE,
    sound: Annotated[
        SoundMode,
        typer.Option(envvar="SOUND", help="auto: where a sound server answers; on: keep trying."),
    ] = SoundMode.AUTO,
    pulse_server: Annotated[
        str | None,
        typer.Option(envvar="PULSE_SERVER", help="PulseAudio or PipeWire, like unix:/path."),
    ] = None,
    microphone: Annotated[
        bool,
        typer.Option(envvar="MICROPHONE", help="Offer the operator's voice as the microphone."),
    ] = True,
    vnc_url: Annotated[
        str | None,
        typer.Option(
            envvar="VNC_URL",
            help="An existing VNC server for the VNC tab instead of ours, vnc://host:port.",
        ),
    ] = None,
    vnc_password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="VNC_PASSWORD_FILE",
            help="File with its password (or VNC_PASSWORD in the environment).",
        ),
    ] = None,
    vnc_password: Annotated[
        str | None, typer.Option(envvar="VNC_PASSWORD", hidden=True, show_envvar=False)
    ] = None,
    narrator: Annotated[
        str, typer.Option(envvar="NARRATOR", help="espeak-ng, or piper:VOICE.onnx (an extra).")
    ] = "espeak-ng",
    control_mode: Annotated[
        ControlMode,
        typer.Option(
            envvar="CONTROL_MODE",
            help="implicit: who acts while control is free has it; explicit: only by asking.",
        ),
    ] = ControlMode.IMPLICIT,
    clipboard: Annotated[
        ClipboardPolicy,
        typer.Option(envvar="CLIPBOARD", help="Which way: off, in, out or both."),
    ] = ClipboardPolicy.BOTH,
    audit: Annotated[
        Path | None,
        typer.Option(envvar="AUDIT", help="Write every injected event to this file, chained."),
    ] = None,
    audit_text: Annotated[
        AuditText,
        typer.Option(envvar="AUDIT_TEXT", help="off: the audit holds no typed text."),
    ] = AuditText.ON,
    http_host: Annotated[
        str, typer.Option(envvar="HTTP_HOST", help="Where /healthz, /readyz and /metrics listen.")
    ] = "127.0.0.1",
    http_port: Annotated[
        int, typer.Option(envvar="HTTP_PORT", help="Their port; 0 takes a free one and logs it.")
    ] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Publish one desktop or browser into its LiveKit room until stopped.

    Runs beside it (a sidecar). Encodes once, only while somebody watches, and only when
    the picture changes. Exit status: 0 after SIGTERM or the session's end, 3 when it can never
    start (one line says why).
    """
    os.environ.setdefault(*ONE_SDK_WORKER)  # read when the library is loaded
    setup_logging(verbose)
    if not verbose:
        silence_sdk()
    for name, value in (
        ("--livekit-token", livekit_token),
        ("--credential", credential),
        ("--vnc-password", vnc_password),
    ):
        if value is not None and any(word.split("=")[0] == name for word in sys.argv[1:]):
            raise CannotStart(f"{name} is not taken from the command line; use the environment")
    if any(
        "?" in argument for argument in sys.argv[1:] if argument.startswith(("--cdp-url", "ws"))
    ):
        raise CannotStart("--cdp-url holds a query, maybe a secret; give it by CDP_URL instead")
    if not 0 <= http_port <= 65535:
        raise CannotStart(f"--http-port {http_port} is out of range; give 0 to 65535")
    source = choose_source(
        display=display,
        cdp_url=cdp_url,
        allow_urls=allow_url or [],
        deny_urls=deny_url or [],
        viewport=viewport,
    )
    settings = AgentSettings(
        session=check_session(session),
        source=source,
        fps=check_fps(fps),
        max_bitrate_bps=parse_bitrate_bps(max_bitrate),
        tokens=token_settings(
            livekit_url=livekit_url,
            livekit_token=livekit_token,
            signaling_url=signaling_url,
            credential=credential,
            credential_file=credential_file,
            enroll_key_file=enroll_key_file,
        ),
        cursor=cursor,
        existing_vnc=vnc_server(vnc_url, vnc_password, vnc_password_file),
        http_host=http_host,
        http_port=http_port,
        sound=SoundSettings(sound, check_pulse_server(pulse_server), microphone, narrator),
        control=ControlSettings(control_mode, clipboard, audit, audit_text),
    )
    asyncio.run(_run_agent(settings))


GIL_SWITCH_S = 0.0005  # the encode thread must not wait 5 ms each time for a busy event loop


async def _run_agent(settings: AgentSettings) -> None:
    sys.setswitchinterval(GIL_SWITCH_S)
    from sessioncast_agent.session import AgentSession  # noqa: PLC0415  # loads native libraries

    await AgentSession(settings).run()


app.command("demo")(demo_command)
app.command("doctor")(doctor_command)
app.command("say")(say_command)
app.add_typer(audit_app, name="audit")


def main() -> None:
    """Entry point: one sentence on stderr and exit status 3 for what can never start."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the session has its own handler
    try:
        status = _status()
    except SystemExit as asked:
        status = asked.code if isinstance(asked.code, int) else 0
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # its reader is gone
            stream.flush()
    if "livekit.rtc" in sys.modules:
        # the SDK's threads still call into the interpreter, and one that does while it is taken
        # down aborts the process ("panic in a function that cannot unwind")
        os._exit(status)
    sys.exit(status)


def _status() -> int:
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()  # adds the option's name
        print(redact(f"sessioncast: {message}"), file=sys.stderr)
        return EXIT_CANNOT_START
    except CannotStart as error:
        print(redact(f"sessioncast: {error}"), file=sys.stderr)
        return EXIT_CANNOT_START
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0
