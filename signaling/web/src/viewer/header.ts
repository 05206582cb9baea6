/** The slim line above the picture: back, name, state in a dot and a word, tabs, people. */

import { h, setText } from '../ui/dom';
import { icon } from '../ui/icons';
import type { View } from '../sentences';
import { peopleButton, type People } from './people';

export type Tab = 'live' | 'vnc';

export interface Header {
  element: HTMLElement;
  setView(view: View): void;
  setTab(tab: Tab): void;
  readonly people: People;
  /** Where a part may put something of its own, left of the people. */
  slot: HTMLElement;
}

export function header(session: string, onTab: (tab: Tab) => void): Header {
  const state = h('span', { class: 'state', attrs: { 'data-tone': 'busy' } }, h('span', { class: 'dot', attrs: { 'aria-hidden': 'true' } }), h('span', { class: 'state-word', text: 'Connecting' }));
  const word = state.lastElementChild as HTMLElement;
  const tabs = tabList(onTab);
  const people = peopleButton();
  const element = h(
    'header', { class: 'viewer-head' },
    h('a', { class: 'button quiet', attrs: { href: '/', 'aria-label': 'All sessions', 'data-tip': 'All sessions' } }, icon('back')),
    h('div', { class: 'viewer-title' }, h('h1', { text: session, attrs: { title: session } }), state),
    tabs.element,
    people.element,
  );
  const slot = h('div', { class: 'head-slot' });
  people.element.prepend(slot);
  return {
    element,
    slot,
    setView(view) {
      state.dataset['tone'] = view.tone;
      setText(word, view.word);
    },
    setTab: tabs.set,
    people,
  };
}

const TABS: { tab: Tab; label: string; short: string }[] = [
  { tab: 'live', label: 'WebRTC Live View', short: 'WebRTC Live View' },
  { tab: 'vnc', label: 'VNC Viewer', short: 'VNC Viewer' },
];

function tabList(onTab: (tab: Tab) => void): { element: HTMLElement; set(tab: Tab): void } {
  const buttons = TABS.map(({ tab, label }) =>
    h('button', { class: 'tab', attrs: { type: 'button', role: 'tab', id: `tab-${tab}`, 'aria-controls': `panel-${tab}` }, on: { click: () => onTab(tab) }, text: label }));
  const element = h('div', { class: 'tabs', attrs: { role: 'tablist', 'aria-label': 'How to see the session' } }, ...buttons);
  element.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (buttons.indexOf(document.activeElement as HTMLButtonElement) + step + buttons.length) % buttons.length;
    buttons[at]?.focus();
    onTab(TABS[at]!.tab);
    event.preventDefault();
  });
  return {
    element,
    set(tab) {
      TABS.forEach((entry, index) => {
        const chosen = entry.tab === tab;
        buttons[index]!.setAttribute('aria-selected', String(chosen));
        buttons[index]!.tabIndex = chosen ? 0 : -1;
      });
    },
  };
}
