/** The API key, entered once and kept for this tab. */

import { keepApiKey } from '../grants';
import { button } from './controls';
import { h } from './dom';

export function signInForm(onKey: () => void, problem: string | null = null): HTMLFormElement {
  const input = h('input', {
    class: 'field',
    attrs: { id: 'api-key', type: 'password', name: 'api-key', autocomplete: 'off', spellcheck: 'false', required: true, placeholder: 'API key', 'aria-label': 'API key', 'aria-describedby': 'api-key-help', 'aria-invalid': problem ? 'true' : undefined },
  });
  const submit = button({ label: 'Sign in', text: 'Sign in', class: 'primary' });
  submit.type = 'submit';
  return h(
    'form',
    {
      class: 'sign-in-form',
      on: {
        submit: (event) => {
          event.preventDefault();
          const key = input.value.trim();
          if (!key) return input.focus();
          keepApiKey(key);
          onKey();
        },
      },
    },
    h('div', { class: 'sign-in-row' }, input, submit),
    problem ? h('p', { class: 'problem', attrs: { role: 'alert' }, text: problem }) : null,
    h('p', { class: 'help', attrs: { id: 'api-key-help' } }, 'The demo prints it (', h('code', { text: 'api_key' }), ' in ', h('code', { text: 'sessioncast demo --json' }), '). Elsewhere, ask whoever runs the signaling server. It stays in this tab only.'),
  );
}
