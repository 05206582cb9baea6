/** The keyboard help. */

import { openDialog } from '../ui/dialog';
import { h } from '../ui/dom';

export const SHORTCUTS: [string, string][] = [
  ['f', 'Full screen, and back'],
  ['1', 'One desktop pixel on one screen pixel'],
  ['0 or w', 'Fit to the window'],
  ['s', 'Statistics'],
  ['?', 'This help'],
  ['Esc', 'Close what is open'],
];

/** While the keyboard is in the session, it has all keys but these. */
const IN_SESSION: [string, string][] = [
  ['Esc Esc', 'Bring the bar back; the session sees them too'],
  ['Ctrl + Alt + Shift', 'Take the keyboard out of the session, to the bar'],
  ['Esc (held)', 'Leave full screen, in which the session has even Alt + Tab'],
];

function keyList(shortcuts: [string, string][]): HTMLElement {
  const list = h('dl', { class: 'shortcuts' });
  for (const [keys, words] of shortcuts) {
    const cell = h('dt', {});
    keys.split(' or ').forEach((key, index) => {
      if (index) cell.append(' or ');
      cell.append(h('kbd', { text: key }));
    });
    list.append(cell, h('dd', { text: words }));
  }
  return list;
}

export function openHelp(): void {
  openDialog('Keyboard', keyList(SHORTCUTS), h('p', { class: 'help', text: 'While you have control and the keyboard is in the session:' }), keyList(IN_SESSION), h('p', { class: 'help', text: 'At 1:1 a desktop larger than the window scrolls; with the picture focused, the arrow keys do it too.' }));
}
