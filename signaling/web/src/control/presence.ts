/** Pointers of the others who point, with their names, over the picture. */

import { Cleanup, h } from '../ui/dom';
import { parsePresence } from './messages';

/** A pointer that rests this long is not pointing any more. */
const IDLE_MS = 6_000;
const MAX_POINTERS = 24;
/** Apart from each other and from the accent; each legible with black text. */
const COLOURS = ['#f7b955', '#7ee2a8', '#8fb4ff', '#ff9fa8', '#d6a8ff', '#7fdce8', '#e5e17a', '#ffb28a'];

interface Pointer {
  element: HTMLElement;
  label: HTMLElement;
  x: number;
  y: number;
  seen_ms: number;
}

export function colourOf(identity: string): string {
  let sum = 0;
  for (const character of identity) sum = (sum * 31 + character.charCodeAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length]!;
}

export class Presence {
  readonly #pointers = new Map<string, Pointer>();
  readonly #cleanup = new Cleanup();
  #scale = 1;

  constructor(readonly frame: HTMLElement, readonly self: () => string) {
    this.#cleanup.every(1_000, () => this.#fade());
  }

  setScale(scale: number): void {
    this.#scale = scale;
    for (const pointer of this.#pointers.values()) this.#draw(pointer);
  }

  receive(payload: Uint8Array): void {
    const news = parsePresence(payload);
    if (!news || news.identity === this.self()) return;
    if (news.kind === 'gone') return this.remove(news.identity);
    const pointer = this.#pointers.get(news.identity) ?? this.#add(news.identity, news.name, news.actor === 'ai');
    if (!pointer) return;
    pointer.x = news.x;
    pointer.y = news.y;
    pointer.seen_ms = performance.now();
    pointer.element.classList.remove('idle');
    this.#draw(pointer);
  }

  remove(identity: string): void {
    this.#pointers.get(identity)?.element.remove();
    this.#pointers.delete(identity);
  }

  keep(identities: ReadonlySet<string>): void {
    for (const identity of this.#pointers.keys()) if (!identities.has(identity)) this.remove(identity);
  }

  clear(): void {
    for (const identity of [...this.#pointers.keys()]) this.remove(identity);
  }

  close(): void {
    this.clear();
    this.#cleanup.run();
  }

  #add(identity: string, name: string, ai: boolean): Pointer | null {
    if (this.#pointers.size >= MAX_POINTERS) return null;
    const label = h('span', { class: 'presence-name', text: ai ? `${name} (AI)` : name });
    const element = h('div', { class: 'presence', attrs: { 'aria-hidden': 'true', 'data-identity': identity } }, h('span', { class: 'presence-dot' }), label);
    element.style.setProperty('--presence', colourOf(identity));
    this.frame.append(element);
    const pointer: Pointer = { element, label, x: 0, y: 0, seen_ms: 0 };
    this.#pointers.set(identity, pointer);
    return pointer;
  }

  #draw({ element, x, y }: Pointer): void {
    element.style.transform = `translate(${x * this.#scale}px, ${y * this.#scale}px)`;
  }

  #fade(): void {
    const now_ms = performance.now();
    for (const { element, seen_ms } of this.#pointers.values()) element.classList.toggle('idle', now_ms - seen_ms > IDLE_MS);
  }
}
