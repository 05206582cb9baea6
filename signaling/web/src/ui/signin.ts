/** Signing in: with the organisation's identity server where there is one, or an API key kept for this tab. */

import { keepApiKey } from '../grants';
import { signIn, signInWays } from '../oidc';
import { button } from './controls';
import { h, setText } from './dom';

export function signInForm(onKey: () => void, problem: string | null = null): HTMLElement {
  const said = h('p', { class: 'problem', attrs: { role: 'alert' }, text: problem ?? '' });
  const form = keyForm(onKey, problem !== null);
  const element = h('div', { class: 'sign-in' }, said, form);
  void signInWays().then(({ apiKey, oidc }) => {
    if (!oidc) return;
    const go = button({ label: `Sign in with ${hostOf(oidc.issuer)}`, text: `Sign in with ${hostOf(oidc.issuer)}`, class: 'primary', onClick: async () => {
      go.disabled = true;
      try {
        await signIn(oidc);
      } catch (error) {
        setText(said, error instanceof Error ? error.message : 'That did not work. Please try again.');
        go.disabled = false;
      }
    } });
    form.hidden = !apiKey;
    form.querySelector('.button')?.classList.remove('primary');
    form.before(go);
    if (apiKey) form.before(h('p', { class: 'or', text: 'or with an API key' }));
  });
  return element;
}

function hostOf(issuer: string): string {
  try {
    return new URL(issuer).host;
  } catch {
    return 'your organisation';
  }
}

function keyForm(onKey: () => void, wrong: boolean): HTMLFormElement {
  const input = h('input', {
    class: 'field',
    attrs: { id: 'api-key', type: 'password', name: 'api-key', autocomplete: 'off', spellcheck: 'false', required: true, placeholder: 'API key', 'aria-label': 'API key', 'aria-describedby': 'api-key-help', 'aria-invalid': wrong ? 'true' : undefined },
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
    h('p', { class: 'help', attrs: { id: 'api-key-help' } }, 'The demo prints it (', h('code', { text: 'api_key' }), ' in ', h('code', { text: 'sessioncast demo --json' }), '). Elsewhere, ask whoever runs the signaling server. It stays in this tab only.'),
  );
}
