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

export function openHelp(): void {
  const list = h('dl', { class: 'shortcuts' });
  for (const [keys, words] of SHORTCUTS) {
    const cell = h('dt', {});
    keys.split(' or ').forEach((key, index) => {
      if (index) cell.append(' or ');
      cell.append(h('kbd', { text: key }));
    });
    list.append(cell, h('dd', { text: words }));
  }
  openDialog('Keyboard', list, h('p', { class: 'help', text: 'At 1:1 a desktop larger than the window scrolls; with the picture focused, the arrow keys do it too.' }));
}
