"""`sessioncast-signaling keys`: make, list and call back API keys."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from .clock import SystemClock, rfc3339
from .config import load_state_settings, state_dir
from .errors import ConfigError
from .ids import clean_name
from .keys import ApiKey, KeyFile, KeyShelf, make_key
from .rights import Scope, is_pattern

EXIT_NEVER = 3
T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: in Redis when REDIS_URL is set, else in the state directory.",
)


@app.command()
def create(
    scope: Annotated[
        list[Scope], typer.Option(help="What it is for; repeat for several.", metavar="SCOPE")
    ],
    name: Annotated[str, typer.Option(help="Whose it is, for the list.")] = "",
    session: Annotated[
        list[str] | None,
        typer.Option(help="Sessions it is for: an id, or a pattern with *; repeat for several."),
    ] = None,
    expires_in_days: Annotated[
        float | None, typer.Option(min=0.0001, max=36_500, help="It ends by itself.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key and print it: this once, since only its hash is kept.

    \b
    Scopes:
      admin                everything
      sessions:create      make sessions
      sessions:end         end them
      sessions:read        list them, look at them, see who watches
      offers:observer      get tokens to watch
      offers:operator      get tokens to steer too; offers:admin the same
      control:ask          observers may ask for control
      links                make join links, up to the role of its offers
      participants:remove  remove people
      agent:enroll         only make sessions, for pods that enrol themselves

    \b
    Example:
      sessioncast-signaling keys create --name dashboard --session 'a-*' \\
        --scope sessions:read --scope offers:operator
    """

    async def make(shelf: KeyShelf) -> tuple[ApiKey, str]:
        ttl_s = None if expires_in_days is None else expires_in_days * 86_400
        key, secret = make_key(
            _name(name), tuple(scope), _patterns(session), SystemClock().unix_us() / 1e6, ttl_s
        )
        await shelf.add(key)
        return key, secret

    key, secret = _run(make)
    if as_json:
        typer.echo(json.dumps(_shown(key) | {"key": secret}))
        return
    typer.echo(secret)
    typer.echo(f"{key.id}: shown this once; `keys revoke {key.id}` calls it back.", err=True)


@app.command(name="list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the keys, without their secrets."""
    keys = _run(lambda shelf: shelf.all())
    if as_json:
        typer.echo(json.dumps([_shown(key) for key in keys]))
        return
    for key in keys:
        shown = _shown(key)
        typer.echo(
            "  ".join(
                [
                    key.id,
                    f"made {shown['created_at']}",
                    f"ends {shown['expires_at'] or 'never'}",
                    f"sessions {','.join(key.sessions)}",
                    f"scopes {','.join(key.scopes)}",
                    key.name,
                ]
            ).rstrip()
        )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` says.")],
) -> None:
    """Call a key back: the next request with it is refused."""
    if not _run(lambda shelf: shelf.remove(key_id)):
        typer.echo("sessioncast-signaling: there is no such key: `keys list` shows them.", err=True)
        raise typer.Exit(1)


def _run(work: Any) -> Any:
    async def run() -> Any:
        settings = load_state_settings()
        if settings.redis_url is None:
            return await work(KeyFile(state_dir(settings)))
        from .redis_keys import open_redis_keys  # noqa: PLC0415 - needs a Redis only here

        async with open_redis_keys(settings.redis_url.get_secret_value()) as shelf:
            return await work(shelf)

    return _or_exit(run())


def _or_exit(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except ConfigError as error:
        typer.echo(f"sessioncast-signaling: {error}", err=True)
        sys.exit(EXIT_NEVER)


def _name(name: str) -> str:
    try:
        return clean_name(name)
    except ValueError as error:
        raise ConfigError(f"--name is not usable: {error}.") from None


def _patterns(patterns: list[str] | None) -> tuple[str, ...]:
    for pattern in patterns or ():
        if not is_pattern(pattern):
            raise ConfigError(
                "--session is not usable: it takes an id, or one with * for anything "
                "(letters, digits and hyphens)."
            )
    return tuple(patterns or ("*",))


def _shown(key: ApiKey) -> dict[str, Any]:
    stored = key.as_dict()
    del stored["digest"]
    stored["created_at"] = rfc3339(key.created_at)
    stored["expires_at"] = None if key.expires_at is None else rfc3339(key.expires_at)
    return stored
