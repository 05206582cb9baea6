/** The floating bar: hides while the pointer rests, comes back on a move, at the edge, or with the focus. */

import { Cleanup, h } from '../ui/dom';
import { button } from '../ui/controls';
import { icon } from '../ui/icons';

export interface BarActions {
  toggleMode(): void;
  toggleFullscreen(): void;
  snapshot(): void;
  toggleStats(): void;
  more(owner: HTMLElement): void;
}

export interface Bar {
  element: HTMLElement;
  setMode(mode: 'fit' | 'actual'): void;
  setFullscreen(on: boolean): void;
  setStats(on: boolean): void;
  /** The picture's own buttons make no sense before there is one. */
  setPicture(there: boolean): void;
  close(): void;
}

const REST_MS = 2_500;

export function bar(area: HTMLElement, on: BarActions): Bar {
  const mode = button({ label: 'Show at 1:1', text: '1:1', shortcut: '1', onClick: on.toggleMode });
  const fullscreen = button({ label: 'Full screen', icon: 'fullscreen', shortcut: 'f', onClick: on.toggleFullscreen });
  const snapshot = button({ label: 'Save a snapshot', icon: 'camera', onClick: on.snapshot });
  const stats = button({ label: 'Statistics', icon: 'activity', shortcut: 's', onClick: on.toggleStats });
  const more = button({ label: 'More', icon: 'more', onClick: () => on.more(more) });
  more.setAttribute('aria-haspopup', 'menu');
  more.setAttribute('aria-expanded', 'false');
  const element = h('div', { class: 'bar', attrs: { role: 'toolbar', 'aria-label': 'Picture' } }, mode, fullscreen, snapshot, stats, more);
  const cleanup = new Cleanup();
  let timer = 0;

  const busy = (): boolean => element.matches(':hover, :focus-within') || more.getAttribute('aria-expanded') === 'true';
  const rest = (): void => {
    if (busy()) return wake();
    area.classList.add('resting');
  };
  const wake = (): void => {
    area.classList.remove('resting');
    clearTimeout(timer);
    timer = window.setTimeout(rest, REST_MS);
  };
  cleanup.listen(area, 'pointermove', wake, { passive: true });
  cleanup.listen(area, 'pointerdown', wake, { passive: true });
  cleanup.listen(area, 'focusin', wake);
  cleanup.listen(document, 'keydown', wake);
  cleanup.add(() => clearTimeout(timer));
  wake();

  return {
    element,
    setMode(value) {
      const next = value === 'fit' ? { label: 'Show at 1:1', text: '1:1', key: '1' } : { label: 'Fit to window', text: 'Fit', key: '0' };
      mode.setAttribute('aria-label', next.label);
      mode.dataset['tip'] = `${next.label} (${next.key})`;
      mode.setAttribute('aria-keyshortcuts', next.key);
      mode.replaceChildren(h('span', { text: next.text }));
    },
    setFullscreen(value) {
      const label = value ? 'Leave full screen' : 'Full screen';
      fullscreen.setAttribute('aria-label', label);
      fullscreen.dataset['tip'] = `${label} (f)`;
      fullscreen.replaceChildren(icon(value ? 'windowed' : 'fullscreen'));
    },
    setStats(value) {
      stats.setAttribute('aria-pressed', String(value));
    },
    setPicture(there) {
      for (const control of [mode, snapshot]) control.disabled = !there;
    },
    close: () => cleanup.run(),
  };
}
