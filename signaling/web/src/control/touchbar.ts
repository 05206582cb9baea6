/** The row over an on-screen keyboard: a typing area, and the keys that such a keyboard has not. */

import { Cleanup, h } from '../ui/dom';
import { icon, type IconName } from '../ui/icons';
import { XK } from './keysyms';
import type { StickyKeys } from './sticky';

interface Key {
  label: string;
  keysym: number;
  icon?: IconName;
  sticks?: boolean;
}

/** The first eight fit a telephone; the rest is a swipe away. */
const KEYS: readonly Key[] = [
  { label: 'Ctrl', keysym: XK.Control_L, sticks: true },
  { label: 'Alt', keysym: XK.Alt_L, sticks: true },
  { label: 'Tab', keysym: XK.Tab },
  { label: 'Esc', keysym: XK.Escape },
  { label: 'Left', keysym: XK.Left, icon: 'left' },
  { label: 'Up', keysym: XK.Up, icon: 'up' },
  { label: 'Down', keysym: XK.Down, icon: 'down' },
  { label: 'Right', keysym: XK.Right, icon: 'right' },
  { label: 'Shift', keysym: XK.Shift_L, sticks: true },
  { label: 'Super', keysym: XK.Super_L, sticks: true },
  { label: 'Del', keysym: XK.Delete },
  { label: 'Home', keysym: XK.Home },
  { label: 'End', keysym: XK.End },
  { label: 'PgUp', keysym: XK.Page_Up },
  { label: 'PgDn', keysym: XK.Page_Down },
];
const REPEAT_AFTER_MS = 400;
const REPEAT_EVERY_MS = 70;

export class TouchBar {
  readonly element: HTMLElement;
  readonly #cleanup = new Cleanup();
  readonly #modifiers = new Map<number, HTMLElement>();
  #timer = 0;

  /** Where the typing area lies while the on-screen keyboard is up. */
  readonly slot = h('span', { class: 'typing-slot' });

  constructor(readonly sticky: StickyKeys, onClose: () => void) {
    const keys = h('div', { class: 'touch-keys', attrs: { role: 'toolbar', 'aria-label': 'Keys' } });
    for (const key of KEYS) keys.append(key.sticks ? this.#sticking(key) : this.#key(key));
    const close = h('button', { class: 'touch-key', attrs: { type: 'button', 'aria-label': 'Put the keyboard away', tabindex: -1 }, on: { click: onClose } }, icon('close'));
    this.element = h('div', { class: 'touch-bar', attrs: { hidden: true } }, h('div', { class: 'typing-row' }, this.slot, close), keys);
    // The field keeps the focus, and with it the keyboard stays up.
    for (const type of ['pointerdown', 'mousedown'] as const) {
      this.element.addEventListener(type, (event) => { if (!this.slot.contains(event.target as Node)) event.preventDefault(); });
    }
    sticky.onChange = () => this.#show();
    const viewport = globalThis.visualViewport;
    const dock = (): void => {
      if (viewport) this.element.style.bottom = `${Math.max(0, innerHeight - viewport.height - viewport.offsetTop)}px`;
    };
    viewport?.addEventListener('resize', dock);
    viewport?.addEventListener('scroll', dock);
    this.#cleanup.add(() => { viewport?.removeEventListener('resize', dock); viewport?.removeEventListener('scroll', dock); clearTimeout(this.#timer); });
  }

  close(): void {
    this.#cleanup.run();
    this.element.remove();
  }

  #sticking({ label, keysym }: Key): HTMLElement {
    const key = h('button', { class: 'touch-key', attrs: { type: 'button', 'aria-pressed': 'false', tabindex: -1 }, text: label, on: { click: () => this.sticky.toggle(keysym) } });
    this.#modifiers.set(keysym, key);
    return key;
  }

  #key({ label, keysym, icon: name }: Key): HTMLElement {
    const key = h('button', { class: 'touch-key', attrs: { type: 'button', 'aria-label': label, tabindex: -1 } }, name ? icon(name) : h('span', { text: label }));
    const again = (): void => {
      this.sticky.tap(keysym);
      this.#timer = window.setTimeout(again, REPEAT_EVERY_MS);
    };
    key.addEventListener('pointerdown', () => {
      this.sticky.tap(keysym);
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(again, REPEAT_AFTER_MS);
    });
    for (const type of ['pointerup', 'pointercancel', 'pointerleave'] as const) key.addEventListener(type, () => clearTimeout(this.#timer));
    key.addEventListener('click', (event) => { if (event.detail === 0) this.sticky.tap(keysym); });
    return key;
  }

  #show(): void {
    for (const [keysym, element] of this.#modifiers) {
      const stick = this.sticky.of(keysym);
      element.setAttribute('aria-pressed', String(stick !== 'off'));
      element.dataset['stick'] = stick;
    }
  }
}
