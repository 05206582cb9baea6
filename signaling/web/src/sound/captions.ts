/** What is being narrated, written over the picture. */

import { h, setText } from '../ui/dom';

export interface Caption {
  id: string;
  text: string;
  /** How long the sentence takes to say. */
  duration_ms: number;
}

const LINGER_MS = 1_500;
const LONGEST_MS = 30_000;

/** null for anything that is not a caption of ours; an empty text takes the present one away. */
export function toCaption(text: string, attributes: Readonly<Record<string, string>>): Caption | null {
  const id = attributes['id'] ?? '';
  const duration_ms = Number(attributes['duration_ms'] ?? 0);
  if (!id || text.length > 4_000 || !Number.isFinite(duration_ms)) return null;
  return { id, text, duration_ms: Math.min(LONGEST_MS, Math.max(0, duration_ms)) };
}

export interface CaptionLine {
  element: HTMLElement;
  show(caption: Caption): void;
  setOn(on: boolean): void;
  close(): void;
}

export function captionLine(): CaptionLine {
  const words = h('p', { class: 'caption-text', attrs: { role: 'status', 'aria-live': 'polite' } });
  const element = h('div', { class: 'caption', attrs: { hidden: true } }, words);
  let timer = 0;
  let on = true;
  const clear = (): void => {
    setText(words, '');
    element.hidden = true;
  };
  return {
    element,
    show(caption) {
      clearTimeout(timer);
      if (!caption.text) return clear();
      setText(words, caption.text);
      element.hidden = !on;
      timer = window.setTimeout(clear, caption.duration_ms + LINGER_MS);
    },
    setOn(value) {
      on = value;
      element.hidden = !on || words.textContent === '';
    },
    close: () => clearTimeout(timer),
  };
}
