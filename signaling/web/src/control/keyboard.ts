/**
 * What the keys of a keyboard do to the session: which go down and up, and which only make a character.
 * Knows no DOM: capture.ts feeds it events, tests feed it records.
 */

import { XK, isCharacter, keysymOf, latinOf } from './keysyms';

export interface KeyRecord {
  key: string;
  code: string;
  location: number;
  repeat: boolean;
  composing: boolean;
  time_ms: number;
  ctrl: boolean;
  alt: boolean;
  shift: boolean;
  meta: boolean;
  altGraph: boolean;
}

export interface Platform {
  mac: boolean;
  windows: boolean;
  /** On a Mac: ⌘ is the session's Ctrl, so that ⌘C copies there too. */
  commandIsControl: boolean;
}

export interface KeyOutput {
  key(keysym: number, down: boolean, code: string): void;
}

/** Windows says AltGr as Ctrl and Alt within the same moment. */
const PHANTOM_MS = 50;

type Modifier = 'ctrl' | 'alt' | 'shift' | 'meta';
const MODIFIER_OF: ReadonlyMap<string, Modifier> = new Map([['Control', 'ctrl'], ['Alt', 'alt'], ['Shift', 'shift'], ['Meta', 'meta'], ['OS', 'meta']]);

interface Held {
  keysym: number;
  /** Which flag of later events tells whether it is still down. */
  flag: Modifier | null;
}

export class Keyboard {
  /** What is down in the session, by the physical key that holds it. */
  readonly #held = new Map<string, Held>();
  /** AltGr, or Option on a Mac: it mostly makes characters, and is pressed only for what is none. */
  #shifting: { code: string; keysym: number; pressed: boolean } | null = null;
  /** A left Ctrl that may turn out to be half of an AltGr. */
  #phantom: { record: KeyRecord; timer: ReturnType<typeof setTimeout> } | null = null;

  constructor(readonly platform: Platform, readonly out: KeyOutput) {}

  /** True: it is dealt with, the browser must not act on it. False: text may still come of it. */
  down(record: KeyRecord): boolean {
    if (record.composing || record.key === 'Process') return false;
    const altGraph = record.key === 'AltGraph';
    if (this.#phantom) {
      const real = !(altGraph && record.time_ms - this.#phantom.record.time_ms <= PHANTOM_MS);
      this.#settlePhantom(real);
    }
    this.heal(record);
    // The locks travel as states, in the heartbeat: a key press would toggle them a second time.
    if (record.key === 'CapsLock' || record.key === 'NumLock') return true;
    if (altGraph || (this.platform.mac && record.key === 'Alt')) {
      this.#shifting ??= { code: record.code, keysym: altGraph ? XK.Level3_Shift : XK.Alt_L, pressed: false };
      return true;
    }
    if (this.platform.windows && record.code === 'ControlLeft' && record.key === 'Control' && !record.repeat && !this.#held.has('ControlLeft')) {
      this.#phantom = { record, timer: setTimeout(() => this.#settlePhantom(true), PHANTOM_MS) };
      return true;
    }
    return this.#press(record);
  }

  up(record: KeyRecord): boolean {
    this.#settlePhantom(true);
    if (this.#shifting?.code === record.code) {
      if (this.#shifting.pressed) this.out.key(this.#shifting.keysym, false, record.code);
      this.#shifting = null;
      return true;
    }
    const held = this.#held.get(record.code || record.key);
    if (held) {
      this.#held.delete(record.code || record.key);
      this.out.key(held.keysym, false, record.code);
    }
    // A Mac never tells of keys that come up while ⌘ is down.
    if (record.key === 'Meta' && this.platform.mac) this.#releaseAll(({ flag }) => flag === null);
    return held !== undefined;
  }

  /** Every event tells how the modifiers really stand: lets go of what came up unseen. */
  heal(flags: Pick<KeyRecord, Modifier | 'altGraph'> & { key?: string }): void {
    for (const [code, { keysym, flag }] of this.#held) {
      if (!flag || flags[flag] || (flags.key !== undefined && MODIFIER_OF.get(flags.key) === flag)) continue;
      this.#held.delete(code);
      this.out.key(keysym, false, code);
    }
  }

  /** Focus or control is gone; the agent is told by a `reset`, not key by key. */
  forget(): void {
    if (this.#phantom) clearTimeout(this.#phantom.timer);
    this.#phantom = null;
    this.#shifting = null;
    this.#held.clear();
  }

  holds(modifier: Modifier): boolean {
    return [...this.#held.values()].some(({ flag }) => flag === modifier);
  }

  #press(record: KeyRecord): boolean {
    const { code, key } = record;
    let keysym = keysymOf(record);
    if (keysym === null) return false;
    const modifier = MODIFIER_OF.get(key) ?? null;
    const command = this.platform.mac && this.platform.commandIsControl && modifier === 'meta';
    if (command) keysym = XK.Control_L;
    const character = isCharacter(key);
    const shortcut = !record.altGraph && (this.holds('ctrl') || this.holds('alt') || this.holds('meta'));
    if (character && shortcut && key.codePointAt(0)! > 0x7f && !this.#shifting) keysym = latinOf(code) ?? keysym;
    if (this.#shifting && !character && !modifier && !this.#shifting.pressed) {
      this.#shifting.pressed = true;
      this.out.key(this.#shifting.keysym, true, this.#shifting.code);
    }
    // The X server repeats what is held by itself.
    if (this.#held.has(code || key)) {
      if (this.#held.get(code || key)!.keysym === keysym || record.repeat) return true;
      this.out.key(this.#held.get(code || key)!.keysym, false, code);
    }
    // Ctrl and Alt together, where the system reads them as AltGr: the character is what is meant.
    const lifted = character && record.altGraph && !this.#shifting ? this.#lift() : [];
    this.out.key(keysym, true, code);
    if ((this.platform.mac && record.meta && !modifier) || code === '') {
      this.out.key(keysym, false, code);
    } else {
      this.#held.set(code || key, { keysym, flag: modifier });
    }
    for (const again of lifted) this.out.key(again.keysym, true, again.code);
    return true;
  }

  #lift(): { keysym: number; code: string }[] {
    const lifted = [...this.#held].filter(([, { flag }]) => flag === 'ctrl' || flag === 'alt').map(([code, { keysym }]) => ({ keysym, code }));
    for (const { keysym, code } of lifted) this.out.key(keysym, false, code);
    return lifted;
  }

  #settlePhantom(real: boolean): void {
    const phantom = this.#phantom;
    if (!phantom) return;
    clearTimeout(phantom.timer);
    this.#phantom = null;
    if (real) this.#press(phantom.record);
  }

  #releaseAll(which: (held: Held) => boolean): void {
    for (const [code, held] of this.#held) {
      if (!which(held)) continue;
      this.#held.delete(code);
      this.out.key(held.keysym, false, code);
    }
  }
}

/** What was typed into a text field since: how many characters went, and which came. For on-screen keyboards. */
export function textChange(before: string, after: string): { backspaces: number; text: string } {
  const a = [...before];
  const b = [...after];
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same += 1;
  return { backspaces: a.length - same, text: b.slice(same).join('') };
}
