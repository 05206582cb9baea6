/** The tab strip and the address bar over the picture of a browser session. */

import { button } from '../ui/controls';
import { toggleMenu, type MenuItem } from '../ui/dialog';
import { h, setAttr } from '../ui/dom';
import { icon } from '../ui/icons';
import { hostOf, readableSize, shownAddress, type BrowserState, type Tab } from './state';

export interface StripHandlers {
  call(method: string, body?: Record<string, unknown>): void;
  fetch(id: string): void;
}

export interface Strip {
  element: HTMLElement;
  /** `operator`: may steer by role; `ours`: and nobody else has control now. */
  render(state: BrowserState, operator: boolean, ours: boolean): void;
}

const nameOf = (tab: Tab): string => (tab.title === 'about:blank' ? '' : tab.title) || hostOf(tab.url) || shownAddress(tab.url) || 'New tab';

export function strip(on: StripHandlers): Strip {
  const tabs = h('div', { class: 'browser-tabs', attrs: { role: 'tablist', 'aria-label': 'Tabs of the browser' } });
  const add = button({ label: 'New tab', icon: 'plus', class: 'quiet', onClick: open });
  const back = button({ label: 'Back', icon: 'back', class: 'quiet', onClick: () => on.call('page.back') });
  const forward = button({ label: 'Forward', icon: 'forward', class: 'quiet', onClick: () => on.call('page.forward') });
  const reload = button({ label: 'Reload', icon: 'refresh', class: 'quiet', onClick: () => on.call(loading ? 'page.stop' : 'page.reload') });
  const address = h('input', { class: 'field browser-address', attrs: { type: 'text', inputmode: 'url', 'aria-label': 'Address', placeholder: 'Address', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', enterkeyhint: 'go' } });
  const form = h('form', { class: 'browser-go', on: { submit: (event) => { event.preventDefault(); go(); } } }, address);
  const files = button({ label: 'Downloads', icon: 'download', class: 'quiet browser-downloads', onClick: () => toggleMenu(files, menu()) });
  const tools = h('div', { class: 'browser-tools' }, back, forward, reload, form, files);
  const element = h('nav', { class: 'browser-strip', attrs: { 'aria-label': 'Browser', hidden: true } }, h('div', { class: 'browser-row' }, tabs, add), tools);
  let loading = false;
  let shown: BrowserState | null = null;
  let activeUrl = '';

  /** As in any browser, the address of a new tab is what one types next. */
  function open(): void {
    on.call('tabs.open');
    address.value = '';
    address.focus();
  }

  function go(): void {
    const url = address.value.trim();
    if (url) on.call('page.navigate', { url });
    address.blur();
  }
  address.addEventListener('focus', () => address.select());
  address.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key !== 'Escape') return;
    address.value = activeUrl;
    address.blur();
  });
  for (const type of ['keyup', 'keypress', 'paste', 'copy', 'cut'] as const) address.addEventListener(type, (event) => event.stopPropagation());

  function menu(): MenuItem[] {
    return [...(shown?.downloads ?? [])].reverse().map((file) => ({
      label: file.name,
      icon: 'download' as const,
      hint: { running: `${readableSize(file.received)} so far`, done: `${readableSize(file.received)}, save on this device`, canceled: 'Broke off', refused: 'Refused' }[file.state],
      run: () => { if (file.state === 'done') on.fetch(file.id); },
    }));
  }

  function entry(tab: Tab, operator: boolean, ours: boolean): HTMLElement {
    const words = tab.crashed ? `${nameOf(tab)} (crashed)` : nameOf(tab);
    const title = h('span', { class: 'browser-tab-title', text: words });
    const mark = h('span', { class: tab.loading ? 'browser-tab-mark loading' : 'browser-tab-mark', attrs: { 'aria-hidden': 'true' } }, icon(tab.crashed ? 'end' : 'browser', 14));
    const body = h('button', { class: 'browser-tab-body', attrs: { type: 'button', role: 'tab', 'aria-selected': String(tab.active), tabindex: tab.active ? 0 : -1, title: operator ? shownAddress(tab.url) || words : words, disabled: !ours } }, mark, title);
    body.addEventListener('click', () => { if (!tab.active) on.call('tabs.activate', { id: tab.id }); });
    body.addEventListener('auxclick', (event) => { if (event.button === 1) on.call('tabs.close', { id: tab.id }); });
    const close = operator && h('button', { class: 'browser-tab-close', attrs: { type: 'button', 'aria-label': `Close ${words}`, disabled: !ours, tabindex: -1 } }, icon('close', 14));
    if (close) close.addEventListener('click', () => on.call('tabs.close', { id: tab.id }));
    return h('div', { class: 'browser-tab', attrs: { 'data-active': String(tab.active) } }, body, close);
  }

  tabs.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...tabs.querySelectorAll<HTMLButtonElement>('.browser-tab-body')];
    all[(all.indexOf(document.activeElement as HTMLButtonElement) + step + all.length) % all.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  let drawn = '';
  return {
    element,
    render(state, operator, ours) {
      shown = state;
      element.hidden = !state.there;
      tools.hidden = add.hidden = !operator;
      element.dataset['steer'] = String(operator && ours);
      const active = state.tabs.find((tab) => tab.active);
      loading = active?.loading ?? false;
      const key = JSON.stringify([state.tabs.map(({ canBack: _back, canForward: _forward, ...rest }) => rest), operator, ours]);
      if (key !== drawn) {
        drawn = key;
        const focused = tabs.contains(document.activeElement);
        tabs.replaceChildren(...state.tabs.map((tab) => entry(tab, operator, operator && ours)));
        const chosen = tabs.querySelector<HTMLElement>('[data-active="true"]');
        chosen?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
        if (focused) chosen?.querySelector<HTMLElement>('button')?.focus();
      }
      for (const control of [add, reload, address]) control.disabled = !ours;
      back.disabled = !ours || !active?.canBack;
      forward.disabled = !ours || !active?.canForward;
      const label = loading ? 'Stop loading' : 'Reload';
      if (reload.getAttribute('aria-label') !== label) {
        setAttr(reload, 'aria-label', label);
        reload.dataset['tip'] = label;
        reload.replaceChildren(icon(loading ? 'close' : 'refresh'));
      }
      const url = shownAddress(active?.url ?? '');
      if (url !== activeUrl && (document.activeElement !== address || address.value === activeUrl)) address.value = url;
      activeUrl = url;
      files.hidden = state.downloads.length === 0;
      const count = state.downloads.filter((file) => file.state === 'running').length;
      files.classList.toggle('running', count > 0);
      const words = count ? `Downloads, ${count} running` : 'Downloads';
      if (files.getAttribute('aria-label') !== words) setAttr(files, 'aria-label', words);
    },
  };
}

