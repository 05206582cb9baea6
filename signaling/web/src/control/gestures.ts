/**
 * Fingers → what a pointer does. Two ways: `direct` (the finger is the pointer) and `trackpad` (the picture is
 * the pad of a pointer of its own). Two fingers scroll or pinch, a long press is the right button in both.
 * Pure: takes places in page pixels and times, gives acts; `due` says when it wants to be asked again.
 */

import type { Finger, Point } from './messages';

export type TouchMode = 'direct' | 'trackpad';

export type Act =
  /** The pointer to a place (direct). */
  | { do: 'move'; x: number; y: number }
  /** The pointer by a distance (trackpad). */
  | { do: 'nudge'; dx: number; dy: number }
  /** `at` null: where the pointer is (trackpad). */
  | { do: 'button'; button: 0 | 1 | 2; down: boolean; at: Point | null }
  | { do: 'scroll'; dx: number; dy: number; at: Point | null }
  | { do: 'zoom'; factor: number; at: Point; shift: Point }
  /** A short tremor says that the long press counts. */
  | { do: 'buzz' };

export const SLOP_PX = 10;
export const LONG_PRESS_MS = 550;
/** A second touch this soon after a tap, and moving, drags (trackpad). */
export const DOUBLE_TAP_MS = 280;
const TWO_FINGER_SLOP_PX = 12;
const PINCH_PX = 24;
/** Fingers that come down within this are one gesture. */
const TOGETHER_MS = 200;

type Phase =
  | { is: 'idle' }
  | { is: 'one'; start: Point; last: Point; since_ms: number; again: boolean }
  | { is: 'drag'; last: Point }
  | { is: 'glide'; last: Point }
  | { is: 'two'; centre: Point; spread: number; since_ms: number; fingers: number; start: Point }
  | { is: 'scroll'; centre: Point }
  | { is: 'pinch'; centre: Point; spread: number }
  /** Until all fingers are up. */
  | { is: 'done' };

export class Gestures {
  #fingers = new Map<number, Point>();
  #phase: Phase = { is: 'idle' };
  #tapped_ms = -Infinity;

  constructor(public mode: TouchMode = 'direct') {}

  /** When `time` should be called next; null while nothing waits. */
  get due_ms(): number | null {
    return this.#phase.is === 'one' ? this.#phase.since_ms + LONG_PRESS_MS : null;
  }

  start(finger: Finger, now_ms: number): Act[] {
    this.#fingers.set(finger.id, { x: finger.x, y: finger.y });
    const count = this.#fingers.size;
    if (count === 1) {
      const at = { x: finger.x, y: finger.y };
      this.#phase = { is: 'one', start: at, last: at, since_ms: now_ms, again: now_ms - this.#tapped_ms <= DOUBLE_TAP_MS };
      return [];
    }
    const { centre, spread } = this.#shape();
    if (this.#phase.is === 'one' || this.#phase.is === 'two') {
      const since_ms = this.#phase.since_ms;
      // A late second finger is still a gesture of two, but no tap of two.
      this.#phase = { is: 'two', centre, spread, start: centre, since_ms: now_ms - since_ms <= TOGETHER_MS * 2 ? since_ms : -Infinity, fingers: count };
      return [];
    }
    if (this.#phase.is === 'scroll' || this.#phase.is === 'pinch') {
      // One finger more moves the middle, not the picture.
      this.#phase.centre = centre;
      if (this.#phase.is === 'pinch') this.#phase.spread = spread;
    }
    const acts = this.#letGo();
    if (this.#phase.is === 'drag' || this.#phase.is === 'glide') this.#phase = { is: 'two', centre, spread, start: centre, since_ms: -Infinity, fingers: count };
    return acts;
  }

  move(fingers: readonly Finger[]): Act[] {
    for (const { id, x, y } of fingers) if (this.#fingers.has(id)) this.#fingers.set(id, { x, y });
    const phase = this.#phase;
    switch (phase.is) {
      case 'one': return this.#oneMoves(phase);
      case 'drag':
      case 'glide': return this.#follow(phase);
      case 'two': return this.#twoMove(phase);
      case 'scroll': return this.#scroll(phase);
      case 'pinch': return this.#pinch(phase);
      default: return [];
    }
  }

  end(id: number, now_ms: number): Act[] {
    const at = this.#fingers.get(id);
    this.#fingers.delete(id);
    const phase = this.#phase;
    if (!at) return [];
    const acts = this.#ended(phase, now_ms);
    if (this.#fingers.size === 0) this.#phase = { is: 'idle' };
    return acts;
  }

  /** The system took the touch away: nothing may stay pressed, nothing may be clicked. */
  cancel(): Act[] {
    const acts = this.#letGo();
    this.#fingers.clear();
    this.#phase = { is: 'idle' };
    return acts;
  }

  time(now_ms: number): Act[] {
    const phase = this.#phase;
    if (phase.is !== 'one' || now_ms < phase.since_ms + LONG_PRESS_MS) return [];
    this.#phase = { is: 'done' };
    return [{ do: 'buzz' }, ...this.#click(2, phase.start)];
  }

  #ended(phase: Phase, now_ms: number): Act[] {
    if (phase.is === 'one') {
      this.#tapped_ms = now_ms;
      return this.#click(0, phase.start);
    }
    if (phase.is === 'drag') return [this.#button(0, false, phase.last)];
    if (phase.is === 'two') {
      this.#phase = { is: 'done' };
      const tap = now_ms - phase.since_ms <= LONG_PRESS_MS;
      return tap ? this.#click(phase.fingers >= 3 ? 1 : 2, phase.start) : [];
    }
    if (phase.is !== 'glide') this.#phase = { is: 'done' };
    return [];
  }

  #oneMoves(phase: Phase & { is: 'one' }): Act[] {
    const at = [...this.#fingers.values()][0]!;
    if (Math.hypot(at.x - phase.start.x, at.y - phase.start.y) < SLOP_PX) return [];
    if (this.mode === 'trackpad' && !phase.again) {
      this.#phase = { is: 'glide', last: at };
      return [this.#nudge(phase.start, at)];
    }
    this.#phase = { is: 'drag', last: at };
    const down = this.#button(0, true, phase.start);
    return this.mode === 'direct' ? [down, { do: 'move', x: at.x, y: at.y }] : [down, this.#nudge(phase.start, at)];
  }

  #follow(phase: Phase & { is: 'drag' | 'glide' }): Act[] {
    const at = [...this.#fingers.values()][0]!;
    const last = phase.last;
    phase.last = at;
    if (at.x === last.x && at.y === last.y) return [];
    return [this.mode === 'direct' ? { do: 'move', x: at.x, y: at.y } : this.#nudge(last, at)];
  }

  #twoMove(phase: Phase & { is: 'two' }): Act[] {
    const { centre, spread } = this.#shape();
    const moved = Math.hypot(centre.x - phase.centre.x, centre.y - phase.centre.y);
    if (Math.abs(spread - phase.spread) > PINCH_PX) {
      this.#phase = { is: 'pinch', centre: phase.centre, spread: phase.spread };
      return this.#pinch(this.#phase);
    }
    if (moved < TWO_FINGER_SLOP_PX) return [];
    this.#phase = { is: 'scroll', centre: phase.centre };
    return this.#scroll(this.#phase);
  }

  /** The content follows the fingers: they go up, it is scrolled down. */
  #scroll(phase: Phase & { is: 'scroll' }): Act[] {
    const { centre } = this.#shape();
    const act: Act = { do: 'scroll', dx: phase.centre.x - centre.x, dy: phase.centre.y - centre.y, at: this.mode === 'direct' ? centre : null };
    phase.centre = centre;
    return act.dx || act.dy ? [act] : [];
  }

  #pinch(phase: Phase & { is: 'pinch' }): Act[] {
    if (this.#fingers.size < 2) return [];
    const { centre, spread } = this.#shape();
    const act: Act = { do: 'zoom', factor: spread / Math.max(1, phase.spread), at: phase.centre, shift: { x: centre.x - phase.centre.x, y: centre.y - phase.centre.y } };
    phase.centre = centre;
    phase.spread = spread;
    return [act];
  }

  #letGo(): Act[] {
    const phase = this.#phase;
    return phase.is === 'drag' ? [this.#button(0, false, phase.last)] : [];
  }

  #click(button: 0 | 1 | 2, at: Point): Act[] {
    const place: Act[] = this.mode === 'direct' ? [{ do: 'move', x: at.x, y: at.y }] : [];
    return [...place, this.#button(button, true, at), this.#button(button, false, at)];
  }

  #button(button: 0 | 1 | 2, down: boolean, at: Point): Act {
    return { do: 'button', button, down, at: this.mode === 'direct' ? at : null };
  }

  /** Slow is exact, quick goes far. */
  #nudge(from: Point, to: Point): Act {
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const gain = 1 + Math.min(1.5, Math.hypot(dx, dy) / 16);
    return { do: 'nudge', dx: dx * gain, dy: dy * gain };
  }

  #shape(): { centre: Point; spread: number } {
    const points = [...this.#fingers.values()];
    const centre = { x: 0, y: 0 };
    for (const { x, y } of points) {
      centre.x += x / points.length;
      centre.y += y / points.length;
    }
    const [a, b] = points;
    return { centre, spread: a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0 };
  }
}
