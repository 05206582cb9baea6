"""The ASGI application, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from . import __version__, problems
from .auth import Bearers
from .clock import Clock, SystemClock
from .config import Settings, state_dir
from .guard import Guard
from .keys import KeyBearers, KeyFile, KeyShelf
from .memory import MemoryStore
from .metrics import Metrics
from .models import ProblemBody
from .oidc import Oidc, load_plan
from .page import Page
from .policy import BrowserPolicy
from .redis_keys import RedisKeys
from .redis_store import open_redis_store
from .routes import access, auth, events, fallback, narration, ops, people, sessions
from .routes.common import count_address
from .services import Services, assemble
from .sfu import LiveKitSfu, Sfu
from .store import Store

DESCRIPTION = """\
Live desktops and browsers in LiveKit rooms. A session is made, its agent publishes into it, and
each viewer asks for an offer: a token in place of SDP. Times are RFC 3339 in UTC, lists are
`{items, next}`, errors are RFC 9457 problems with a stable `type`.
"""


def create_app(
    settings: Settings,
    *,
    public_url: str,
    api_key: str,
    enroll_key: str | None = None,
    sfu: Sfu | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
    page: Page | None = None,
    keys: KeyShelf | None = None,
) -> FastAPI:
    """Return the app. What is not given is real: the SFU of the settings, their Redis or a store in
    memory, and their API keys.

    `public_url` is where people open the page. Raises ConfigError.
    """
    metrics = Metrics()
    clock = clock or SystemClock()
    plan = load_plan(settings)
    oidc = None if plan is None else Oidc(plan, clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            used: Sfu
            if sfu is None:
                used = await stack.enter_async_context(
                    LiveKitSfu(settings.livekit_url, settings.livekit_api_key, settings.api_secret)
                )
            else:
                used = sfu
            kept, shelf = store, keys or KeyFile(state_dir(settings))
            if kept is None and settings.redis_url is not None:
                url = settings.redis_url.get_secret_value()
                in_redis = await stack.enter_async_context(open_redis_store(url, clock))
                kept, shelf = in_redis, RedisKeys(in_redis.redis)
            bearers: list[Bearers] = [KeyBearers(shelf, clock)]
            if oidc is not None:
                bearers.append(await stack.enter_async_context(oidc))
            services = assemble(
                settings,
                public_url=public_url,
                api_key=api_key,
                enroll_key=enroll_key,
                sfu=used,
                store=kept or MemoryStore(clock),
                bearers=bearers,
                oidc=oidc,
                clock=clock,
                metrics=metrics,
            )
            app.state.services = services
            async with services.background():
                yield

    app = FastAPI(
        title="sessioncast",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    problems.install(app)
    limited = (sessions, access, people, auth, events, narration)
    for router in (part.router for part in limited):
        app.include_router(router, dependencies=[Depends(count_address)])
    for router in (fallback.router, ops.router, ops.page_router(page or Page())):
        app.include_router(router)
    policy = BrowserPolicy(
        viewer_sfu_url=settings.viewer_sfu_url,
        embed_origins=settings.embed_origins,
        cors_origins=settings.cors_origins,
        trusted_hosts=_trusted_hosts(settings, public_url),
        sign_in_origins=set if oidc is None else oidc.origins,
    )
    app.add_middleware(Guard, policy=policy, metrics=metrics)
    _add_problem_schema(app)
    return app


def stop_streams(app: FastAPI) -> None:
    """End the answers that have no end of their own, so that the server can."""
    services = getattr(app.state, "services", None)
    if isinstance(services, Services):
        services.hub.close()


def _trusted_hosts(settings: Settings, public_url: str) -> tuple[str, ...]:
    """Return the names that are served: when some are named, the page's own is one of them."""
    if not settings.trusted_hosts:
        return ()
    return (*settings.trusted_hosts, urlsplit(public_url).hostname or "")


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_problem_schema(app: FastAPI) -> None:
    """Put ProblemBody into the document, and take FastAPI's own shape of a 422 out of it."""
    original = app.openapi

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            document = original()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["ProblemBody"] = ProblemBody.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
