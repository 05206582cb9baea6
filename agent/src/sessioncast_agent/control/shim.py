"""What the shim may ask of the desk, for people who have no data channel to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessioncast_agent.audience import Person
from sessioncast_agent.errors import ControlRefused

if TYPE_CHECKING:
    from sessioncast_agent.control.desk import ControlDesk

ACTIONS = frozenset({"request", "release", "grant", "deny", "take"})
_MALFORMED = 1400


async def shim_control(desk: ControlDesk, body: dict[str, Any]) -> dict[str, Any]:
    """`shim.control {identity, name, actor, role, action, target?}`."""
    person = Person(*(str(body.get(key, "")) for key in ("identity", "role", "actor", "name")))
    action, target = body.get("action"), body.get("target")
    if not person.identity or action not in ACTIONS:
        raise ControlRefused(_MALFORMED, "malformed request for control")
    desk.people.expect(person)  # an observer who may ask has become an operator for it
    if action in {"grant", "deny"}:
        if not isinstance(target, str) or not target:
            raise ControlRefused(_MALFORMED, f"{action} needs a target")
        return (desk.grant if action == "grant" else desk.deny)(person.identity, target)
    asks = {"request": desk.request, "release": desk.release, "take": desk.take}
    return asks[str(action)](person.identity)
