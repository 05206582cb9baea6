"""The fallback stage: dials out when the shim asks for it, and feeds those who watch that way.

While nobody does, it holds nothing: no tap on pictures or access units, no thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from sessioncast_agent.audience import Audience, Person
from sessioncast_agent.backend import BackendState, CursorImage, CursorPosition
from sessioncast_agent.control.clipboard import ClipboardDesk
from sessioncast_agent.control.desk import ControlDesk
from sessioncast_agent.control.lease import Change
from sessioncast_agent.control.messages import Message
from sessioncast_agent.control.outbox import NOTICE
from sessioncast_agent.errors import AgentError, ControlRefused, FallbackRefused, RfbBroken
from sessioncast_agent.inputs import Clip
from sessioncast_agent.media import AccessUnit, LatestSlot, RawFrame
from sessioncast_agent.rfb import side
from sessioncast_agent.rfb.client import FallbackClient
from sessioncast_agent.rfb.cursor import Shape, decode
from sessioncast_agent.rfb.dial import Dialler
from sessioncast_agent.rfb.settings import VncServer
from sessioncast_agent.stages import ShimMethod, Stage
from sessioncast_agent.usage import UsageMeter
from sessioncast_agent.video.tee import Tee

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_CLIENTS = 32
MAX_FIELD_CHARS = 512
RESIZE_S = 5.0
_ROLES, _ACTORS = frozenset({"observer", "operator", "admin"}), frozenset({"person", "ai"})


@dataclass(frozen=True)
class FallbackSources:
    """What the session gives to the fallback."""

    session: str
    snapshot: Callable[[], Future[RawFrame]]
    resize: Callable[[int, int], Future[tuple[int, int]]]
    state: Callable[[], BackendState]
    frames: LatestSlot[RawFrame]
    tee: Tee
    request_keyframe: Callable[[], None]
    audience: Audience
    audience_changed: Callable[[], None]
    desk: ControlDesk
    clipboard: ClipboardDesk
    usage: UsageMeter
    separate_pointer: bool
    existing: VncServer | None = None  # to be relayed in our place


def _viewer(body: dict[str, Any]) -> tuple[str, str, Person]:
    url, ticket = body.get("url"), body.get("ticket")
    identity, role, actor = body.get("identity"), body.get("role"), body.get("actor")
    name = body.get("name") or ""
    texts = (url, ticket, identity, name)
    if (
        not all(isinstance(text, str) and len(text) <= MAX_FIELD_CHARS for text in texts)
        or not (url and ticket and identity)
        or role not in _ROLES
        or actor not in _ACTORS
    ):
        raise FallbackRefused("shim.dial names no address, ticket and viewer")
    return str(url), str(ticket), Person(str(identity), str(role), str(actor), str(name))


class FallbackStage(Stage):
    """All viewers of one session's fallback."""

    name = "fallback"

    def __init__(self, sources: FallbackSources, dialler: Dialler) -> None:
        self._from, self._dialler = sources, dialler
        self._loop = asyncio.get_running_loop()
        self._clients: dict[FallbackClient, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._offers: set[asyncio.Task[None]] = set()
        self._on_units: tuple[FallbackClient, ...] = ()
        self._on_frames: tuple[FallbackClient, ...] = ()
        self._frame: RawFrame | None = None
        self._image: CursorImage | None = None
        self._shape: Shape | None = None
        self._pointer: CursorPosition | None = None
        self._clip: str | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._wake_due = False
        sources.desk.subscribe(self._changed)

    # -- Stage -------------------------------------------------------------------------------

    async def run(self) -> None:
        """See Stage; ends every viewer's connection with itself."""
        self._from.desk.outbox.copies.append(self._letter)
        try:
            await asyncio.Event().wait()
        finally:
            self._from.desk.outbox.copies.remove(self._letter)
            tasks = [*self._tasks, *self._offers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def shim_methods(self) -> dict[str, ShimMethod]:
        """See Stage."""
        return {"shim.dial": self._dial}

    def copied(self, clip: Clip) -> None:
        """See Stage."""
        if clip.mime == "text/plain":
            self._clip = clip.data.decode("utf-8", "replace")
            for client in self._clients:
                client.clip_changed()

    def pointer_shape(self, image: CursorImage) -> None:
        """See Stage."""
        if self._from.separate_pointer:
            self._image, self._shape = image, decode(image)
            self._tell(side.shape_message(image))

    def pointer_place(self, place: CursorPosition) -> None:
        """See Stage."""
        self._pointer = place
        for client in self._clients:
            client.letters.place(place)
            if client.letters.open or client in self._on_frames:
                client.wake()

    # -- viewers -----------------------------------------------------------------------------

    async def _dial(self, body: dict[str, Any]) -> dict[str, Any]:
        url, ticket, person = _viewer(body)
        desk = self._from.desk
        if person.identity not in desk.people:
            desk.people.expect(person)  # this agent has started since its offer
        if person.identity not in desk.people:
            raise FallbackRefused("this viewer was removed")
        if len(self._tasks) >= MAX_CLIENTS:
            raise FallbackRefused(f"{MAX_CLIENTS} people watch by the fallback already")
        task = self._loop.create_task(
            self._serve(url, ticket, person), name=f"fallback {person.identity}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return {"ok": True}

    async def _serve(self, url: str, ticket: str, person: Person) -> None:
        try:
            async with self._dialler.connect(url, ticket) as socket:
                if self._from.existing is not None:
                    await self._relay(socket, person, self._from.existing)
                    return
                client = FallbackClient(socket, person, self._from.session, self)
                self._clients[client] = person.identity
                self._from.audience.elsewhere.add(person.identity)
                self._from.audience_changed()
                try:
                    await client.run()
                finally:
                    self.wants(client, units=False, frames=False)
                    del self._clients[client]
                    if person.identity not in self._clients.values():
                        self._from.audience.elsewhere.discard(person.identity)
                        self._from.audience_changed()
                    self._from.desk.leave(person.identity)
        except RfbBroken as error:
            log.info("fallback ended identity=%s: %s", person.identity, error)
        except AgentError as error:
            log.warning("fallback not possible identity=%s: %s", person.identity, error)
        except Exception:
            log.exception("fallback failed identity=%s", person.identity)

    async def _relay(
        self, socket: aiohttp.ClientWebSocketResponse, person: Person, server: VncServer
    ) -> None:
        from sessioncast_agent.rfb.upstream import Relay  # noqa: PLC0415  # and with it DES

        try:
            await Relay(socket, person, self._from.desk, server).run()
        finally:
            self._from.desk.leave(person.identity)

    # -- Host --------------------------------------------------------------------------------

    def size_px(self) -> tuple[int, int]:
        """See Host; before the display was ever there, something small."""
        width_px, height_px = self._from.state().size_px
        return max(width_px, 16), max(height_px, 16)

    def shape(self) -> Shape | None:
        """See Host."""
        return self._shape

    def pointer_px(self) -> tuple[int, int] | None:
        """See Host."""
        place = self._pointer
        return (place.x_px, place.y_px) if place is not None and place.visible else None

    def frame(self) -> RawFrame | None:
        """See Host."""
        return self._frame

    def wants(self, client: FallbackClient, *, units: bool, frames: bool) -> None:
        """See Host."""
        self._on_units = _with(self._on_units, client, units)
        self._on_frames = _with(self._on_frames, client, frames)
        if self._on_units:
            self._from.tee.attach(self._unit)
        else:
            self._from.tee.detach(self._unit)
        self._from.audience.units_elsewhere = bool(self._on_units)
        self._from.audience_changed()
        slot = self._from.frames
        slot.taps = _with(slot.taps, self._picture, bool(self._on_frames))
        if not self._on_frames:
            self._frame = None
            if self._worker is not None:
                self._worker.shutdown(wait=False, cancel_futures=True)
                self._worker = None
        elif frames:
            self._from.snapshot()  # comes by the tap

    def want_keyframe(self) -> None:
        """See Host."""
        self._from.request_keyframe()

    def in_worker(self, call: Callable[[], T]) -> Future[T]:
        """See Host."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(
                1, "sc-fallback", initializer=self._from.usage.own_thread, initargs=("other",)
            )
        return self._worker.submit(call)

    def may_act(self, person: Person) -> bool:
        """See Host."""
        return self._from.desk.may_act(person.identity)

    def holds(self, person: Person) -> bool:
        """See Host."""
        holder = self._from.desk.holder
        return holder is not None and holder.identity == person.identity

    def silent(self, person: Person) -> None:
        """See Host."""
        self._from.desk.leave(person.identity)

    def act(self, person: Person, messages: Sequence[Message]) -> None:
        """See Host."""
        self._from.desk.act(person.identity, messages)

    def clipboard(self, person: Person) -> str | None:
        """See Host; it goes to whoever has control, as in the room."""
        gives = self.holds(person) and self._from.clipboard.gives_out
        return self._clip if gives else None

    def cut(self, person: Person, text: str) -> None:
        """See Host."""
        if not self.may_act(person):
            return
        task = self._loop.create_task(self._offer(person, Clip("text/plain", text.encode())))
        self._offers.add(task)
        task.add_done_callback(self._offers.discard)

    async def _offer(self, person: Person, clip: Clip) -> None:
        try:
            await self._from.clipboard.offer(person.identity, clip)
        except AgentError as error:
            self._to_page(person.identity, [NOTICE, ["refused", "clipboard", str(error)]])

    def greet(self, client: FallbackClient) -> None:
        """See Host."""
        letters = client.letters
        letters.put(["attributes", self._from.desk.attributes()])
        if self._image is not None:
            letters.put(side.shape_message(self._image))
        if self._pointer is not None:
            letters.place(self._pointer)

    def call(self, person: Person, call: side.Call) -> list[Any]:
        """See Host."""
        desk, identity = self._from.desk, person.identity
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "control.request": lambda: desk.request(identity),
            "control.release": lambda: desk.release(identity),
            "control.take": lambda: desk.take(identity),
            "control.grant": lambda: desk.grant(identity, call.target),
            "control.deny": lambda: desk.deny(identity, call.target),
        }
        try:
            return ["answer", call.number, answers[call.method]()]
        except ControlRefused as error:
            return ["refused", call.number, error.code, str(error)]

    async def resize(self, person: Person, size_px: tuple[int, int]) -> bool:
        """See Host."""
        try:
            desk = self._from.desk
            desk.check_holder(person.identity)
            async with asyncio.timeout(RESIZE_S):
                width, height = await asyncio.wrap_future(self._from.resize(*size_px))
            desk.note("resize", person, {"width_px": width, "height_px": height})
        except (AgentError, TimeoutError) as error:
            log.info("the session keeps its size: %s", error)
            return False
        return True

    # -- what pages are told -----------------------------------------------------------------

    def _tell(self, message: list[Any]) -> None:
        for client in self._clients:
            client.letters.put(message)
            client.wake()

    def _changed(self, change: Change) -> None:
        del change
        self._tell(["attributes", self._from.desk.attributes()])
        for client in self._clients:
            client.clip_changed()  # what is there already, for a new holder

    def _letter(self, topic: str, payload: bytes, to: tuple[str, ...]) -> None:
        """What the desk tells the room is told here too; those few are not in the room."""
        if topic == NOTICE:
            for identity in to:
                self._to_page(identity, [topic, json.loads(payload)])

    def _to_page(self, identity: str, message: list[Any]) -> None:
        for client, watcher in self._clients.items():
            if watcher == identity:
                client.letters.put(message)
                client.wake()

    # -- from other threads ------------------------------------------------------------------

    def _unit(self, unit: AccessUnit) -> None:
        for client in self._on_units:
            client.units.put(unit)
        self._wake_soon()

    def _picture(self, frame: RawFrame) -> None:
        self._frame = frame
        self._wake_soon()

    def _wake_soon(self) -> None:
        if not self._wake_due:
            self._wake_due = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        self._wake_due = False
        for client in self._clients:
            client.wake()


def _with(all_of: tuple[T, ...], one: T, there: bool) -> tuple[T, ...]:
    others = tuple(other for other in all_of if other != one)
    return (*others, one) if there else others
