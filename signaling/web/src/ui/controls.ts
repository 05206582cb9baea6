/** Buttons, toasts, copy fields and tool tips: the small parts everything else is made of. */

import { h } from './dom';
import { icon, type IconName } from './icons';

export interface ButtonOptions {
  label: string;
  icon?: IconName;
  /** Shown as text beside the icon; otherwise the label is the tool tip and the accessible name. */
  text?: string;
  class?: string;
  shortcut?: string;
  onClick?: (event: MouseEvent) => void;
}

export function button({ label, icon: name, text, class: extra = '', shortcut, onClick }: ButtonOptions): HTMLButtonElement {
  const element = h(
    'button',
    { class: `button ${extra}`, attrs: { type: 'button', 'aria-label': text === label ? undefined : label, 'aria-keyshortcuts': shortcut } },
    name && icon(name),
    text !== undefined && h('span', { text }),
  );
  if (text !== label) element.dataset['tip'] = shortcut ? `${label} (${shortcut})` : label;
  if (onClick) element.addEventListener('click', onClick);
  return element;
}

let toasts: HTMLElement | null = null;
const TOAST_MS = 4_000;

export function toast(message: string): void {
  toasts ??= document.body.appendChild(h('div', { class: 'toasts', attrs: { role: 'status', 'aria-live': 'polite', popover: 'manual' } }));
  const element = h('div', { class: 'toast', text: message });
  toasts.append(element);
  // Into the top layer, over whatever dialog is open by now.
  if (toasts.matches(':popover-open')) toasts.hidePopover();
  toasts.showPopover();
  setTimeout(() => element.remove(), TOAST_MS);
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** A line to copy: a command, a link. Selecting it by hand works too, where the clipboard is closed to us. */
export function copyField(value: string, label: string): HTMLElement {
  const code = h('code', { class: 'copy-text', attrs: { tabindex: 0, 'aria-label': label }, text: value });
  const copy = button({ label: `Copy ${label.toLowerCase()}`, icon: 'copy', class: 'quiet' });
  copy.addEventListener('click', async () => {
    if (await toClipboard(value)) {
      copy.replaceChildren(icon('check'));
      setTimeout(() => copy.replaceChildren(icon('copy')), 1_500);
      toast('Copied');
      return;
    }
    getSelection()?.selectAllChildren(code);
    toast('Press Ctrl+C to copy');
  });
  return h('div', { class: 'copy-field' }, code, copy);
}

/** One tool tip for the whole page, for pointer and keyboard alike: any element with `data-tip`. */
export function installTips(): void {
  const tip = h('div', { class: 'tip', attrs: { role: 'tooltip', id: 'tip', hidden: true } });
  let owner: HTMLElement | null = null;
  let timer = 0;
  const hide = (): void => {
    clearTimeout(timer);
    owner?.removeAttribute('aria-describedby');
    owner = null;
    tip.hidden = true;
  };
  const show = (element: HTMLElement): void => {
    owner = element;
    (element.closest('dialog, main') ?? document.body).append(tip);
    tip.textContent = element.dataset['tip'] ?? '';
    tip.hidden = false;
    if (element.getAttribute('aria-label') === null || element.dataset['tip'] !== element.getAttribute('aria-label')) element.setAttribute('aria-describedby', 'tip');
    const box = element.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const within = (value: number, limit: number): number => Math.max(8, Math.min(limit - 8, value));
    // Beside a panel that asks for it and leaves the room, else below, else above.
    if (element.closest('[data-tips="left"]') && box.left - own.width - 24 > 0) {
      tip.style.left = `${box.left - own.width - 20}px`;
      tip.style.top = `${within(box.top - 6, innerHeight - own.height)}px`;
      return;
    }
    const below = box.bottom + 8 + own.height < innerHeight;
    tip.style.left = `${within(box.left + box.width / 2 - own.width / 2, innerWidth - own.width)}px`;
    tip.style.top = `${below ? box.bottom + 8 : box.top - own.height - 8}px`;
  };
  const find = (event: globalThis.Event): HTMLElement | null => (event.target instanceof Element ? event.target.closest<HTMLElement>('[data-tip]') : null);
  document.addEventListener('pointerover', (event) => {
    const element = find(event);
    if (element === owner || event.pointerType === 'touch') return;
    hide();
    if (element) timer = window.setTimeout(() => element.isConnected && show(element), 350);
  });
  document.addEventListener('focusin', (event) => {
    hide();
    const element = find(event);
    if (element?.matches(':focus-visible')) show(element);
  });
  for (const type of ['focusout', 'pointerdown', 'keydown', 'wheel'] as const) document.addEventListener(type, hide, { passive: true });
}
