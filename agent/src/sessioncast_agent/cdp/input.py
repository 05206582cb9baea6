"""Input events as DevTools commands: modifiers, buttons, clicks and fingers are counted here.

`InputTranslator` is pure; `InputPump` (on the CDP loop) feeds its commands to the page in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from sessioncast_agent.cdp.keys import ALT, CTRL, META, SHIFT, KeyInfo, key_info
from sessioncast_agent.inputs import (
    Button,
    InputEvent,
    Key,
    Locks,
    Move,
    MoveBy,
    Press,
    Text,
    Touch,
    Wheel,
)

Command = tuple[str, dict[str, Any]]

BUTTON_NAMES = {
    Button.LEFT: ("left", 1),
    Button.RIGHT: ("right", 2),
    Button.MIDDLE: ("middle", 4),
    Button.BACK: ("back", 8),
    Button.FORWARD: ("forward", 16),
}
DOUBLE_CLICK_S = 0.5
DOUBLE_CLICK_PX = 5
MAX_CLICKS = 3
MAX_QUEUED = 2_000
MAX_MOVES_UNDER_WAY = 2  # a page that hangs must not collect moves
MOVE_PATIENCE_S = 0.1
NEW_PAGE_PATIENCE_S = 0.5
REPEAT_AFTER_S, REPEAT_EVERY_S = 0.5, 1 / 30  # as X servers do; operators send a held key once


class InputTranslator:
    """Holds what is down. `scale` is device pixels per CSS pixel, `size_px` the picture's size."""

    def __init__(self) -> None:
        self.scale = 1.0
        self.size_px = (1, 1)
        self.place_px = (0, 0)
        self.modifiers = 0
        self._keys: dict[int, KeyInfo] = {}
        self._buttons: list[Button] = []
        self._fingers: dict[int, tuple[int, int]] = {}
        self._clicks = 0
        self._last_press: tuple[Button, float, tuple[int, int]] | None = None

    def commands(self, event: InputEvent, now_s: float) -> Iterator[Command]:
        """The commands for one event."""
        match event:
            case Move(x_px, y_px):
                self.place_px = (x_px, y_px)
                yield self._mouse("mouseMoved")
            case MoveBy(dx_px, dy_px):
                width, height = self.size_px
                x, y = self.place_px
                self.place_px = (
                    min(max(x + dx_px, 0), width - 1),
                    min(max(y + dy_px, 0), height - 1),
                )
                yield self._mouse("mouseMoved")
            case Press(button, down, place_px):
                self.place_px = place_px or self.place_px
                yield self._press(button, down, now_s)
            case Wheel(dx, dy, place_px):
                self.place_px = place_px or self.place_px
                yield self._mouse("mouseWheel", deltaX=dx, deltaY=dy)
            case Key(keysym, down, code):
                yield from self._key(keysym, down, code)
            case Text(text):
                yield ("Input.insertText", {"text": text})
            case Touch(phase, points):
                fingers = {point.id: (point.x_px, point.y_px) for point in points}
                yield from self._touch(phase, fingers)
            case Locks():
                return  # the keysyms say already what is typed

    def repeat(self) -> Iterator[Command]:
        """The key that went down last, once more, unless it only modifies others."""
        keysym = next(reversed(self._keys), None)
        if keysym is not None and not self._keys[keysym].modifier:
            yield from self._key(keysym, True, "")

    @property
    def repeating(self) -> bool:
        """Whether a key is held that repeats."""
        keysym = next(reversed(self._keys), None)
        return keysym is not None and not self._keys[keysym].modifier

    def release(self) -> Iterator[Command]:
        """Everything that is down goes up."""
        for keysym in list(self._keys):
            yield from self._key(keysym, False, "")
        for button in list(self._buttons):
            yield self._press(button, False, 0.0)
        if self._fingers:
            yield from self._touch("cancel", {})
        self.modifiers = 0

    # -- the pointer -------------------------------------------------------------------------

    def _css(self, place_px: tuple[int, int]) -> dict[str, float]:
        return {"x": place_px[0] / self.scale, "y": place_px[1] / self.scale}

    def _mouse(self, kind: str, **more: object) -> Command:
        held = self._buttons[-1] if self._buttons else None
        mask = 0
        for button in self._buttons:
            mask |= BUTTON_NAMES[button][1]
        name = "none" if held is None else BUTTON_NAMES[held][0]
        params = {"type": kind, **self._css(self.place_px), "modifiers": self.modifiers}
        return ("Input.dispatchMouseEvent", {**params, "button": name, "buttons": mask, **more})

    def _press(self, button: Button, down: bool, now_s: float) -> Command:
        if down:
            last = self._last_press
            again = (
                last is not None
                and last[0] is button
                and now_s - last[1] <= DOUBLE_CLICK_S
                and abs(last[2][0] - self.place_px[0]) <= DOUBLE_CLICK_PX
                and abs(last[2][1] - self.place_px[1]) <= DOUBLE_CLICK_PX
            )
            self._clicks = self._clicks % MAX_CLICKS + 1 if again else 1
            self._last_press = (button, now_s, self.place_px)
            if button not in self._buttons:
                self._buttons.append(button)
        elif button in self._buttons:
            self._buttons.remove(button)
        kind = "mousePressed" if down else "mouseReleased"
        name = BUTTON_NAMES[button][0]
        return self._mouse(kind, button=name, clickCount=max(1, self._clicks))

    # -- the keyboard ------------------------------------------------------------------------

    def _key(self, keysym: int, down: bool, code: str) -> Iterator[Command]:
        info = self._keys.get(keysym) or key_info(keysym, code)
        if info is None or (not down and keysym not in self._keys):
            return
        repeated = down and keysym in self._keys
        if down:
            self._keys.pop(keysym, None)
            self._keys[keysym] = info
            self.modifiers |= info.modifier
        else:
            del self._keys[keysym]
            self.modifiers = 0
            for held in self._keys.values():
                self.modifiers |= held.modifier
        params: dict[str, Any] = {
            "type": "keyUp",
            "key": info.key,
            "code": info.code,
            "windowsVirtualKeyCode": info.virtual_key,
            "modifiers": self.modifiers,
            "location": info.location,
            "isKeypad": info.location == 3,
        }
        if down:
            # with control, alt or meta a key is a command, with shift it is still text
            typed = info.text if not self.modifiers & (CTRL | ALT | META) else ""
            params |= {"type": "keyDown" if typed else "rawKeyDown", "autoRepeat": repeated}
            if typed:
                params |= {"text": typed, "unmodifiedText": typed}
        yield ("Input.dispatchKeyEvent", params)

    # -- fingers -----------------------------------------------------------------------------

    def _touch(self, phase: str, fingers: dict[int, tuple[int, int]]) -> Iterator[Command]:
        if phase == "cancel":
            fingers = {}
        kind = {"start": "touchStart", "move": "touchMove", "cancel": "touchCancel"}.get(phase)
        if kind is None:  # a finger that is missing among the others has been lifted
            kind = "touchMove" if fingers else "touchEnd"
        if kind in {"touchStart", "touchMove"} and not fingers:
            return
        if kind in {"touchEnd", "touchCancel"} and not self._fingers:
            return
        self._fingers = fingers
        points = [{**self._css(place), "id": number} for number, place in fingers.items()]
        params = {"type": kind, "touchPoints": points, "modifiers": self.modifiers & SHIFT}
        yield ("Input.dispatchTouchEvent", params)


class InputPump:
    """Takes events in order; consecutive moves and wheel turns become one while the page is slow.

    `post` sends a command and gives a future that is done when the page has taken it.
    """

    def __init__(
        self,
        translator: InputTranslator,
        post: Callable[[str, dict[str, Any]], asyncio.Future[Any] | None],
    ) -> None:
        self.translator = translator
        self.dropped = 0
        self._post = post
        self._queue: deque[InputEvent | None] = deque()
        self._due = asyncio.Event()
        self._repeat_s = REPEAT_AFTER_S
        self._ready = asyncio.Event()
        self._ready.set()
        self._moves: set[asyncio.Future[Any]] = set()

    def put(self, events: Sequence[InputEvent]) -> None:
        """Queue events."""
        for event in events:
            if len(self._queue) >= MAX_QUEUED:
                self.dropped += 1
                if isinstance(event, Move | MoveBy | Wheel):
                    continue
                self._queue.popleft()
            self._queue.append(event)
        self._due.set()

    def release(self) -> None:
        """Queue that everything goes up."""
        self._queue.append(None)
        self._due.set()

    def hold(self) -> None:
        """Another page comes to the front: until it is there it drops what it is sent."""
        self._ready.clear()

    def resume(self) -> None:
        """The page in front shows itself."""
        self._ready.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._until_due()
            self._due.clear()
            while self._queue:
                await self._page_is_ready()
                event = self._queue.popleft()
                if event is None:
                    for method, params in self.translator.release():
                        self._post(method, params)
                    continue
                if isinstance(event, Move | Wheel):
                    if len(self._moves) >= MAX_MOVES_UNDER_WAY:
                        await self._room_for_a_move()
                    event = self._coalesce(event)
                if isinstance(event, Key):
                    self._repeat_s = REPEAT_AFTER_S
                for method, params in self.translator.commands(event, loop.time()):
                    sent = self._post(method, params)
                    if sent is not None and isinstance(event, Move | Wheel):
                        self._moves.add(sent)
                        sent.add_done_callback(self._moves.discard)

    async def _until_due(self) -> None:
        """Events, or the time for a held key to come again."""
        while self.translator.repeating:
            try:
                async with asyncio.timeout(self._repeat_s):
                    await self._due.wait()
                    return
            except TimeoutError:
                self._repeat_s = REPEAT_EVERY_S
                for method, params in self.translator.repeat():
                    self._post(method, params)
        await self._due.wait()

    async def _page_is_ready(self) -> None:
        if self._ready.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(NEW_PAGE_PATIENCE_S):
                await self._ready.wait()
        self._ready.set()

    async def _room_for_a_move(self) -> None:
        await asyncio.wait(
            set(self._moves), timeout=MOVE_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )

    def _coalesce(self, event: Move | Wheel) -> InputEvent:
        result: Move | Wheel = event
        while self._queue:
            following = self._queue[0]
            if isinstance(result, Move) and isinstance(following, Move):
                result = following
            elif isinstance(result, Wheel) and isinstance(following, Wheel):
                place_px = following.place_px or result.place_px
                result = Wheel(result.dx + following.dx, result.dy + following.dy, place_px)
            else:
                break
            self._queue.popleft()
        return result
