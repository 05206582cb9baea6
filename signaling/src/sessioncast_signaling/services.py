"""The parts of one running shim, put together in one place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from .agentrpc import AgentClient
from .auth import Authenticator, Bearers
from .clock import Clock
from .coalesce import Coalescer
from .config import Settings
from .control import ControlDesk
from .delivery import PERIOD_S, Delivery
from .errors import SfuError
from .events import SWEEP_S, Hub
from .limits import Limits
from .metrics import Metrics
from .observe import Observe
from .offers import Offers
from .oidc import Oidc
from .presence import Presence
from .relay import Relays
from .removals import WATCH_PERIOD_S, Removals
from .sessions import JANITOR_PERIOD_S, Sessions
from .sfu import Sfu
from .store import Store, StoreUnavailableError
from .tokens import TokenMinter
from .views import view

log = logging.getLogger(__name__)

READY_MAX_AGE_S = 1.0
OIDC_PERIOD_S = 300.0  # what the page's policy allows must be known before somebody signs in


@dataclass(frozen=True)
class Services:
    """What the routes use."""

    settings: Settings
    public_url: str
    clock: Clock
    store: Store
    sfu: Sfu
    metrics: Metrics
    auth: Authenticator
    limits: Limits
    oidc: Oidc | None
    presence: Presence
    agent: AgentClient
    sessions: Sessions
    delivery: Delivery
    offers: Offers
    observe: Observe
    removals: Removals
    control: ControlDesk
    hub: Hub
    relays: Relays
    ready: Coalescer[None]

    def __repr__(self) -> str:
        return "Services()"

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """Run what happens without a request, for as long as the block."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_every(JANITOR_PERIOD_S, "janitor", self.sessions.tidy)),
                group.create_task(_every(PERIOD_S, "delivery", self.delivery.tidy)),
                group.create_task(_every(WATCH_PERIOD_S, "removals", self.removals.tidy)),
                group.create_task(_every(SWEEP_S, "sweep", self.hub.sweep)),
                group.create_task(_every(SWEEP_S, "hub", self.hub.run, 0)),
            ]
            if self.oidc is not None:
                tasks.append(group.create_task(_every(OIDC_PERIOD_S, "oidc", self.oidc.config, 0)))
            try:
                yield
            finally:
                self.hub.close()
                for task in tasks:
                    task.cancel()
                await self.control.close()
                await self.presence.close()


async def _every(
    period_s: float, name: str, work: Callable[[], Awaitable[Any]], first_s: float | None = None
) -> None:
    """Do the work again and again; a failure is logged and costs one round."""
    await asyncio.sleep(period_s if first_s is None else first_s)
    while True:
        try:
            await work()
        except (SfuError, StoreUnavailableError) as error:
            log.warning("background work failed name=%s error=%s", name, error)
        except Exception:
            log.exception("background work failed name=%s", name)
        await asyncio.sleep(period_s)


def assemble(
    settings: Settings,
    *,
    public_url: str,
    api_key: str,
    enroll_key: str | None,
    sfu: Sfu,
    store: Store,
    bearers: Sequence[Bearers],
    oidc: Oidc | None,
    clock: Clock,
    metrics: Metrics,
) -> Services:
    """Put the parts together."""
    presence = Presence(sfu, clock)
    agent = AgentClient(sfu, settings.api_secret, clock, metrics.count_agent_call)
    sessions = Sessions(store, sfu, presence, agent, clock)
    delivery = Delivery(store, presence, agent, clock)
    return Services(
        settings=settings,
        public_url=public_url,
        clock=clock,
        store=store,
        sfu=sfu,
        metrics=metrics,
        auth=Authenticator(api_key, enroll_key, store, bearers),
        limits=Limits(store, settings, clock),
        oidc=oidc,
        presence=presence,
        agent=agent,
        sessions=sessions,
        delivery=delivery,
        offers=Offers(
            store=store,
            sessions=sessions,
            presence=presence,
            agent=agent,
            delivery=delivery,
            minter=TokenMinter(settings.livekit_api_key, settings.api_secret),
            count=metrics.count_offer,
            fallback=True,
        ),
        removals=Removals(store, sessions, presence, agent, sfu),
        control=ControlDesk(store, sessions, presence, agent, sfu),
        hub=Hub(store, sessions, presence, lambda status: view(status).model_dump(mode="json")),
        observe=Observe(store, sessions, presence, agent, clock),
        relays=Relays(
            store, agent, clock, base_url=settings.relay_url or "", count=metrics.streams.set
        ),
        ready=Coalescer(clock, READY_MAX_AGE_S, (SfuError,)),
    )


def services(request: HTTPConnection) -> Services:
    """Return the parts; a FastAPI dependency."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - for the type checker
    return found
