/** Who is here: a button with their number, and a list in which parts may say more and offer something. */

import { button } from '../ui/controls';
import { h, setText } from '../ui/dom';
import type { Person } from '../room';

/** What a part adds to somebody's row. */
export interface Row {
  /** Drawn round the avatar: the one who has control. */
  ringed?: boolean;
  detail?: string;
  actions?: HTMLElement[];
}

export interface People {
  element: HTMLElement;
  set(people: readonly Person[]): void;
  /** Asked for every row whenever the list is drawn. */
  decorate: (person: Person) => Row;
  /** Something changed that `decorate` looks at. */
  redraw(): void;
}

export function peopleButton(): People {
  const list = h('ul', { class: 'people-list', attrs: { 'aria-label': 'People here' } });
  const panel = h('div', { class: 'people-panel', attrs: { hidden: true } }, list);
  const number = h('span', { class: 'people-number', text: '1' });
  const toggle = button({ label: 'People here', icon: 'people', class: 'quiet' });
  toggle.append(number);
  let present: readonly Person[] = [];
  let drawn = '';
  const show = (open: boolean): void => {
    panel.hidden = !open;
    toggle.setAttribute('aria-expanded', String(open));
    if (open) draw();
  };
  toggle.addEventListener('click', () => show(Boolean(panel.hidden)));
  const element: HTMLElement = h('div', { class: 'people', on: {
    keydown: (event) => { if (event.key === 'Escape' && !panel.hidden) { show(false); toggle.focus(); event.stopPropagation(); } },
    focusout: (event) => { if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget)) show(false); },
  } }, toggle, panel);
  document.addEventListener('pointerdown', (event) => {
    if (element.isConnected && !panel.hidden && event.target instanceof Node && !element.contains(event.target)) show(false);
  });
  const people: People = {
    element,
    decorate: () => ({}),
    set(now) {
      present = now;
      // The button only: its place keeps the tabs in the middle.
      toggle.hidden = present.length === 0;
      if (toggle.hidden) show(false);
      setText(number, String(present.length));
      toggle.setAttribute('aria-label', present.length === 1 ? '1 person here: you' : `${present.length} people here`);
      toggle.dataset['tip'] = toggle.getAttribute('aria-label')!;
      draw();
    },
    redraw: draw,
  };

  function draw(): void {
    if (panel.hidden) return;
    const rows = present.map((person) => ({ person, ...people.decorate(person) }));
    // A button under somebody's finger is not replaced by the same one.
    const now = JSON.stringify(rows.map(({ person, ringed, detail, actions }) => [person.identity, person.name, ringed, detail, actions?.map((action) => action.textContent)]));
    if (now === drawn && list.childElementCount === rows.length) return;
    drawn = now;
    list.replaceChildren(...rows.map(({ person, ringed, detail, actions = [] }) => h(
      'li', { class: ringed ? 'person ringed' : 'person', attrs: { 'data-identity': person.identity } },
      h('span', { class: 'avatar', attrs: { 'aria-hidden': 'true' }, text: initials(person.name) }),
      h('span', { class: 'person-words' }, h('span', { text: person.self ? `${person.name} (you)` : person.name }), detail ? h('small', { text: detail }) : null),
      actions.length > 0 && h('span', { class: 'person-actions' }, ...actions),
    )));
  }
  show(false);
  return people;
}

export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0]!.toUpperCase()).join('') || '?';
}
