/**
 * A live view without the page around it: picture, sentence and pointer. The wall and `<session-view>` are made of it.
 * Where WebRTC is blocked it goes over to VNC and back as the page does. Whoever shows it brings tile.css and vnc.css.
 */

import { currentLeg } from '../ladder';
import type { State } from '../machine';
import { view } from '../sentences';
import { button } from '../ui/controls';
import { Cleanup, h, setText } from '../ui/dom';
import { parseSize } from '../viewport';
import { fallbackView, LIVE_OVER_VNC } from '../vnc/words';
import type { OfferSource } from './access';
import { Connection } from './connection';
import { Fall } from './fall';
import { Fallback } from './fallback';
import { Picture } from './picture';

export interface TileHandlers {
  /** The header's word (`Live`), its tone, and the whole state for those who want more. */
  state?(word: string, tone: string, state: State): void;
}

export interface Tile {
  element: HTMLElement;
  restart(): void;
  close(): void;
}

export function liveTile(session: string, source: OfferSource, on: TileHandlers = {}): Tile {
  const cleanup = new Cleanup();
  const picture = new Picture();
  const sentence = h('p', { class: 'tile-sentence' });
  const hint = h('p', { class: 'tile-hint' });
  const retry = button({ label: 'Try again now', text: 'Try again now', icon: 'refresh', onClick: restart });
  const over = h('div', { class: 'tile-over', attrs: { hidden: true } }, sentence, hint, retry);
  const spoken = h('p', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  const vnc = new Fallback(source, { state: () => queueMicrotask(vncChanged) }, true);
  const fall = new Fall({ show: (tab) => show(tab === 'vnc'), tell: (event) => connection.tell({ type: 'ladder', event }), retry: () => connection.restart() });
  const element = h('div', { class: 'tile' }, picture.stage, vnc.element, over, fall.note, spoken);
  vnc.element.hidden = true;
  picture.stage.setAttribute('role', 'img');
  picture.stage.setAttribute('aria-label', `Picture of ${session}`);
  let agentSid = '';

  const connection = new Connection(session, source, null, {
    state(state) {
      render(state);
      fall.state(state);
    },
    room: () => undefined,
    agent(present, attributes, sid) {
      if (!present) return;
      if (sid !== agentSid) picture.cursor.reset();
      agentSid = sid;
      picture.cursor.setEmbedded(attributes['cursor'] === 'embed');
      picture.setDesktopSize(parseSize(attributes['size']));
    },
    screen(track) {
      picture.hold();
      if (track) picture.show(track.media);
    },
    data(topic, payload) {
      if (topic === 'cursor') picture.cursor.receive(payload);
    },
    bytes: () => undefined,
    sound: () => undefined,
    caption: () => undefined,
    people: () => undefined,
  });
  picture.onFrame = (frame) => connection.frame(frame.now_ms);

  function restart(): void {
    if (vnc.element.hidden) connection.restart();
    else vnc.restart();
  }

  function show(overVnc: boolean): void {
    picture.stage.hidden = overVnc;
    vnc.element.hidden = !overVnc;
    if (overVnc) vnc.start();
    else vnc.stop();
    render(connection.state);
  }

  function vncChanged(): void {
    fall.vnc(vnc.state.phase);
    render(connection.state);
    fall.state(connection.state);
  }

  function render(state: State): void {
    const now = vnc.element.hidden ? view(state, performance.now()) : fallbackView(vnc.state, performance.now()) ?? LIVE_OVER_VNC;
    over.hidden = now.sentence === null || now.quiet;
    setText(sentence, now.sentence ?? '');
    setText(hint, now.hint ?? '');
    hint.hidden = !now.hint;
    retry.hidden = !now.actions.includes('retry');
    setText(spoken, `${session}: ${now.spoken}`);
    element.classList.toggle('dimmed', !over.hidden);
    element.dataset['state'] = now.word.toLowerCase().replaceAll(' ', '-');
    element.dataset['path'] = currentLeg(state.ladder) ?? '';
    on.state?.(now.word, now.tone, state);
  }

  cleanup.every(500, () => { if (!over.hidden) render(connection.state); });
  cleanup.add(() => picture.close());
  cleanup.add(() => connection.close());
  cleanup.add(() => vnc.close());
  render(connection.state);
  connection.start();
  return { element, restart: () => connection.restart(), close: () => cleanup.run() };
}
