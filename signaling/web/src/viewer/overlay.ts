/** The sentence over the picture, and the same sentence for screen readers. */

import { signInForm } from '../ui/signin';
import { button } from '../ui/controls';
import { h, setText } from '../ui/dom';
import type { Action, View } from '../sentences';

export interface OverlayActions {
  retry(): void;
  signedIn(): void;
  vnc(): void;
}

export interface Overlay {
  element: HTMLElement;
  spoken: HTMLElement;
  set(view: View): void;
}

export function overlay(on: OverlayActions): Overlay {
  const sentence = h('p', { class: 'sentence' });
  const hint = h('p', { class: 'hint' });
  const actions = h('div', { class: 'sentence-actions' });
  const progress = h('div', { class: 'progress', attrs: { 'aria-hidden': 'true' } }, h('span', {}));
  const card = h('div', { class: 'sentence-card' }, progress, sentence, hint, actions);
  const element = h('div', { class: 'overlay', attrs: { hidden: true } }, card);
  const spoken = h('div', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  let shown = '';

  const make: Record<Action, () => HTMLElement> = {
    retry: () => button({ label: 'Try again now', text: 'Try again now', icon: 'refresh', onClick: on.retry }),
    explorer: () => h('a', { class: 'button', attrs: { href: '/' }, text: 'All sessions' }),
    vnc: () => button({ label: 'VNC Viewer', text: 'VNC Viewer', onClick: on.vnc }),
    'sign-in': () => signInForm(on.signedIn),
  };

  return {
    element,
    spoken,
    set(view) {
      element.hidden = view.sentence === null;
      element.dataset['tone'] = view.tone;
      element.classList.toggle('quiet', view.quiet);
      progress.hidden = view.tone === 'ended' || view.tone === 'live';
      setText(sentence, view.sentence ?? '');
      setText(hint, view.hint ?? '');
      hint.hidden = !view.hint;
      // The actions keep their focus and what was typed while the seconds count.
      const wanted = `${view.word}:${view.actions.join()}`;
      if (wanted !== shown) {
        actions.replaceChildren(...view.actions.map((action) => make[action]()));
        actions.hidden = view.actions.length === 0;
        shown = wanted;
      }
      setText(spoken, view.spoken);
    },
  };
}
