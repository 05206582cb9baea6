/**
 * The floating bar. Parts put their buttons into its groups; what is too much for a narrow window goes
 * into "More". It hides while the pointer rests or somebody types into the session, and comes back on a
 * move (at the edge, while typing), on Esc Esc, or with the focus.
 */

import { Cleanup, h } from '../ui/dom';
import { button } from '../ui/controls';
import { toggleMenu, type MenuItem } from '../ui/dialog';

/** From left to right. */
const GROUPS = ['control', 'sound', 'input', 'picture', 'record', 'more'] as const;
export type Group = (typeof GROUPS)[number];

export interface Bar {
  element: HTMLElement;
  /** Calls the bar where there is no mouse to rest at the edge. */
  handle: HTMLElement;
  /** `menu`: how "More" names it where the bar has no room; without it the button stays at any width. */
  add(group: Group, element: HTMLElement, menu?: () => MenuItem): void;
  /** Keys go to the session: only the edge, Esc Esc or the focus bring the bar. */
  setTyping(on: boolean): void;
  /** Show it now, for a while. */
  wake(): void;
  /** Put it away now; it was in the way. */
  rest(): void;
  close(): void;
}

const REST_MS = 2_500;
/** The pointer this near to the lower edge, in rest, calls the bar. */
const EDGE_PX = 12;
const EDGE_REST_MS = 250;

export function bar(area: HTMLElement, menus: () => MenuItem[]): Bar {
  const groups = new Map(GROUPS.map((name) => [name, h('div', { class: 'bar-group', attrs: { 'data-group': name } })]));
  const folded: { element: HTMLElement; menu: () => MenuItem }[] = [];
  const more = button({ label: 'More', icon: 'more', onClick: () => toggleMenu(more, [...foldedAway(), ...menus()]) });
  more.setAttribute('aria-haspopup', 'menu');
  more.setAttribute('aria-expanded', 'false');
  groups.get('more')!.append(more);
  const element = h('div', { class: 'bar', attrs: { role: 'toolbar', 'aria-label': 'Session' } }, ...groups.values());
  const handle = h('button', { class: 'bar-handle', attrs: { type: 'button', 'aria-label': 'Show the bar', tabindex: -1 } });
  const cleanup = new Cleanup();
  let timer = 0;
  let edge = 0;
  let typing = false;
  // A finger leaves `:hover` behind where it was last; only a mouse hovers.
  let hovered = false;

  // Hidden by the style sheet's width, not by their part.
  const foldedAway = (): MenuItem[] => folded.filter(({ element: item }) => !item.hidden && item.offsetParent === null).map(({ menu }) => menu());
  const busy = (): boolean => hovered || element.matches(':focus-within') || element.querySelector('[aria-expanded="true"]') !== null;
  const rest = (): void => {
    if (busy()) return wake();
    area.classList.add('resting');
  };
  const wake = (): void => {
    area.classList.remove('resting');
    clearTimeout(timer);
    timer = window.setTimeout(rest, REST_MS);
  };
  cleanup.listen(area, 'pointermove', (event) => {
    clearTimeout(edge);
    if (!typing || !area.classList.contains('resting')) return wake();
    if (area.getBoundingClientRect().bottom - event.clientY <= EDGE_PX && event.buttons === 0) edge = window.setTimeout(wake, EDGE_REST_MS);
  }, { passive: true });
  cleanup.listen(area, 'pointerdown', () => { if (!typing) wake(); }, { passive: true });
  cleanup.listen(area, 'focusin', (event) => { if (!typing || (event.target instanceof Node && element.contains(event.target))) wake(); });
  cleanup.listen(element, 'pointerenter', (event) => { hovered = event.pointerType !== 'touch'; });
  cleanup.listen(element, 'pointerleave', () => { hovered = false; });
  cleanup.listen(handle, 'click', () => wake());
  cleanup.listen(document, 'keydown', () => { if (!typing) wake(); });
  cleanup.add(() => { clearTimeout(timer); clearTimeout(edge); });
  wake();

  return {
    element,
    handle,
    add(group, item, menu) {
      groups.get(group)!.append(item);
      if (!menu) return;
      item.classList.add('wide-only');
      folded.push({ element: item, menu });
    },
    setTyping(on) {
      typing = on;
    },
    wake,
    rest() {
      clearTimeout(timer);
      if (!busy()) area.classList.add('resting');
    },
    close: () => cleanup.run(),
  };
}
