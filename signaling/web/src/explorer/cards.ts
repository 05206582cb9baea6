/** The grid: one card per session, kept by name and changed in place; nothing is built twice. */

import { sessionPath } from '../router';
import type { SessionInfo, SessionState } from '../types';
import { button } from '../ui/controls';
import { h, setAttr, setText } from '../ui/dom';
import { icon } from '../ui/icons';
import { STATE_TONES, STATE_WORDS, age } from './filter';
import { Costs } from './costs';
import { Thumbnails } from './thumbs';

const EMPTY: Record<SessionState, string> = { live: '', waiting: 'Waiting for its agent', reconnecting: 'Waiting for it to come back', ended: 'This session is over' };

interface Card {
  element: HTMLElement;
  update(session: SessionInfo, now_ms: number): void;
}

export class CardGrid {
  readonly element = h('ul', { class: 'grid', attrs: { 'aria-label': 'Sessions' } });
  readonly #cards = new Map<string, Card>();
  readonly #thumbs = new Thumbnails();
  readonly #costs = new Costs();
  readonly chosen = new Set<string>();

  constructor(readonly onMenu: (session: SessionInfo, owner: HTMLElement) => void, readonly onChosen: () => void) {}

  /** Nobody is chosen any more. */
  unchoose(): void {
    this.chosen.clear();
    for (const box of this.element.querySelectorAll<HTMLInputElement>('.card-check')) box.checked = false;
    this.#choiceChanged();
  }

  #choiceChanged(): void {
    this.element.classList.toggle('choosing', this.chosen.size > 0);
    this.onChosen();
  }

  show(sessions: readonly SessionInfo[], all: readonly SessionInfo[]): void {
    const now_ms = Date.now();
    const known = new Set(all.map((session) => session.session));
    for (const [name, card] of this.#cards) {
      if (known.has(name)) continue;
      this.#thumbs.remove(name);
      this.#costs.remove(name);
      card.element.remove();
      this.#cards.delete(name);
      if (this.chosen.delete(name)) this.#choiceChanged();
    }
    const shown = new Set(sessions.map((session) => session.session));
    for (const [name, card] of this.#cards) if (!shown.has(name)) card.element.remove();
    let at: Element | null = this.element.firstElementChild;
    for (const session of sessions) {
      let card = this.#cards.get(session.session);
      if (!card) {
        card = this.#make(session);
        this.#cards.set(session.session, card);
      }
      card.update(session, now_ms);
      if (card.element === at) at = at.nextElementSibling;
      else this.element.insertBefore(card.element, at);
      this.#thumbs.setLive(session.session, session.state === 'live');
      this.#costs.setLive(session.session, session.state === 'live');
    }
  }

  close(): void {
    this.#thumbs.close();
    this.#costs.close();
  }

  #make(first: SessionInfo): Card {
    let latest = first;
    const image = h('img', { class: 'thumb-image', attrs: { alt: '', decoding: 'async', draggable: 'false' } });
    const word = h('span', { class: 'state-word' });
    const state = h('span', { class: 'state' }, h('span', { class: 'dot', attrs: { 'aria-hidden': 'true' } }), word);
    const kind = h('span', {});
    const watching = h('span', {});
    const watchers = h('span', { class: 'meta-item', attrs: { title: 'Watching now' } }, icon('eye', 14), watching, h('span', { class: 'visually-hidden', text: ' watching' }));
    const created = h('span', {});
    const empty = h('span', {});
    const control = h('span', { class: 'meta-control' });
    const cost = h('span', { attrs: { title: 'Of one processor core, on the session’s machine' } });
    const recording = h('span', { class: 'meta-item meta-rec', attrs: { hidden: true } }, h('span', { class: 'rec-dot', attrs: { 'aria-hidden': 'true' } }), 'Recording');
    const link = h(
      'a', { class: 'card-link', attrs: { href: sessionPath(first.session) } },
      h('div', { class: 'thumb' }, h('div', { class: 'thumb-empty' }, icon(first.kind === 'browser' ? 'browser' : 'monitor', 26), empty), image),
      h('div', { class: 'card-body' }, h('div', { class: 'card-top' }, h('span', { class: 'card-name', text: first.session, attrs: { title: first.session } }), state), h('div', { class: 'meta' }, kind, watchers, created, cost, recording, control)),
    );
    const menu = button({ label: `More about ${first.session}`, icon: 'more', class: 'quiet card-menu', onClick: () => this.onMenu(latest, menu) });
    delete menu.dataset['tip'];
    menu.setAttribute('aria-haspopup', 'menu');
    menu.setAttribute('aria-expanded', 'false');
    const check = h('input', { class: 'card-check', attrs: { type: 'checkbox', 'aria-label': `Choose ${first.session}` } });
    check.addEventListener('change', () => {
      if (check.checked) this.chosen.add(first.session);
      else this.chosen.delete(first.session);
      this.#choiceChanged();
    });
    const element = h('li', { class: 'card', attrs: { 'data-session': first.session } }, link, check, menu);
    this.#thumbs.add(first.session, element, image);
    this.#costs.add(first.session, element, (words) => setText(cost, words));
    return {
      element,
      update(session, now_ms) {
        latest = session;
        setAttr(element, 'data-state', session.state);
        setAttr(state, 'data-tone', STATE_TONES[session.state]);
        setText(word, STATE_WORDS[session.state]);
        setText(kind, session.kind === 'browser' ? 'Browser' : 'Desktop');
        watchers.hidden = session.watching === null;
        setText(watching, String(session.watching ?? 0));
        setText(empty, EMPTY[session.state]);
        setText(created, age(session.created_at, now_ms));
        recording.hidden = !session.recording;
        setText(control, session.control ? `${session.control} has control` : '');
      },
    };
  }
}
