/** What a page of the browser asks of its user, as a card over the picture for whoever may answer. */

import { button } from '../ui/controls';
import { h } from '../ui/dom';
import { hostOf, type Prompt, type PromptKind } from './state';

export interface Reply {
  accept: boolean;
  text?: string;
  secret?: string;
  files?: readonly File[];
}

export interface Questions {
  element: HTMLElement;
  /** `ours`: nobody else has control; `holds`: we have it, so the card may take the focus. */
  render(prompts: readonly Prompt[], ours: boolean, holds: boolean, holder: string): void;
}

const TITLES: Record<PromptKind, string> = {
  alert: 'The page says', confirm: 'The page asks', prompt: 'The page asks', beforeunload: 'Leave this page?',
  file: 'The page asks for a file', auth: 'Sign in', permission: 'The page asks for permission',
};
const YES: Record<PromptKind, string> = { alert: 'OK', confirm: 'OK', prompt: 'OK', beforeunload: 'Leave', file: 'Choose…', auth: 'Sign in', permission: 'Allow' };
const NO: Record<PromptKind, string> = { alert: '', confirm: 'Cancel', prompt: 'Cancel', beforeunload: 'Stay', file: 'Cancel', auth: 'Cancel', permission: 'Block' };

export function questions(answer: (prompt: Prompt, reply: Reply) => void): Questions {
  const layer = h('div', { class: 'question-layer' });
  let drawn = '';

  function card(prompt: Prompt, ours: boolean, holder: string): HTMLElement {
    const id = `question-${prompt.id}`;
    const fields = fieldsOf(prompt);
    const give = (accept: boolean): void => answer(prompt, accept ? { accept, ...fields.value() } : { accept });
    const no = NO[prompt.kind] && button({ label: NO[prompt.kind], text: NO[prompt.kind], onClick: () => give(false) });
    const yes = button({ label: YES[prompt.kind], text: YES[prompt.kind], class: 'primary', ...(prompt.kind === 'file' ? { onClick: () => fields.pick?.() } : {}) });
    yes.type = prompt.kind === 'file' ? 'button' : 'submit';
    fields.picked = () => give(true);
    const form = h(
      'form', { class: 'question', attrs: { role: 'alertdialog', 'aria-labelledby': id, 'aria-describedby': `${id}-text`, 'data-kind': prompt.kind }, on: { submit: (event) => { event.preventDefault(); give(true); } } },
      h('h2', { attrs: { id }, text: TITLES[prompt.kind] }),
      prompt.origin ? h('p', { class: 'question-origin', text: hostOf(prompt.origin) || prompt.origin }) : null,
      h('p', { class: 'question-text', attrs: { id: `${id}-text` }, text: prompt.kind === 'permission' ? `It wants to ${prompt.text}.` : prompt.text }),
      ...fields.elements,
      ours ? h('div', { class: 'dialog-actions' }, no || null, yes) : h('p', { class: 'help', text: holder ? `${holder} has control and may answer.` : 'Whoever has control may answer.' }),
    );
    // Typed into the card, not into the session.
    for (const type of ['keydown', 'keyup', 'keypress', 'paste', 'copy', 'cut'] as const) form.addEventListener(type, (event) => {
      if (event instanceof KeyboardEvent && event.type === 'keydown' && event.key === 'Escape' && ours && no) give(false);
      event.stopPropagation();
    });
    return form;
  }

  return {
    element: layer,
    render(prompts, ours, holds, holder) {
      const prompt = prompts[0];
      const key = prompt ? `${prompt.id} ${ours} ${ours ? '' : holder}` : '';
      if (key === drawn) return;
      drawn = key;
      layer.replaceChildren(...(prompt ? [card(prompt, ours, holder)] : []));
      if (prompt && holds) layer.querySelector<HTMLElement>('input:not([type="file"]), .primary')?.focus();
    },
  };
}

interface Fields {
  elements: HTMLElement[];
  value(): Omit<Reply, 'accept'>;
  pick?(): void;
  picked?: () => void;
}

function fieldsOf(prompt: Prompt): Fields {
  if (prompt.kind === 'prompt') {
    const input = h('input', { class: 'field', attrs: { type: 'text', 'aria-label': prompt.text || 'Answer', autocomplete: 'off' } });
    input.value = prompt.default;
    return { elements: [input], value: () => ({ text: input.value }) };
  }
  if (prompt.kind === 'auth') {
    const name = h('input', { class: 'field', attrs: { type: 'text', 'aria-label': 'Name', placeholder: 'Name', autocomplete: 'off' } });
    const secret = h('input', { class: 'field', attrs: { type: 'password', 'aria-label': 'Password', placeholder: 'Password', autocomplete: 'off' } });
    return { elements: [name, secret], value: () => ({ text: name.value, secret: secret.value }) };
  }
  if (prompt.kind === 'file') {
    const input = h('input', { attrs: { type: 'file', multiple: prompt.multiple, hidden: true, 'aria-label': 'Files' } });
    const fields: Fields = { elements: [input], value: () => ({ files: [...(input.files ?? [])] }), pick: () => input.click() };
    input.addEventListener('change', () => { if (input.files?.length) fields.picked?.(); });
    return fields;
  }
  return { elements: [], value: () => ({}) };
}
