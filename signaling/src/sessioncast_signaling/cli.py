"""`sessioncast-signaling`: the command line of the shim. Exit 3: can never start like this."""

import logging
import sys
from typing import Annotated

import typer

from . import __version__, cli_keys
from .app import create_app, stop_streams
from .config import load_api_key, load_enroll_key, load_settings
from .errors import ConfigError
from .server import listen, serve

EXIT_NEVER = 3

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(cli_keys.app, name="keys")


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
    """The HTTP shim of sessioncast: sessions, tokens, join links and the web page."""


@app.command(name="serve")
def serve_command(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all (put TLS in front).")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error.", metavar="LEVEL")
    ] = "info",
) -> None:
    """Serve the API and the page until SIGTERM or Ctrl-C.

    Settings are environment variables, since secrets do not belong on a command line:

    \b
    LIVEKIT_URL                  the SFU, like ws://127.0.0.1:7880
    LIVEKIT_API_KEY              the name of its key
    LIVEKIT_API_SECRET           its secret, 32 bytes or more
    LIVEKIT_PUBLIC_URL           the SFU's address for viewers, when it is another
    PUBLIC_URL                   where people open the page; join links start with it
    SESSIONCAST_API_KEY          the key that may do everything (or …_FILE, a file with it);
                                 when unset, one is made and kept, and its path is printed
    SESSIONCAST_ENROLL_KEY       a key that may only create sessions (or …_FILE)
    SESSIONCAST_STATE_DIR        where keys are kept; default $XDG_STATE_HOME/sessioncast
    REDIS_URL                    a Redis (6.2 or newer) that all replicas share

    \b
    TRUSTED_HOSTS                names that requests may be for, like cast.example,*.svc; any
    TRUSTED_PROXIES              proxies whose X-Forwarded-For is believed, like 10.0.0.0/8; none
    EMBED_ORIGINS                origins that may show the page in a frame; none
    CORS_ORIGINS                 origins whose pages may call the API; none
    LIMIT_KEY_PER_MINUTE, LIMIT_PERSON_PER_MINUTE, LIMIT_ADDRESS_PER_MINUTE,
    LIMIT_FAILURES_PER_MINUTE    requests of a key, a person, an address; wrong keys of an address

    \b
    OIDC_ISSUER, OIDC_CLIENT_ID  the OpenID Connect server that people sign in at
    OIDC_RULES (or …_FILE)       who may do what: see docs/security.md
    OIDC_AUDIENCE, OIDC_RESOURCE, OIDC_SCOPE   for servers that need them

    \b
    `sessioncast-signaling keys` makes keys that may do less.

    \b
    Try it:
      curl -H "Authorization: Bearer $KEY" http://127.0.0.1:8080/api/v1/sessions
      curl http://127.0.0.1:8080/readyz
    """
    try:
        _serve(host, port, log_level)
    except ConfigError as error:
        typer.echo(f"sessioncast-signaling: {error}", err=True)
        raise typer.Exit(EXIT_NEVER) from None


def _serve(host: str, port: int, log_level: str) -> None:
    if log_level not in {"debug", "info", "warning", "error"}:
        raise ConfigError("--log-level must be debug, info, warning or error.")
    logging.basicConfig(
        level=log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    settings = load_settings()
    api_key, key_file = load_api_key(settings)
    enroll_key = load_enroll_key(settings)
    with listen(host, port) as listener:
        taken = listener.getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{taken}"
        asgi = create_app(
            settings,
            public_url=settings.public_url or url,
            api_key=api_key,
            enroll_key=enroll_key,
        )
        typer.echo(f"sessioncast-signaling: listening on {url}")
        if key_file is not None:
            typer.echo(f"sessioncast-signaling: the API key is in {key_file}")
        sys.stdout.flush()
        if not serve(asgi, listener, lambda: stop_streams(asgi)):
            raise ConfigError("The server could not start: see the log above.")


def main() -> None:
    """Run the command line."""
    app()
