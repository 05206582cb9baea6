/** Mouse, pen, wheel, fingers and pointer lock over the picture, as messages of the sender's. */

import { Cleanup } from '../ui/dom';
import type { Picture } from '../viewer/picture';
import { buttonChanges, wheelPixels } from './geometry';
import { Gestures, type Act, type TouchMode } from './gestures';
import type { Point } from './messages';
import type { Sender } from './sender';

export interface PointerHost {
  /** What is done here is carried out: by us, or by whoever acts first. */
  acts(): boolean;
  /** No control, but the others may see where we point. */
  points(): boolean;
  /** Somebody pressed on the picture: it should have the keyboard. */
  focus(at: Point, byTouch: boolean): void;
  /** Which kind of pointer was last used; null once a mouse has left the picture. */
  using(kind: 'mouse' | 'touch' | null): void;
  /** A plain tap of somebody who only watches. */
  tapped(): void;
  /** Every event tells how the modifiers and locks stand. */
  flags(event: MouseEvent): void;
  /** The wheel is a pinch on a touch pad, not Ctrl and the wheel. */
  holdsCtrl(): boolean;
}

export class PointerInput {
  readonly #cleanup = new Cleanup();
  readonly #gestures = new Gestures();
  readonly #watching = new Gestures('trackpad');
  #buttons = 0;
  #inside = false;
  #touchTimer = 0;
  /** The pad's own pointer (trackpad), in pixels of the desktop. */
  #virtual: Point | null = null;
  mode: TouchMode = 'direct';

  constructor(readonly picture: Picture, readonly sender: Sender, readonly host: PointerHost) {
    const { frame } = picture;
    const listen = this.#cleanup;
    // Some browsers hold moves back until the next frame; the raw ones come at once.
    const moves = 'onpointerrawupdate' in window ? 'pointerrawupdate' : 'pointermove';
    listen.listen(frame, moves as 'pointermove', (event) => this.#moved(event));
    if (moves !== 'pointermove') listen.listen(frame, 'pointermove', (event) => this.#hover(event));
    listen.listen(frame, 'pointerdown', (event) => this.#down(event));
    listen.listen(frame, 'pointerup', (event) => this.#up(event));
    listen.listen(frame, 'pointercancel', (event) => this.#cancelled(event));
    listen.listen(frame, 'pointerenter', (event) => this.#hover(event));
    listen.listen(frame, 'pointerleave', (event) => this.#left(event));
    listen.listen(frame, 'wheel', (event) => this.#wheel(event), { passive: false });
    for (const type of ['contextmenu', 'dragstart', 'auxclick'] as const) {
      listen.listen(frame, type, (event) => { if (host.acts() || type === 'dragstart') event.preventDefault(); });
    }
    // The browser's own answer to the middle, back and forward buttons; focus is placed by hand.
    for (const type of ['mousedown', 'mouseup'] as const) listen.listen(frame, type, (event) => { if (host.acts()) event.preventDefault(); });
    listen.listen(document, 'pointerlockchange', () => this.#lockChanged());
  }

  get locked(): boolean {
    return document.pointerLockElement === this.picture.frame;
  }

  close(): void {
    clearTimeout(this.#touchTimer);
    if (this.locked) document.exitPointerLock();
    this.#cleanup.run();
  }

  /** What was pressed counts no more (blur, control lost): the agent lets go of it too. */
  forget(): void {
    this.#buttons = 0;
    this.#gestures.cancel();
    this.#watching.cancel();
  }

  async lock(): Promise<void> {
    await (this.picture.frame.requestPointerLock() as Promise<void> | undefined);
  }

  #lockChanged(): void {
    this.host.using(this.locked ? null : this.#inside ? 'mouse' : null);
  }

  #at(event: MouseEvent): Point | null {
    return this.locked ? null : this.picture.toPixel(event.clientX, event.clientY);
  }

  #hover(event: PointerEvent): void {
    if (event.pointerType === 'touch') return;
    if (event.type !== 'pointermove') this.#moved(event);
    if (!this.#inside || this.#virtual) {
      this.#inside = true;
      this.#virtual = null;
      if (!this.locked) this.host.using('mouse');
    }
  }

  #moved(event: PointerEvent): void {
    if (event.pointerType === 'touch') {
      // The raw ones come with every finger on its own; they are put together by the gestures.
      this.#touch(event, 'move');
      return;
    }
    if (!this.host.acts() && !this.host.points()) return;
    this.host.flags(event);
    if (this.host.acts()) this.#press(event);
    if (this.locked) {
      if (event.movementX || event.movementY) this.sender.nudge(event.movementX, event.movementY);
      return;
    }
    const at = this.#at(event);
    if (at) this.sender.move(at.x, at.y);
  }

  #down(event: PointerEvent): void {
    if (event.pointerType === 'touch') return this.#touch(event, 'start');
    if (!this.host.acts()) return;
    this.host.flags(event);
    // A drag goes on outside of the picture.
    if (!this.locked) this.picture.frame.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    this.#press(event);
    this.host.focus(at ?? { x: 0, y: 0 }, false);
  }

  #up(event: PointerEvent): void {
    if (event.pointerType === 'touch') return this.#touch(event, 'end');
    this.#press(event);
  }

  #cancelled(event: PointerEvent): void {
    if (event.pointerType === 'touch') return this.#touch(event, 'cancel');
    this.#release(event);
  }

  /** Buttons by the state that each event tells: none that went up unseen stays down. */
  #press(event: PointerEvent): void {
    const changes = buttonChanges(this.#buttons, event.buttons);
    this.#buttons = event.buttons;
    for (const { button, down } of changes) this.sender.button(button, down, this.#at(event));
  }

  #release(event: PointerEvent): void {
    for (const { button } of buttonChanges(this.#buttons, 0)) this.sender.button(button, false, this.#at(event));
    this.#buttons = 0;
  }

  #left(event: PointerEvent): void {
    if (event.pointerType === 'touch') return;
    this.#inside = false;
    if (this.host.acts() && !this.locked) {
      const at = this.#at(event);
      if (at) this.sender.move(at.x, at.y);
    }
    if (!this.locked) this.host.using(null);
  }

  #wheel(event: WheelEvent): void {
    const pinch = event.ctrlKey && !this.host.holdsCtrl();
    if (pinch) {
      event.preventDefault();
      this.picture.zoom(Math.exp(-event.deltaY / 100), { x: event.clientX, y: event.clientY }, { x: 0, y: 0 });
      return;
    }
    if (!this.host.acts()) {
      if (!this.picture.zoomed) return;
      event.preventDefault();
      this.picture.zoom(1, { x: 0, y: 0 }, { x: -event.deltaX, y: -event.deltaY });
      return;
    }
    event.preventDefault();
    this.host.flags(event);
    const { dx, dy } = wheelPixels(event, this.picture.size ?? { width: 800, height: 600 });
    if (dx || dy) this.sender.wheel(dx, dy, this.#at(event));
  }

  #touch(event: PointerEvent, phase: 'start' | 'move' | 'end' | 'cancel'): void {
    const acts = this.host.acts();
    const gestures = acts ? this.#gestures : this.#watching;
    gestures.mode = acts ? this.mode : 'trackpad';
    const now_ms = performance.now();
    const finger = { id: event.pointerId, x: event.clientX, y: event.clientY };
    if (phase === 'start') {
      this.#inside = false;
      this.host.using('touch');
      this.host.flags(event);
      // Later events come here, wherever the finger goes.
      if (event.target instanceof Element) this.picture.frame.setPointerCapture(event.pointerId);
      this.host.focus(this.picture.toPixel(event.clientX, event.clientY) ?? { x: 0, y: 0 }, true);
    }
    const done =
      phase === 'start' ? gestures.start(finger, now_ms)
      : phase === 'move' ? gestures.move([finger])
      : phase === 'end' ? gestures.end(finger.id, now_ms)
      : gestures.cancel();
    this.#carryOut(done, acts);
    clearTimeout(this.#touchTimer);
    const { due_ms } = gestures;
    if (due_ms !== null) this.#touchTimer = window.setTimeout(() => this.#carryOut(gestures.time(performance.now()), this.host.acts()), Math.max(0, due_ms - now_ms) + 1);
    event.preventDefault();
  }

  #carryOut(acts: readonly Act[], allowed: boolean): void {
    for (const act of acts) {
      if (act.do === 'zoom') this.picture.zoom(act.factor, act.at, act.shift);
      else if (allowed) this.#act(act);
      else this.#watch(act);
    }
  }

  /** Somebody who only watches moves the view. */
  #watch(act: Act): void {
    if (act.do === 'nudge') this.picture.zoom(1, { x: 0, y: 0 }, { x: act.dx, y: act.dy });
    if (act.do === 'scroll') this.picture.zoom(1, { x: 0, y: 0 }, { x: -act.dx, y: -act.dy });
    if (act.do === 'button' && act.down && act.button === 0) this.host.tapped();
  }

  #act(act: Exclude<Act, { do: 'zoom' }>): void {
    switch (act.do) {
      case 'move': {
        const at = this.picture.toPixel(act.x, act.y);
        if (!at) return;
        this.picture.cursor.predict(at);
        this.sender.move(at.x, at.y);
        return;
      }
      case 'nudge': {
        const at = this.#shift(act.dx, act.dy);
        this.picture.cursor.predict(at);
        this.picture.reveal(at);
        this.sender.move(Math.floor(at.x), Math.floor(at.y));
        return;
      }
      case 'button': {
        const at = act.at ? this.picture.toPixel(act.at.x, act.at.y) : this.#pixel();
        if (at) this.picture.cursor.predict(at);
        this.sender.button(act.button, act.down, at);
        return;
      }
      case 'scroll': {
        const scale = this.picture.placement?.scale ?? 1;
        const at = act.at ? this.picture.toPixel(act.at.x, act.at.y) : this.#pixel();
        this.sender.wheel(act.dx / scale, act.dy / scale, at);
        return;
      }
      case 'buzz':
        navigator.vibrate?.(12);
    }
  }

  #shift(dx: number, dy: number): Point {
    const size = this.picture.size ?? { width: 1, height: 1 };
    const scale = this.picture.placement?.scale ?? 1;
    const from = this.#virtual ?? this.picture.cursor.place ?? { x: size.width / 2, y: size.height / 2 };
    const within = (value: number, limit: number): number => Math.max(0, Math.min(limit - 1, value));
    this.#virtual = { x: within(from.x + dx / scale, size.width), y: within(from.y + dy / scale, size.height) };
    return this.#virtual;
  }

  /** Where the pad's pointer is, in whole pixels. */
  #pixel(): Point {
    const at = this.#shift(0, 0);
    return { x: Math.floor(at.x), y: Math.floor(at.y) };
  }
}
