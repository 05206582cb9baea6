/** Control as a part of the viewer: puts state, input, clipboard, pointers and buttons together. */

import '../css/control.css';
import { keepPreference, preference } from '../grants';
import type { State } from '../machine';
import type { ScreenTrack } from '../room';
import { button, toast } from '../ui/controls';
import { toggleMenu, type MenuItem } from '../ui/dialog';
import { h, setAttr, setText } from '../ui/dom';
import { icon } from '../ui/icons';
import type { Host, Part } from '../viewer/part';
import { askCards } from './asks';
import { Clipboard } from './clipboard';
import { openClipboard } from './clipboarddialog';
import { Desk } from './desk';
import { Fit } from './fit';
import type { TouchMode } from './gestures';
import { KeyInput } from './keyinput';
import { keyMenu } from './keymenu';
import { peopleRow } from './people';
import { Photon } from './photon';
import { PointerInput } from './pointerinput';
import { Presence } from './presence';
import { Sender } from './sender';
import { holds, mayAct, mayHold, mayPoint, stance, type Control } from './state';
import { StickyKeys } from './sticky';
import { TouchBar } from './touchbar';
import { words } from './words';

const TOUCH_MODE = 'touch-mode';

export function controlPart(host: Host): Part {
  const { picture, cleanup, viewer } = host;
  const control = (): Control => host.state().control;
  const connected = (): boolean => host.state().transport.phase === 'connected' && host.shown();
  const acts = (): boolean => connected() && mayAct(control());
  const holding = (): boolean => connected() && holds(control());

  const desk = new Desk(host);
  const sender = new Sender((packet, reliable) => host.send(desk.topic, packet, reliable));
  const sticky = new StickyKeys(sender);
  const photon = new Photon(picture.video, () => !host.stats.element.hidden);
  const presence = new Presence(picture.frame, () => control().self);
  const clipboard = new Clipboard({
    call: (method, body) => host.call(method, body),
    sendBytes: (topic, mime, bytes, attributes) => host.sendBytes(topic, mime, bytes, attributes),
    holds: holding,
    say: toast,
    type: (text) => sender.text(text),
  });
  const asks = askCards({ grant: (identity) => void desk.grant(identity), deny: (identity) => void desk.deny(identity) });
  const spoken = h('div', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  let track: ScreenTrack | null = null;
  let agentSid = '';
  let pointer: 'mouse' | 'touch' | null = null;

  const keys = new KeyInput(sender, {
    acts,
    pasting: () => clipboard.pasting(),
    paste: (event) => clipboard.paste(event),
    copy: (event) => clipboard.copy(event),
    gesture: () => clipboard.gesture(),
    escapes: () => host.bar.wake(),
    leave: () => { if (!asks.focus()) main.focus(); },
    flags,
    typed: (text) => sticky.type(text),
    focused(on) {
      host.bar.setTyping(on && holding());
      if (!on && sender.held.keys.length > 0) sender.reset();
      picture.stage.classList.toggle('typing', on && acts());
    },
  });
  const pointers = new PointerInput(picture, sender, {
    acts,
    points: () => connected() && mayPoint(control()),
    focus(at, byTouch) {
      if (!acts()) return;
      if (!byTouch) keys.place(at, picture.placement?.scale ?? 1);
      keys.focus();
      clipboard.gesture();
    },
    using(kind) {
      pointer = kind;
      if (kind === 'mouse') picture.cursor.predict(null);
      if (kind === 'touch') viewer.classList.add('has-touch');
      dress();
    },
    tapped: () => host.bar.wake(),
    flags,
    holdsCtrl: () => keys.keyboard.holds('ctrl'),
  });
  pointers.mode = preference(TOUCH_MODE) === 'trackpad' ? 'trackpad' : 'direct';
  const fit = new Fit(host);
  const touchBar = new TouchBar(sticky, () => screenKeyboard(false));
  sender.onAct = () => {
    photon.act();
    host.bar.rest();
  };

  // Bar
  const main = button({ label: 'Control', icon: 'control', text: 'Control', class: 'control-button', onClick: () => desk.click() });
  const label = main.lastElementChild as HTMLElement;
  label.className = 'long';
  const short = h('span', { class: 'short', attrs: { 'aria-hidden': 'true' } });
  main.append(short);
  const keyboard = button({ label: 'Keys', icon: 'keyboard', onClick: () => toggleMenu(keyboard, keyboardItems()) });
  keyboard.setAttribute('aria-haspopup', 'menu');
  const touch = button({ label: 'Trackpad', icon: 'trackpad', class: 'touch-only', onClick: () => setTouchMode(pointers.mode === 'direct' ? 'trackpad' : 'direct') });
  const clip = button({ label: 'Clipboard', icon: 'clipboard', onClick: () => showClipboard() });
  host.bar.add('control', main);
  host.bar.add('input', keyboard);
  host.bar.add('input', touch);
  host.bar.add('input', clip, () => ({ label: 'Clipboard', icon: 'clipboard', run: showClipboard }));
  host.bar.add('input', fit.button, () => ({ label: 'Fit the desktop to the window', icon: 'fit', checked: fit.on, run: () => fit.set(!fit.on) }));
  // With the mouse a button does its work and the keyboard stays in the session.
  for (const element of [host.bar.element, host.bar.handle]) cleanup.listen(element, 'mousedown', (event) => { if (keys.focused) event.preventDefault(); });

  picture.frame.append(keys.field);
  host.panel.append(asks.element, touchBar.element, spoken);
  host.head.people.decorate = (person) => peopleRow(host.session, control(), person, { give: (identity) => void desk.grant(identity), take: () => void desk.take() });

  function flags(event: MouseEvent | KeyboardEvent): void {
    if (!holding()) return;
    const locks = { caps: event.getModifierState('CapsLock'), num: event.getModifierState('NumLock') };
    const changed = locks.caps !== sender.locks.caps || locks.num !== sender.locks.num;
    sender.locks = locks;
    if (changed) sender.restate();
    if (event instanceof MouseEvent && !sticky.any) keys.keyboard.heal({ ctrl: event.ctrlKey, alt: event.altKey, shift: event.shiftKey, meta: event.metaKey, altGraph: false });
  }

  /** Exactly one pointer: the page's own wears the session's shape while it is the one that moves it. */
  function dress(): void {
    picture.cursor.wear(holding() && pointer === 'mouse' && !pointers.locked ? picture.frame : null);
  }

  function setTouchMode(mode: TouchMode): void {
    pointers.mode = mode;
    keepPreference(TOUCH_MODE, mode);
    touch.setAttribute('aria-label', mode === 'direct' ? 'Touch: the finger is the pointer. Change to a trackpad' : 'Touch: the picture is a trackpad. Change to direct');
    touch.replaceChildren(icon(mode === 'direct' ? 'touch' : 'trackpad'));
  }

  function screenKeyboard(on: boolean): void {
    touchBar.element.hidden = !on;
    host.bar.element.classList.toggle('under-keys', on);
    if (on) touchBar.slot.append(keys.field);
    else picture.frame.append(keys.field);
    keys.setScreenKeyboard(on);
    if (!on) {
      for (const keysym of sender.held.keys) sender.key(keysym, false);
      sticky.forget();
    }
  }

  function keyboardItems(): MenuItem[] {
    const items = keyMenu((keysyms) => {
      sender.chord(keysyms);
      keys.focus();
    });
    return [
      { label: 'On-screen keyboard', icon: 'keyboard', hint: 'With Ctrl, Alt, Tab, Esc and arrows', checked: !touchBar.element.hidden, run: () => screenKeyboard(Boolean(touchBar.element.hidden)) },
      { label: 'Lock the pointer', icon: 'lock', hint: 'For games and 3D; Esc ends it', run: () => void pointers.lock().catch(() => toast('The browser does not lock the pointer here')) },
      ...items,
    ];
  }

  function showClipboard(): void {
    void openClipboard(clipboard, (method, body) => host.call(method, body));
  }

  /** Clicks and keys wait until the agent knows them for ours. */
  function hello(): void {
    if (mayHold(control().role)) sender.gate(desk.hello());
  }

  /** An observer who asked and was given control is an operator from then on. */
  function raised(role: string | undefined): void {
    if (control().role !== 'observer' || (role !== 'operator' && role !== 'admin')) return;
    host.tell({ type: 'control', event: { type: 'seat', role, self: control().self, mayAsk: false } });
    hello();
  }

  /** Hands off everything, and the session knows. */
  function letGo(): void {
    keys.forget();
    pointers.forget();
    sticky.forget();
    if (holding()) sender.reset();
  }

  function gained(): void {
    sender.beat(true);
    const focus = document.activeElement;
    const elsewhere = focus instanceof Element && focus.closest('input, select, dialog, [role="menu"], .people');
    if (!elsewhere) keys.focus();
    void lockKeys();
  }

  function lost(): void {
    sender.beat(false);
    keys.forget();
    pointers.forget();
    clipboard.forget();
    if (pointers.locked) document.exitPointerLock();
    fit.set(false);
    if (!touchBar.element.hidden) screenKeyboard(false);
    sticky.forget();
    picture.cursor.predict(null);
    host.bar.setTyping(false);
    host.bar.wake();
    (navigator as KeyboardLock).keyboard?.unlock?.();
  }

  /** In full screen the browser gives us the keys that it keeps otherwise (Esc: hold it down to leave). */
  async function lockKeys(): Promise<void> {
    const { keyboard: system } = navigator as KeyboardLock;
    if (document.fullscreenElement && holding()) await system?.lock?.().catch(() => undefined);
    else system?.unlock?.();
  }

  function render(state: State, before: State): void {
    const now = words(state.control);
    setText(label, now.label);
    setText(short, now.short);
    main.setAttribute('aria-label', now.label);
    main.dataset['tip'] = now.tip;
    main.dataset['stance'] = stance(state.control);
    setAttr(main, 'aria-disabled', now.does === null ? 'true' : null);
    main.setAttribute('aria-pressed', String(stance(state.control) === 'yours'));
    main.hidden = state.transport.phase === 'refused';
    setText(spoken, now.spoken);
    viewer.dataset['control'] = stance(state.control);
    viewer.dataset['holder'] = state.control.holder?.identity ?? '';
    const mine = holds(state.control);
    for (const item of [keyboard, clip, fit.button, touch]) item.hidden = !mine;
    asks.set(state.control.asks, performance.now());
    sender.pointing = mayPoint(state.control);
    const was = holds(before.control);
    if (mine && !was) gained();
    if (!mine && was) lost();
    if (state.control.reason && state.control.reason !== before.control.reason) toast(state.control.reason);
    if (state.transport.phase !== 'connected' && before.transport.phase === 'connected') presence.clear();
    host.head.people.redraw();
    dress();
  }

  cleanup.listen(window, 'blur', letGo);
  cleanup.listen(document, 'visibilitychange', () => { if (document.visibilityState === 'hidden') letGo(); });
  cleanup.listen(window, 'pagehide', letGo);
  // After a prompt of the browser's or another window the keyboard is where it was.
  cleanup.listen(window, 'focus', () => { if (holding() && (document.activeElement === document.body || document.activeElement === picture.stage)) keys.focus(); });
  cleanup.listen(document, 'fullscreenchange', () => void lockKeys());
  cleanup.listen(document, 'keydown', (event) => {
    // Keys that nobody on the page claims are the session's, for whoever has control.
    if (!holding() || keys.focused || document.querySelector('dialog[open]')) return;
    if (document.activeElement === document.body || document.activeElement === picture.stage) keys.take(event);
  }, { capture: true });
  cleanup.every(500, () => {
    host.tell({ type: 'control', event: { type: 'time', now_ms: performance.now() } });
    if (!host.stats.element.hidden) host.stats.setPhoton(holding() ? photon.summary() : null);
  });
  cleanup.add(() => {
    letGo();
    sender.beat(false);
    fit.close();
    touchBar.close();
    pointers.close();
    keys.close();
    presence.close();
  });
  setTouchMode(pointers.mode);
  render(host.state(), host.state());

  return {
    state(state, before) {
      render(state, before);
      if (state.transport.phase === 'connected' && before.transport.phase === 'recovering') hello();
    },
    room(room) {
      if (room) hello();
    },
    agent(present, attributes, sid) {
      // Another agent than the one that knew us.
      if (present && sid !== agentSid && agentSid !== '') hello();
      agentSid = present ? sid : agentSid;
      if (present) desk.attributes(attributes);
    },
    people(people) {
      raised(people.find(({ self }) => self)?.attributes['role']);
      const identities = people.map(({ identity }) => identity);
      host.tell({ type: 'control', event: { type: 'people', identities } });
      presence.keep(new Set(identities));
    },
    data(topic, payload) {
      if (topic === 'notice') desk.notice(payload);
      else if (topic === 'presence') presence.receive(payload);
      else if (topic === 'clipboard') clipboard.receive(payload);
    },
    bytes(info, bytes) {
      if (info.topic === 'clipboard') clipboard.receiveBytes(info.mime, bytes);
    },
    screen(now) {
      track = now;
      sender.frame = 0;
    },
    frame(frame) {
      sender.frame = frame.rtpTimestamp === null ? 0 : (track?.frameId(frame.rtpTimestamp) ?? 0);
      photon.frame(frame);
    },
    placed(placement) {
      presence.setScale(placement.scale);
    },
    typing: () => acts() && (keys.focused || (holding() && document.activeElement === document.body)),
  };
}

interface KeyboardLock extends Navigator {
  keyboard?: { lock?(): Promise<void>; unlock?(): void };
}
