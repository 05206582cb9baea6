/** Modal dialogs and small menus on the platform's own `<dialog>`; focus comes back to where it was. */

import { button } from './controls';
import { h } from './dom';
import { icon, type IconName } from './icons';

let titles = 0;

export interface Dialog {
  element: HTMLDialogElement;
  body: HTMLElement;
  close(): void;
}

export function openDialog(title: string, ...children: (Node | string)[]): Dialog {
  const id = `dialog-title-${(titles += 1)}`;
  const body = h('div', { class: 'dialog-body' }, ...children);
  const element = h(
    'dialog', { class: 'dialog', attrs: { 'aria-labelledby': id } },
    h('header', { class: 'dialog-head' }, h('h2', { attrs: { id }, text: title }), button({ label: 'Close', icon: 'close', class: 'quiet', onClick: () => element.close() })),
    body,
  );
  element.addEventListener('close', () => element.remove());
  element.addEventListener('pointerdown', (event) => {
    if (event.target === element && outside(element, event)) element.close();
  });
  document.body.append(element);
  element.showModal();
  (element.querySelector<HTMLElement>('[autofocus]') ?? body.querySelector<HTMLElement>('button, input, select, [tabindex]'))?.focus();
  return { element, body, close: () => element.close() };
}

function outside(element: HTMLElement, event: PointerEvent): boolean {
  const box = element.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

/** Resolves with whether the person said yes. */
export function confirm(title: string, words: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = openDialog(title, h('p', { text: words }));
    const no = button({ label: 'Cancel', text: 'Cancel', onClick: dialog.close });
    dialog.body.append(h('div', { class: 'dialog-actions' }, no, button({ label: yes, text: yes, class: 'danger', onClick: () => { answer = true; dialog.close(); } })));
    no.focus();
    dialog.element.addEventListener('close', () => resolve(answer));
  });
}

export interface MenuItem {
  label: string;
  icon: IconName;
  danger?: boolean;
  checked?: boolean;
  hint?: string;
  shortcut?: string;
  run: () => void;
}

let openMenu: { element: HTMLElement; owner: HTMLElement; close: (refocus?: boolean) => void } | null = null;

/** A menu under (or over) its button: arrows, Home, End, Escape, and the first letter. */
export function toggleMenu(owner: HTMLElement, items: MenuItem[]): void {
  const again = openMenu?.owner === owner;
  openMenu?.close(false);
  if (again || items.length === 0) return;
  // The keyboard goes back to where it was: with a mouse it may have been in the session all the time.
  const before = document.activeElement instanceof HTMLElement && document.activeElement !== document.body ? document.activeElement : owner;
  const element = h('div', { class: 'menu', attrs: { role: 'menu', 'aria-label': owner.getAttribute('aria-label') ?? 'Menu' } });
  const close = (refocus = true): void => {
    element.remove();
    owner.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', away, true);
    removeEventListener('resize', gone);
    if (refocus) (before.isConnected ? before : owner).focus({ preventScroll: true });
    openMenu = null;
  };
  const gone = (): void => close(false);
  const away = (event: PointerEvent): void => {
    if (event.target instanceof Node && !element.contains(event.target) && !owner.contains(event.target)) close(false);
  };
  for (const item of items) element.append(entry(item, () => close()));
  element.addEventListener('keydown', (event) => steer(element, event, close));
  element.addEventListener('focusout', (event) => {
    if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget) && event.relatedTarget !== owner) close(false);
  });
  // Inside the dialog that its button is in: the page below a modal one is inert.
  (owner.closest('dialog, main') ?? document.body).append(element);
  position(element, owner);
  owner.setAttribute('aria-expanded', 'true');
  document.addEventListener('pointerdown', away, true);
  addEventListener('resize', gone);
  openMenu = { element, owner, close };
  (element.firstElementChild as HTMLElement | null)?.focus();
}

export const closeMenu = (): void => openMenu?.close(false);

function entry(item: MenuItem, close: () => void): HTMLElement {
  const checkable = item.checked !== undefined;
  const element = h(
    'button',
    { class: `menu-item${item.danger ? ' danger' : ''}`, attrs: { type: 'button', role: checkable ? 'menuitemcheckbox' : 'menuitem', tabindex: -1, 'aria-checked': checkable ? String(item.checked) : undefined } },
    icon(checkable && item.checked ? 'check' : item.icon, 16),
    h('span', { class: 'menu-label' }, h('span', { text: item.label }), item.hint ? h('small', { text: item.hint }) : null),
    item.shortcut ? h('kbd', { text: item.shortcut }) : null,
  );
  element.addEventListener('click', () => { close(); item.run(); });
  return element;
}

function steer(menu: HTMLElement, event: KeyboardEvent, close: () => void): void {
  const items = [...menu.children] as HTMLElement[];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) items[to]?.focus();
  else if (event.key === 'Escape') close();
  else if (event.key === 'Tab') return close();
  else if (event.key.length === 1 && event.key !== ' ') {
    const letter = event.key.toLowerCase();
    [...items.slice(at + 1), ...items].find((item) => item.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function position(menu: HTMLElement, owner: HTMLElement): void {
  const box = owner.getBoundingClientRect();
  const own = menu.getBoundingClientRect();
  const up = box.bottom + 4 + own.height > innerHeight && box.top - 4 - own.height > 0;
  menu.style.left = `${Math.max(8, Math.min(innerWidth - own.width - 8, box.right - own.width))}px`;
  const top = up ? box.top - 4 - own.height : box.bottom + 4;
  // One too long for either side lies over its button.
  menu.style.top = `${Math.max(8, Math.min(innerHeight - own.height - 8, top))}px`;
}
