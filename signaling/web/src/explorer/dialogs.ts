/** New session, share, end. */

import { ApiError, createSession, endSession, makeJoinLink, type Caller, type NewLink } from '../api';
import { isSessionId, type AgentCredential, type Kind, type Role } from '../types';
import { button, copyField, toast } from '../ui/controls';
import { confirm, openDialog } from '../ui/dialog';
import { h, setText } from '../ui/dom';

const words = (error: unknown): string => (error instanceof ApiError ? error.message : 'That did not work. Please try again.');

function choice(id: string, label: string, options: [value: string, text: string][]): { row: HTMLElement; select: HTMLSelectElement } {
  const select = h('select', { class: 'field', attrs: { id } }, ...options.map(([value, text]) => h('option', { attrs: { value }, text })));
  return { row: h('div', { class: 'form-row' }, h('label', { attrs: { for: id }, text: label }), select), select };
}

export function openNewSession(caller: Caller, onCreated: () => void): void {
  const name = h('input', { class: 'field', attrs: { id: 'new-session', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: 63, placeholder: 'build-42', autofocus: true, 'aria-describedby': 'new-session-help' } });
  const kind = choice('new-kind', 'Kind', [['desktop', 'Desktop (X11 display)'], ['browser', 'Browser (Chromium over CDP)']]);
  const problem = h('p', { class: 'problem', attrs: { role: 'alert' } });
  const submit = button({ label: 'Create', text: 'Create', class: 'primary' });
  submit.type = 'submit';
  const form = h('form', { class: 'form' },
    h('div', { class: 'form-row' }, h('label', { attrs: { for: 'new-session' }, text: 'Name' }), name, h('p', { class: 'help', attrs: { id: 'new-session-help' }, text: 'Small letters, digits and hyphens. Left empty, the server makes one up.' })),
    kind.row, problem, h('div', { class: 'dialog-actions' }, submit));
  const dialog = openDialog('New session', form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const session = name.value.trim();
    if (session && !isSessionId(session)) {
      setText(problem, 'A name has small letters, digits and hyphens, and a hyphen neither first nor last.');
      return name.focus();
    }
    submit.disabled = true;
    try {
      const made = await createSession(session, kind.select.value as Kind, caller);
      onCreated();
      dialog.body.replaceChildren(...agentCommands(made, kind.select.value as Kind));
    } catch (error) {
      setText(problem, words(error));
      submit.disabled = false;
    }
  });
}

function agentCommands({ session, credential }: AgentCredential, kind: Kind): Node[] {
  const file = `${session}.credential`;
  const source = kind === 'browser' ? '--cdp-url http://127.0.0.1:9222' : '--display :0';
  return [
    h('p', {}, 'The session ', h('strong', { text: session }), ' is waiting for its agent. Where the ', kind, ' runs:'),
    h('ol', { class: 'steps' },
      h('li', {}, h('p', { text: 'Keep the credential in a file. Run this, paste the credential, then Enter and Ctrl+D:' }), copyField(`(umask 077; cat > ${file})`, 'Command'), copyField(credential, 'Credential'), h('p', { class: 'help', text: 'It lets nobody but this session’s agent in. Creating the session again shows it again.' })),
      h('li', {}, h('p', { text: 'Start the agent:' }), copyField(`sessioncast agent --session ${session} ${source} --signaling-url ${location.origin} --credential-file ${file}`, 'Command'))),
    h('p', { class: 'help', text: 'Its card says “Live” as soon as the first picture is published.' }),
  ];
}

export function openShare(session: string, caller: Caller): void {
  const role = choice('share-role', 'May', [['observer', 'watch'], ['operator', 'watch and steer'], ['admin', 'do everything']]);
  const lifetime = choice('share-ttl', 'Good for', [['900', '15 minutes'], ['3600', '1 hour'], ['86400', '1 day'], ['604800', '7 days']]);
  const uses = choice('share-uses', 'Opens', [['1', 'once'], ['5', '5 times'], ['25', '25 times'], ['100', '100 times']]);
  lifetime.select.value = '3600';
  const name = h('input', { class: 'field', attrs: { id: 'share-name', autocomplete: 'off', maxlength: 64, placeholder: 'Ana' } });
  const ask = h('input', { attrs: { id: 'share-ask', type: 'checkbox' } });
  const askRow = h('div', { class: 'check-row' }, ask, h('label', { attrs: { for: 'share-ask' }, text: 'May ask for control' }));
  role.select.addEventListener('change', () => { askRow.hidden = role.select.value !== 'observer'; });
  const problem = h('p', { class: 'problem', attrs: { role: 'alert' } });
  const result = h('div', { class: 'share-result', attrs: { 'aria-live': 'polite' } });
  const submit = button({ label: 'Make a link', text: 'Make a link', class: 'primary' });
  submit.type = 'submit';
  const form = h('form', { class: 'form' },
    h('div', { class: 'form-columns' }, role.row, lifetime.row, uses.row),
    h('div', { class: 'form-row' }, h('label', { attrs: { for: 'share-name' }, text: 'For (shown to the others; optional)' }), name),
    askRow, problem, result, h('div', { class: 'dialog-actions' }, submit));
  openDialog(`Share ${session}`, h('p', { class: 'help', text: 'Whoever opens the link first gets in, without an account. A browser that was let in stays in, also after a reload.' }), form);
  role.select.focus();
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    setText(problem, '');
    const wanted: NewLink = { role: role.select.value as Role, ttl_seconds: Number(lifetime.select.value), max_uses: Number(uses.select.value) };
    if (name.value.trim()) wanted.name = name.value.trim();
    if (ask.checked && wanted.role === 'observer') wanted.may_ask = true;
    try {
      const link = await makeJoinLink(session, wanted, caller);
      const { qrCode } = await import('./qr');
      result.replaceChildren(copyField(link.url, 'Link'), qrCode(link.url, `QR code of the link to ${session}`));
      submit.querySelector('span')!.textContent = 'Make another';
    } catch (error) {
      setText(problem, words(error));
    }
    submit.disabled = false;
  });
}

export async function askToEnd(session: string, caller: Caller, onEnded: () => void): Promise<void> {
  const yes = await confirm(`End ${session}?`, 'Everybody who watches is disconnected, its agent stops, and no old link or ticket brings it back.', 'End session');
  if (!yes) return;
  try {
    await endSession(session, caller);
    toast(`${session} has ended`);
    onEnded();
  } catch (error) {
    toast(words(error));
  }
}
