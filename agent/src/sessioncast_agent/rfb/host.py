"""What a viewer of the fallback takes from its session; the stage implements it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sessioncast_agent.audience import Person
from sessioncast_agent.control.messages import Message
from sessioncast_agent.media import RawFrame
from sessioncast_agent.rfb import side
from sessioncast_agent.rfb.cursor import Shape

if TYPE_CHECKING:
    from sessioncast_agent.rfb.client import FallbackClient

T = TypeVar("T")


class Host(Protocol):
    """What a client takes from its session; everything is called on the event loop."""

    def size_px(self) -> tuple[int, int]:
        """The session's size now."""

    def shape(self) -> Shape | None:
        """The pointer's shape; None while there is none, or it is part of the picture."""

    def pointer_px(self) -> tuple[int, int] | None:
        """Where the pointer is."""

    def frame(self) -> RawFrame | None:
        """The newest picture."""

    def wants(self, client: FallbackClient, *, units: bool, frames: bool) -> None:
        """What this client is to be fed with from now on."""

    def want_keyframe(self) -> None:
        """An IDR soon."""

    def in_worker(self, call: Callable[[], T]) -> Future[T]:
        """Run on the stage's worker thread."""

    def may_act(self, person: Person) -> bool:
        """Whether its input would count now."""

    def holds(self, person: Person) -> bool:
        """Whether it has control."""

    def silent(self, person: Person) -> None:
        """Nothing is heard of it: control is free again."""

    def act(self, person: Person, messages: Sequence[Message]) -> None:
        """Input, under everybody's limits, lease and audit; what may not be done is dropped."""

    def clipboard(self, person: Person) -> str | None:
        """The session's text, if this person may have it."""

    def cut(self, person: Person, text: str) -> None:
        """Text for the session's clipboard."""

    def greet(self, client: FallbackClient) -> None:
        """Its page listens: tell it what a late joiner must know."""

    def call(self, person: Person, call: side.Call) -> list[Any]:
        """A request about control; the answer for the page."""

    async def resize(self, person: Person, size_px: tuple[int, int]) -> bool:
        """Another size for the session; False where it is refused."""
