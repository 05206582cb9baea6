/** One session's page: puts connection, picture, sentence, bar, stats and the parts (parts.ts) together. */

import '../css/viewer.css';
import { keepPreference, preference } from '../grants';
import { currentLeg } from '../ladder';
import type { State } from '../machine';
import type { ScreenTrack } from '../room';
import { navigate, sessionPath } from '../router';
import { view } from '../sentences';
import { toast } from '../ui/controls';
import { closeMenu, type MenuItem } from '../ui/dialog';
import { Cleanup, h } from '../ui/dom';
import { parseSize, type Mode } from '../viewport';
import { metadataWorker } from '../worker';
import { Access } from './access';
import { bar } from './bar';
import { Connection } from './connection';
import { Fall } from './fall';
import { header, type Tab } from './header';
import { Meter } from './meter';
import { overlay } from './overlay';
import { openHelp } from './panels';
import type { Host, Part } from './part';
import { PARTS } from './parts';
import { Picture } from './picture';
import { pictureBar } from './picturebar';
import { statsPanel } from './statspanel';
import { vncPanel } from './vncpanel';

const MEASURE = 'measure-latency';
const STATS = 'stats-open';

/** Returns what takes the page down again. */
export function mountViewer(root: HTMLElement, session: string, options: { secret: string | null }): () => void {
  const cleanup = new Cleanup();
  const picture = new Picture();
  let measuring = preference(MEASURE) === 'on';
  let agentSid = '';

  const head = header(session, chooseTab);
  const words = overlay({ retry: () => connection.restart(), signedIn: () => connection.restart(), vnc: () => chooseTab('vnc') });
  const stats = statsPanel(setMeasure);
  const meter = new Meter(stats);
  const panel = h('section', { class: 'live-panel', attrs: { id: 'panel-live', role: 'tabpanel', 'aria-labelledby': 'tab-live' } }, picture.stage, words.element, stats.element);
  const controls = bar(panel, more);
  const pictures = pictureBar(controls, { toggleMode: () => setMode(picture.mode === 'fit' ? 'actual' : 'fit'), toggleFullscreen, snapshot, toggleStats });
  panel.append(controls.handle, controls.element);
  const access = new Access(session, options.secret, (other) => navigate(sessionPath(other)));
  const vnc = vncPanel(session, access, { back: () => chooseTab('live'), signedIn: () => connection.restart(), toggleFullscreen, changed: () => queueMicrotask(vncChanged) });
  const fall = new Fall({ show: showTab, tell: (event) => connection.tell({ type: 'ladder', event }), retry: () => connection.restart() });
  vnc.element.append(fall.note);
  const viewer = h('main', { class: 'viewer', attrs: { 'data-session': session } }, head.element, panel, vnc.element, words.spoken);
  picture.stage.tabIndex = 0;
  picture.stage.setAttribute('role', 'region');
  picture.stage.setAttribute('aria-label', `Picture of ${session}`);

  const parts: Part[] = [];
  const connection = new Connection(session, access, measuring ? metadataWorker : null, {
    state(state, before) {
      render(state);
      fall.state(state);
      for (const part of parts) part.state?.(state, before);
    },
    room(room) {
      for (const part of parts) part.room?.(room);
    },
    agent(present, attributes, sid) {
      for (const part of parts) part.agent?.(present, attributes, sid);
      if (!present) return;
      if (sid !== agentSid) picture.cursor.reset();
      agentSid = sid;
      picture.cursor.setEmbedded(attributes['cursor'] === 'embed');
      picture.setDesktopSize(parseSize(attributes['size']));
    },
    screen: showTrack,
    data(topic, payload) {
      if (topic === 'cursor') picture.cursor.receive(payload);
      for (const part of parts) part.data?.(topic, payload);
    },
    sound(name, track) {
      for (const part of parts) part.sound?.(name, track);
    },
    caption(text, attributes) {
      for (const part of parts) part.caption?.(text, attributes);
    },
    bytes(info, bytes) {
      for (const part of parts) part.bytes?.(info, bytes);
    },
    people(people) {
      head.people.set(people);
      for (const part of parts) part.people?.(people);
    },
  });

  const host: Host = {
    session, viewer, panel, picture, bar: controls, head, stats, cleanup,
    state: () => connection.state,
    tell: (event) => connection.tell(event),
    send: (topic, payload, reliable) => connection.send(topic, payload, reliable),
    call: (method, body, timeout_ms) => connection.call(method, body, timeout_ms),
    sendBytes: (topic, mime, bytes, attributes) => connection.sendBytes(topic, mime, bytes, attributes),
    shown: () => !panel.hidden,
  };
  for (const make of PARTS) parts.push(make(host));

  picture.onFrame = (frame) => {
    connection.frame(frame.now_ms);
    meter.frame(frame);
    for (const part of parts) part.frame?.(frame);
  };

  picture.onPlacement = (placement) => {
    for (const part of parts) part.placed?.(placement);
  };

  function showTrack(track: ScreenTrack | null): void {
    picture.hold();
    if (track) picture.show(track.media);
    meter.setTrack(track);
    for (const part of parts) part.screen?.(track);
  }

  function render(state: State): void {
    const now = view(state, performance.now());
    // The header speaks of the tab that people look at.
    head.setView(vnc.element.hidden ? now : vnc.view());
    words.set(now);
    stats.setLadder(state.ladder);
    pictures.setPicture(state.picture.phase !== 'none');
    controls.element.hidden = state.transport.phase === 'refused';
    if (state.transport.phase === 'refused') head.people.set([]);
    // For style sheets and tests: what the page believes, in one place.
    viewer.dataset['tone'] = now.tone;
    viewer.dataset['path'] = currentLeg(state.ladder) ?? '';
    viewer.dataset['state'] = now.word.toLowerCase().replaceAll(' ', '-');
    panel.classList.toggle('dimmed', now.sentence !== null && !now.quiet);
    document.title = now.tone === 'live' ? `${session} · sessioncast` : `${now.word} · ${session} · sessioncast`;
  }

  function vncChanged(): void {
    fall.vnc(vnc.phase());
    render(connection.state);
    fall.state(connection.state);
  }

  function chooseTab(tab: Tab): void {
    fall.chose(tab);
    showTab(tab);
  }

  function showTab(tab: Tab): void {
    head.setTab(tab);
    panel.hidden = tab !== 'live';
    vnc.show(tab === 'vnc');
    render(connection.state);
    closeMenu();
  }

  function setMode(mode: Mode): void {
    picture.setMode(mode);
    pictures.setMode(mode);
  }

  function toggleStats(): void {
    stats.element.hidden = !stats.element.hidden;
    pictures.setStats(!stats.element.hidden);
    keepPreference(STATS, stats.element.hidden ? null : 'on');
  }

  function setMeasure(on: boolean): void {
    measuring = on;
    keepPreference(MEASURE, on ? 'on' : null);
    stats.setMeasure(on);
    picture.hold();
    connection.setWorker(on ? metadataWorker : null);
    meter.setMeasuring(on);
  }

  function toggleFullscreen(): void {
    const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen({ navigationUI: 'hide' });
    void done.catch(() => toast('The browser does not allow full screen here'));
  }

  async function snapshot(): Promise<void> {
    const blob = await picture.snapshot();
    if (!blob) return toast('There is no picture yet');
    const name = `${session}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.png`;
    const url = URL.createObjectURL(blob);
    h('a', { attrs: { href: url, download: name } }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    toast(`Saved ${name}`);
  }

  function more(): MenuItem[] {
    return [
      ...parts.flatMap((part) => part.menu?.() ?? []),
      { label: 'Measure latency', icon: 'timer', checked: measuring, hint: 'Rejoins once', run: () => { setMeasure(!measuring); if (measuring && stats.element.hidden) toggleStats(); } },
      { label: 'Reconnect', icon: 'refresh', hint: 'New ticket, new connection', run: () => { picture.hold(); connection.restart(); } },
      { label: 'Shortcuts of this page', icon: 'help', shortcut: '?', run: openHelp },
    ];
  }

  const keys: Record<string, () => void> = { s: toggleStats, f: toggleFullscreen, 1: () => setMode('actual'), 0: () => setMode('fit'), w: () => setMode('fit'), '?': openHelp };
  cleanup.listen(document, 'keydown', (event) => {
    if (parts.some((part) => part.typing?.())) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector('dialog[open]')) return;
    if (event.target instanceof Element && event.target.closest('input, select, textarea, [role="menu"]')) return;
    const run = keys[event.key];
    if (!run || panel.hidden) return;
    event.preventDefault();
    run();
  });
  cleanup.listen(picture.stage, 'dblclick', () => { if (!parts.some((part) => part.typing?.())) toggleFullscreen(); });
  cleanup.listen(document, 'fullscreenchange', () => {
    const on = document.fullscreenElement !== null;
    viewer.classList.toggle('is-fullscreen', on);
    pictures.setFullscreen(on);
  });
  // The sentences count seconds.
  cleanup.every(500, () => { if (!words.element.hidden) render(connection.state); });

  root.replaceChildren(viewer);
  showTab('live');
  setMode('fit');
  head.people.set([]);
  stats.setMeasure(measuring);
  meter.setMeasuring(measuring);
  if (preference(STATS) === 'on') toggleStats();
  render(connection.state);
  connection.start();

  cleanup.add(() => {
    vnc.close();
    connection.close();
    meter.close();
    controls.close();
    picture.close();
    closeMenu();
    root.replaceChildren();
  });
  return () => cleanup.run();
}
