"""Time, health, metrics and the page."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from .. import __version__
from ..errors import SfuError, sfu_problem
from ..ids import is_session_id
from ..metrics import CONTENT_TYPE
from ..models import Health, Time
from ..page import Page
from ..problems import NOT_FOUND, problem_response
from .common import ServicesDep, problems

router = APIRouter()


@router.get("/api/v1/time", tags=["time"])
async def time(parts: ServicesDep) -> Time:
    """Tell the time that agents and pages measure their offset to."""
    return Time(unix_us=parts.clock.unix_us())


@router.get("/healthz", tags=["operation"])
async def healthz() -> Health:
    """Say that this process runs."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", tags=["operation"], responses=problems(503))
async def readyz(parts: ServicesDep) -> Health:
    """Say that the media server can be reached and takes our key, and the store answers."""
    try:
        await parts.ready.get("sfu", parts.sfu.ping)
        await parts.store.ping()
    except SfuError as error:
        raise sfu_problem(error) from None
    return Health(status="ok", version=__version__)


@router.get("/metrics", include_in_schema=False)
async def metrics(parts: ServicesDep) -> Response:
    """Show the counters, for Prometheus."""
    records = await parts.store.sessions()
    ended = sum(1 for r in records if r.ended)
    parts.metrics.sessions.labels("true").set(ended)
    parts.metrics.sessions.labels("false").set(len(records) - ended)
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE)


def page_router(page: Page) -> APIRouter:
    """Return the routes of the page. They come last: the last one takes every single name."""
    pages = APIRouter(include_in_schema=False)

    @pages.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return page.index(request)

    @pages.api_route("/wall", methods=["GET", "HEAD"])
    async def wall(request: Request) -> Response:
        return page.index(request)

    @pages.api_route("/sessions/{session}", methods=["GET", "HEAD"])
    async def session_page(session: str, request: Request) -> Response:
        answer = page.index(request)
        if not is_session_id(session) and answer.status_code < HTTPStatus.BAD_REQUEST:
            answer.status_code = HTTPStatus.NOT_FOUND  # the page says in words what is wrong
        return answer

    @pages.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def asset(name: str, request: Request) -> Response:
        return page.file(request, f"assets/{name}") or problem_response(NOT_FOUND)

    @pages.api_route("/embed/{name}", methods=["GET", "HEAD"])
    async def embed(name: str, request: Request) -> Response:
        return page.file(request, f"embed/{name}") or problem_response(NOT_FOUND)

    @pages.api_route("/{name}", methods=["GET", "HEAD"])
    async def top_file(name: str, request: Request) -> Response:
        return page.file(request, name) or problem_response(NOT_FOUND)

    return pages
