/** The clipboards by hand: what the session's holds, and text to put there. For browsers and devices without Ctrl+V. */

import { CallError } from '../room';
import { isObject } from '../types';
import { button, toast } from '../ui/controls';
import { openDialog } from '../ui/dialog';
import { h } from '../ui/dom';
import type { Clipboard } from './clipboard';

export async function openClipboard(clipboard: Clipboard, call: (method: string, body: Record<string, unknown>) => Promise<unknown>): Promise<void> {
  const field = h('textarea', { class: 'field clipboard-text', attrs: { rows: 8, 'aria-label': 'Text of the clipboard', spellcheck: 'false', autofocus: true } });
  field.value = clipboard.text;
  const send = button({ label: 'To the session', text: 'To the session', class: 'primary' });
  const copy = button({ label: 'Copy here', text: 'Copy here' });
  const dialog = openDialog(
    'Clipboard',
    h('p', { class: 'help', text: 'What was last copied in the session. Change it or paste your own text, and send it there; Ctrl+V in the picture does the same in one step, also with a picture.' }),
    field,
    h('div', { class: 'dialog-actions' }, copy, send),
  );
  send.addEventListener('click', () => {
    void clipboard.set({ mime: 'text/plain', text: field.value }).then(
      () => { dialog.close(); toast('The session’s clipboard has it'); },
      (error: unknown) => toast(error instanceof CallError ? error.message : 'The clipboard could not be sent.'),
    );
  });
  copy.addEventListener('click', () => {
    field.select();
    void (navigator.clipboard?.writeText(field.value) ?? Promise.reject(new Error('no clipboard'))).then(() => toast('Copied'), () => { if (document.execCommand('copy')) toast('Copied'); });
  });
  try {
    const answer = await call('clipboard.get', {});
    if (!field.value && isObject(answer) && typeof answer['text'] === 'string') field.value = answer['text'];
  } catch {
    /* The session has no text there, or does not say: the field is for ours. */
  }
}
