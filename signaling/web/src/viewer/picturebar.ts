/** The picture's own buttons in the bar: fit or 1:1, full screen, snapshot, statistics. */

import { button } from '../ui/controls';
import { h } from '../ui/dom';
import { icon } from '../ui/icons';
import type { Bar } from './bar';

export interface PictureActions {
  toggleMode(): void;
  toggleFullscreen(): void;
  snapshot(): void;
  toggleStats(): void;
}

export interface PictureBar {
  setMode(mode: 'fit' | 'actual'): void;
  setFullscreen(on: boolean): void;
  setStats(on: boolean): void;
  /** The picture's own buttons make no sense before there is one. */
  setPicture(there: boolean): void;
}

export function pictureBar(bar: Bar, on: PictureActions): PictureBar {
  const mode = button({ label: 'Show at 1:1', text: '1:1', shortcut: '1', onClick: on.toggleMode });
  const fullscreen = button({ label: 'Full screen', icon: 'fullscreen', shortcut: 'f', onClick: on.toggleFullscreen });
  const snapshot = button({ label: 'Save a snapshot', icon: 'camera', onClick: on.snapshot });
  const stats = button({ label: 'Statistics', icon: 'activity', shortcut: 's', onClick: on.toggleStats });
  const words = (element: HTMLElement): string => element.getAttribute('aria-label') ?? element.textContent ?? '';
  bar.add('picture', mode, () => ({ label: words(mode), icon: 'monitor', run: on.toggleMode }));
  bar.add('picture', fullscreen);
  bar.add('record', snapshot, () => ({ label: 'Save a snapshot', icon: 'camera', run: on.snapshot }));
  bar.add('more', stats, () => ({ label: 'Statistics', icon: 'activity', checked: stats.getAttribute('aria-pressed') === 'true', run: on.toggleStats }));
  bar.element.querySelector('[data-group="more"]')!.prepend(stats);

  return {
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
  };
}
