/**
 * Everything that goes out on topic `input`: numbers it, thins moves and wheels out, keeps the order of all
 * the rest, knows what is held and restates it in a heartbeat. Knows neither DOM nor LiveKit.
 */

import { chunks, encode, isReliable, type InputMessage, type Point } from './messages';

export interface Clock {
  now_ms(): number;
  /** Returns what cancels it. */
  later(step: () => void, delay_ms: number): () => void;
}

export const wallClock: Clock = {
  now_ms: () => performance.now(),
  later(step, delay_ms) {
    const timer = setTimeout(step, Math.ceil(delay_ms));
    return () => clearTimeout(timer);
  },
};

export interface Locks {
  caps: boolean | null;
  num: boolean | null;
}

/** At most 120 moves a second; the first one goes at once, the last one always goes. */
export const MOVE_EVERY_MS = 1_000 / 120;
/** Moves of somebody who only points need not be as smooth. */
export const POINT_EVERY_MS = 50;
const WHEEL_EVERY_MS = 1_000 / 60;
export const BEAT_EVERY_MS = 200;
/** No paste keeps the keys behind it waiting for longer than this. */
export const GATE_MS = 2_500;
const MAX_WAITING = 1_000;
const MAX_HELD = 32;
const STEP_LIMIT_PX = 10_000;

const limit = (value: number): number => Math.max(-STEP_LIMIT_PX, Math.min(STEP_LIMIT_PX, value));

export class Sender {
  /** The frame that the person looks at, for the audit; 0 while unknown. */
  frame = 0;
  locks: Locks = { caps: null, num: null };
  /** Somebody without control only points: moves alone, and fewer. */
  pointing = false;
  /** A key, a click or a wheel step is on its way: for the measurement of what it changes. */
  onAct: () => void = () => undefined;

  #seq = 0;
  readonly #keys = new Set<number>();
  readonly #buttons = new Set<number>();
  #move: { x: number; y: number } | null = null;
  #rel: { dx: number; dy: number } | null = null;
  #wheel: { dx: number; dy: number; at: Point | null } | null = null;
  #moved_ms = -Infinity;
  #wheeled_ms = -Infinity;
  #cancelMove: (() => void) | null = null;
  #cancelWheel: (() => void) | null = null;
  #cancelBeat: (() => void) | null = null;
  /** Messages behind a paste that is not there yet. */
  #waiting: InputMessage[] | null = null;
  #gates = 0;

  constructor(readonly put: (packet: Uint8Array<ArrayBuffer>, reliable: boolean) => void, readonly clock: Clock = wallClock) {}

  get held(): { keys: readonly number[]; buttons: readonly number[] } {
    return { keys: [...this.#keys], buttons: [...this.#buttons] };
  }

  get beating(): boolean {
    return this.#cancelBeat !== null;
  }

  move(x: number, y: number): void {
    this.#move = { x, y };
    this.#rel = null;
    this.#thin();
  }

  nudge(dx: number, dy: number): void {
    this.#rel = { dx: limit((this.#rel?.dx ?? 0) + dx), dy: limit((this.#rel?.dy ?? 0) + dy) };
    this.#move = null;
    this.#thin();
  }

  button(button: number, down: boolean, at: Point | null): void {
    // The click carries its own place; a move that was held back would only come after it.
    if (at) this.#dropMove();
    else this.#flushMove();
    this.#flushWheel();
    this.#out({ kind: 'button', seq: this.#next(), button, down, at, frame: this.frame });
    if (down) this.onAct();
  }

  wheel(dx: number, dy: number, at: Point | null): void {
    this.#wheel = { dx: limit((this.#wheel?.dx ?? 0) + dx), dy: limit((this.#wheel?.dy ?? 0) + dy), at };
    const wait_ms = this.#wheeled_ms + WHEEL_EVERY_MS - this.clock.now_ms();
    if (wait_ms <= 0) this.#flushWheel();
    else this.#cancelWheel ??= this.clock.later(() => this.#flushWheel(), wait_ms);
  }

  key(keysym: number, down: boolean, code = ''): void {
    this.#flushMove();
    this.#flushWheel();
    this.#out({ kind: 'key', keysym, down, code: /^[A-Za-z0-9]{0,32}$/.test(code) ? code : '' });
    if (down) this.onAct();
  }

  /** Keys together, as Ctrl+Alt+Delete. */
  chord(keysyms: readonly number[]): void {
    for (const keysym of keysyms) this.key(keysym, true);
    for (const keysym of [...keysyms].reverse()) this.key(keysym, false);
  }

  text(text: string): void {
    this.#flushWheel();
    for (const piece of chunks(text)) this.#out({ kind: 'text', text: piece });
    this.onAct();
  }

  /** Everything up, now and in the session. */
  reset(): void {
    this.#dropMove();
    this.#cancelWheel?.();
    this.#cancelWheel = null;
    this.#wheel = null;
    this.#waiting = null;
    this.#keys.clear();
    this.#buttons.clear();
    this.#put({ kind: 'reset' });
  }

  /** What is sent from here on waits for this, and for no longer than the deadline. */
  gate(ready: Promise<unknown>): void {
    this.#waiting ??= [];
    this.#gates += 1;
    let open = false;
    const go = (): void => {
      if (open) return;
      open = true;
      this.#gates -= 1;
      if (this.#gates === 0) this.#openGate();
    };
    this.clock.later(go, GATE_MS);
    void ready.then(go, go);
  }

  beat(on: boolean): void {
    if (on === this.beating) return;
    if (!on) {
      this.#cancelBeat?.();
      this.#cancelBeat = null;
      return;
    }
    const again = (): void => {
      this.restate();
      this.#cancelBeat = this.clock.later(again, BEAT_EVERY_MS);
    };
    again();
  }

  /** One heartbeat out of turn: a lock has changed. */
  restate(): void {
    this.#put({ kind: 'beat', keys: [...this.#keys].slice(-MAX_HELD), buttons: [...this.#buttons], ...this.locks });
  }

  #openGate(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const message of waiting) this.#put(message);
  }

  #next(): number {
    this.#seq += 1;
    return this.#seq;
  }

  #thin(): void {
    const every_ms = this.pointing ? POINT_EVERY_MS : MOVE_EVERY_MS;
    const wait_ms = this.#moved_ms + every_ms - this.clock.now_ms();
    if (wait_ms <= 0) this.#flushMove();
    else this.#cancelMove ??= this.clock.later(() => this.#flushMove(), wait_ms);
  }

  #dropMove(): void {
    this.#cancelMove?.();
    this.#cancelMove = null;
    this.#move = null;
    this.#rel = null;
  }

  #flushMove(): void {
    const move = this.#move;
    const rel = this.#rel;
    this.#dropMove();
    if (!move && !rel) return;
    this.#moved_ms = this.clock.now_ms();
    if (move) this.#out({ kind: 'move', seq: this.#next(), x: move.x, y: move.y, frame: this.frame });
    else if (rel) this.#out({ kind: 'rel', seq: this.#next(), dx: rel.dx, dy: rel.dy });
  }

  #flushWheel(): void {
    this.#cancelWheel?.();
    this.#cancelWheel = null;
    const wheel = this.#wheel;
    this.#wheel = null;
    if (!wheel || (wheel.dx === 0 && wheel.dy === 0)) return;
    this.#wheeled_ms = this.clock.now_ms();
    this.#out({ kind: 'wheel', seq: this.#next(), dx: wheel.dx, dy: wheel.dy, at: wheel.at, frame: this.frame });
    this.onAct();
  }

  #out(message: InputMessage): void {
    if (this.#waiting && isReliable(message)) {
      // Keys behind a paste keep their order; somebody who holds one down for ever does not fill the memory.
      if (this.#waiting.length >= MAX_WAITING) this.#openGate();
      else return void this.#waiting.push(message);
    }
    this.#put(message);
  }

  /** What is held is counted when it is really sent: the heartbeat must not run ahead of it. */
  #put(message: InputMessage): void {
    if (message.kind === 'key') {
      if (message.down) this.#keys.add(message.keysym);
      else this.#keys.delete(message.keysym);
    }
    if (message.kind === 'button') {
      if (message.down) this.#buttons.add(message.button);
      else this.#buttons.delete(message.button);
    }
    this.put(encode(message), isReliable(message));
  }
}
