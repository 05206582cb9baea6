/** The tab “VNC Viewer”: the fallback with a bar of its own. It connects while it is looked at. */

import '../css/vnc.css';
import { mayRequest, holderName, stance, type Control } from '../control/state';
import { ApiError } from '../api';
import { CallError } from '../room';
import type { View } from '../sentences';
import { button, toast } from '../ui/controls';
import { openDialog, type MenuItem } from '../ui/dialog';
import { Cleanup, h, setText } from '../ui/dom';
import { icon } from '../ui/icons';
import { fallbackView, LIVE_OVER_VNC } from '../vnc/words';
import type { OfferSource } from './access';
import { bar } from './bar';
import { Fallback, type FallbackPhase, type FallbackState } from './fallback';
import { overlay } from './overlay';

export interface VncPanel {
  element: HTMLElement;
  /** For the header. */
  view(): View;
  phase(): FallbackPhase;
  show(on: boolean): void;
  close(): void;
}

export interface VncActions {
  /** The live view, please. */
  back(): void;
  /** The way in has changed: a key was given. */
  signedIn(): void;
  toggleFullscreen(): void;
  changed(): void;
}

export function vncPanel(session: string, source: OfferSource, on: VncActions): VncPanel {
  const cleanup = new Cleanup();
  const words = overlay({ retry: () => fallback.restart(), signedIn: () => { on.signedIn(); fallback.restart(); }, vnc: on.back });
  const asks = h('div', { class: 'vnc-asks', attrs: { role: 'status', 'aria-live': 'polite' } });
  const fallback = new Fallback(source, { state: render, copied: (text) => void copied(text) });
  const element = h(
    'section', { class: 'vnc-panel', attrs: { id: 'panel-vnc', role: 'tabpanel', 'aria-labelledby': 'tab-vnc', 'aria-label': `${session} over VNC`, hidden: true } },
    fallback.element, words.element, words.spoken, asks,
  );
  let mode: 'fit' | 'actual' = 'fit';
  let follows = false;
  let clip = '';
  let was: FallbackState['phase'] | null = null;

  const control = button({ label: 'Control', text: 'Control', class: 'control-button', onClick: () => void click() });
  const label = control.lastElementChild as HTMLElement;
  const clipboard = button({ label: 'Clipboard', icon: 'copy', onClick: openClipboard });
  const size = button({ label: 'Show at 1:1', text: '1:1', onClick: () => setMode(mode === 'fit' ? 'actual' : 'fit') });
  const full = button({ label: 'Full screen', icon: 'fullscreen', onClick: on.toggleFullscreen });
  const tools = bar(element, menu);
  tools.add('control', control);
  tools.add('input', clipboard);
  tools.add('picture', size);
  tools.add('picture', full);
  element.append(tools.element);

  function menu(): MenuItem[] {
    const holding = stance(fallback.state.control) === 'yours';
    const items: MenuItem[] = [];
    if (holding) {
      items.push({ label: 'Fit the desktop to the window', icon: 'expand', checked: follows, run: () => { follows = !follows; fallback.setResize(follows); } });
      items.push({ label: 'Send Ctrl+Alt+Del', icon: 'key', run: () => fallback.screen?.sendCtrlAltDel() });
    }
    if (fallback.state.control.role === 'admin' && !holding) items.push({ label: 'Take control', icon: 'key', run: () => void ask('control.take') });
    items.push({ label: 'Save a snapshot', icon: 'camera', run: () => void snapshot() });
    items.push({ label: 'Reconnect', icon: 'refresh', hint: 'New ticket, new connection', run: () => fallback.restart() });
    return items;
  }

  function render(state: FallbackState): void {
    const now = fallbackView(state, performance.now());
    words.element.hidden = now === null;
    if (now) words.set(now);
    else words.spoken.textContent = state.phase === 'showing' ? 'Showing the session over VNC' : '';
    element.dataset['state'] = state.phase;
    element.classList.toggle('dimmed', now !== null);
    tools.element.hidden = state.phase !== 'showing';
    showControl(state.control);
    if (was !== state.phase) on.changed();
    was = state.phase;
  }

  function showControl(state: Control): void {
    const name = holderName(state);
    const said = {
      unknown: 'Control', yours: 'You have control', requested: name ? `Asked ${name}…` : 'Asked…', others: `${name} has control`,
      free: mayRequest(state) ? (state.role === 'observer' ? 'Ask for control' : 'Take control') : 'Watching',
    }[stance(state)];
    setText(label, said);
    control.setAttribute('aria-label', said);
    control.disabled = stance(state) === 'unknown' || (stance(state) !== 'yours' && !mayRequest(state));
    control.setAttribute('aria-pressed', String(stance(state) === 'yours'));
    tools.setTyping(stance(state) === 'yours');
    clipboard.hidden = stance(state) !== 'yours';
    const cards = state.asks.map((who) => h(
      'div', { class: 'vnc-ask' }, h('span', { text: `${who.name || 'Somebody'} asks for control` }),
      button({ label: `Give control to ${who.name}`, text: 'Give', class: 'primary', onClick: () => void ask('control.grant', who.identity) }),
      button({ label: `Keep control from ${who.name}`, text: 'Keep', onClick: () => void ask('control.deny', who.identity) }),
    ));
    if (cards.length !== asks.childElementCount || state.asks.length > 0) asks.replaceChildren(...cards);
  }

  async function click(): Promise<void> {
    const now = stance(fallback.state.control);
    await ask(now === 'yours' || now === 'requested' ? 'control.release' : 'control.request');
    fallback.screen?.focus();
  }

  async function ask(method: Parameters<Fallback['ask']>[0], identity?: string): Promise<void> {
    try {
      await fallback.ask(method, identity ? { identity } : {});
    } catch (error) {
      toast(error instanceof CallError || error instanceof ApiError ? error.message : 'That did not work.');
    }
  }

  async function copied(text: string): Promise<void> {
    clip = text;
    try {
      await navigator.clipboard.writeText(text);
      toast('Copied from the session');
    } catch {
      toast('The session copied text; open the clipboard to take it');
    }
  }

  function openClipboard(): void {
    const field = h('textarea', { class: 'field vnc-clip', attrs: { rows: 8, 'aria-label': 'Text of the clipboard', autofocus: true, spellcheck: 'false' } });
    field.value = clip;
    const send = button({ label: 'Put into the session', text: 'Put into the session', class: 'primary', onClick: () => {
      clip = field.value;
      fallback.screen?.paste(clip);
      dialog.close();
      fallback.screen?.focus();
    } });
    const dialog = openDialog('Clipboard', h('p', { class: 'help', text: 'What the session copied last, and what it will paste next.' }), field, h('div', { class: 'dialog-actions' }, send));
    void navigator.clipboard?.readText?.().then((text) => { if (text && field.value === clip) field.value = text; }, () => undefined);
  }

  function setMode(value: 'fit' | 'actual'): void {
    mode = value;
    fallback.setMode(value);
    const next = value === 'fit' ? ['Show at 1:1', '1:1'] as const : ['Fit to window', 'Fit'] as const;
    size.setAttribute('aria-label', next[0]);
    size.dataset['tip'] = next[0];
    size.replaceChildren(h('span', { text: next[1] }));
  }

  async function snapshot(): Promise<void> {
    const blob = await fallback.screen?.snapshot();
    if (!blob) return toast('There is no picture yet');
    const url = URL.createObjectURL(blob);
    h('a', { attrs: { href: url, download: `${session}-vnc.png` } }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  cleanup.every(500, () => { if (!words.element.hidden) render(fallback.state); });
  cleanup.listen(document, 'fullscreenchange', () => full.replaceChildren(icon(document.fullscreenElement ? 'windowed' : 'fullscreen')));
  render(fallback.state);

  return {
    element,
    phase: () => fallback.state.phase,
    view: () => fallbackView(fallback.state, performance.now()) ?? LIVE_OVER_VNC,
    show(shown) {
      element.hidden = !shown;
      if (shown) fallback.start();
      else fallback.stop();
    },
    close() {
      fallback.close();
      tools.close();
      cleanup.run();
    },
  };
}
