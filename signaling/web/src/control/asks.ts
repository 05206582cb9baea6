/** Requests for control, for the holder (and admins): a small card over the picture that takes no focus. */

import { button } from '../ui/controls';
import { h } from '../ui/dom';
import type { Ask } from './state';

export interface AskActions {
  grant(identity: string): void;
  deny(identity: string): void;
}

export interface Asks {
  element: HTMLElement;
  set(asks: readonly Ask[], now_ms: number): void;
  /** Puts the focus on the first one's answer; false if there is none. */
  focus(): boolean;
}

export function askCards(on: AskActions): Asks {
  const element = h('div', { class: 'asks', attrs: { role: 'log', 'aria-live': 'assertive', 'aria-label': 'Requests for control' } });
  const cards = new Map<string, HTMLElement>();

  function card(ask: Ask, now_ms: number): HTMLElement {
    const name = ask.actor === 'ai' ? `${ask.name} (AI)` : ask.name;
    const left_ms = Math.max(0, ask.until_ms - now_ms);
    const time = h('span', { class: 'ask-time', attrs: { 'aria-hidden': 'true' } });
    time.style.animationDuration = `${left_ms}ms`;
    const made = h(
      'div', { class: 'ask', attrs: { role: 'group', 'aria-label': `${name} asks for control`, 'data-identity': ask.identity } },
      h('p', { text: `${name} asks for control` }),
      h('div', { class: 'ask-actions' },
        button({ label: 'Give control', text: 'Give control', class: 'primary', onClick: () => on.grant(ask.identity) }),
        button({ label: 'Not now', text: 'Not now', onClick: () => on.deny(ask.identity) })),
      h('p', { class: 'visually-hidden', text: 'Ctrl, Alt and Shift together move the keyboard here.' }),
      time,
    );
    // Answering with the mouse leaves the keyboard where it was: in the session.
    made.addEventListener('mousedown', (event) => event.preventDefault());
    return made;
  }

  return {
    element,
    set(asks, now_ms) {
      for (const [identity, old] of cards) {
        if (asks.some((ask) => ask.identity === identity)) continue;
        old.remove();
        cards.delete(identity);
      }
      for (const ask of asks) {
        if (cards.has(ask.identity)) continue;
        const made = card(ask, now_ms);
        cards.set(ask.identity, made);
        element.append(made);
      }
    },
    focus() {
      const first = element.querySelector<HTMLElement>('button');
      first?.focus();
      return first !== null;
    },
  };
}
