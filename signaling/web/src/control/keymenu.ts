/** Keys that a browser or its system keeps for itself, to be sent from a menu. */

import type { MenuItem } from '../ui/dialog';
import { XK } from './keysyms';

const LETTER = (letter: string): number => letter.charCodeAt(0);

const CHORDS: { label: string; keys: readonly number[]; hint?: string }[] = [
  { label: 'Ctrl + Alt + Del', keys: [XK.Control_L, XK.Alt_L, XK.Delete] },
  { label: 'Super', keys: [XK.Super_L], hint: 'The system key' },
  { label: 'Alt + Tab', keys: [XK.Alt_L, XK.Tab] },
  { label: 'Alt + F4', keys: [XK.Alt_L, XK.F4] },
  { label: 'Ctrl + Alt + T', keys: [XK.Control_L, XK.Alt_L, LETTER('t')], hint: 'A terminal, on many desktops' },
  { label: 'Ctrl + W', keys: [XK.Control_L, LETTER('w')] },
  { label: 'Ctrl + T', keys: [XK.Control_L, LETTER('t')] },
  { label: 'Ctrl + N', keys: [XK.Control_L, LETTER('n')] },
  { label: 'Esc', keys: [XK.Escape] },
  { label: 'Tab', keys: [XK.Tab] },
  { label: 'Print Screen', keys: [XK.Print] },
  { label: 'Menu', keys: [XK.Menu], hint: 'The context menu of what has the focus' },
];

export function keyMenu(send: (keysyms: readonly number[]) => void): MenuItem[] {
  return CHORDS.map(({ label, keys, hint }) => ({ label, icon: 'keyboard', ...(hint ? { hint } : {}), run: () => send(keys) }));
}
