"""The ASGI application, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute

from . import __version__, problems
from .clock import Clock, SystemClock
from .config import Settings
from .guard import Guard
from .memory import MemoryStore
from .metrics import Metrics
from .models import ProblemBody
from .page import Page
from .routes import access, auth, fallback, ops, sessions
from .services import assemble
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
) -> FastAPI:
    """Return the app. What is not given is real: the SFU of the settings, a store in memory.

    `public_url` is where people open the page.
    """
    metrics = Metrics()
    clock = clock or SystemClock()

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
            services = assemble(
                settings,
                public_url=public_url,
                api_key=api_key,
                enroll_key=enroll_key,
                sfu=used,
                store=store or MemoryStore(clock),
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
    for router in (
        sessions.router,
        access.router,
        auth.router,
        fallback.router,
        ops.router,
        ops.page_router(page or Page()),
    ):
        app.include_router(router)
    app.add_middleware(Guard, viewer_sfu_url=settings.viewer_sfu_url, metrics=metrics)
    _add_problem_schema(app)
    return app


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
