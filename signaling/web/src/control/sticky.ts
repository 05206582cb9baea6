/** Modifiers of the touch tool bar: once for the next key, or locked until tapped again. Pure. */

import { fromCodePoint } from './keysyms';

export type Stick = 'off' | 'once' | 'locked';

export interface StickyOutput {
  key(keysym: number, down: boolean): void;
}

export class StickyKeys {
  readonly #sticks = new Map<number, Stick>();
  onChange: () => void = () => undefined;

  constructor(readonly out: StickyOutput) {}

  of(keysym: number): Stick {
    return this.#sticks.get(keysym) ?? 'off';
  }

  get any(): boolean {
    return this.#sticks.size > 0;
  }

  toggle(keysym: number): void {
    const now = this.of(keysym);
    if (now === 'off') {
      this.#sticks.set(keysym, 'once');
      this.out.key(keysym, true);
    } else if (now === 'once') this.#sticks.set(keysym, 'locked');
    else this.#off(keysym);
    this.onChange();
  }

  tap(keysym: number): void {
    this.out.key(keysym, true);
    this.out.key(keysym, false);
    this.used();
  }

  /** Typed with a modifier down: keys, not text. False: nothing sticks, it stays text. */
  type(text: string): boolean {
    if (!this.any) return false;
    for (const character of text) {
      const keysym = fromCodePoint(character.toLowerCase().codePointAt(0)!);
      if (keysym !== null) this.tap(keysym);
    }
    return true;
  }

  /** A key or a click went out: what was for once is over. */
  used(): void {
    const once = [...this.#sticks].filter(([, stick]) => stick === 'once').map(([keysym]) => keysym);
    if (once.length === 0) return;
    for (const keysym of once) this.#off(keysym);
    this.onChange();
  }

  /** The session has let go of everything. */
  forget(): void {
    this.#sticks.clear();
    this.onChange();
  }

  #off(keysym: number): void {
    this.#sticks.delete(keysym);
    this.out.key(keysym, false);
  }
}
