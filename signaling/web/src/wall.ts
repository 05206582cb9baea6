/** Several sessions side by side: `/wall?s=build-1&s=build-2`. Each tile is a whole live view of its own. */

import './css/tile.css';
import './css/vnc.css';
import './css/wall.css';
import { navigate, sessionPath, wallPath } from './router';
import { button } from './ui/controls';
import { Cleanup, h, setText } from './ui/dom';
import { icon } from './ui/icons';
import { Access } from './viewer/access';
import { liveTile } from './viewer/tile';
import { columns, MAX_TILES } from './walls';

export function mountWall(root: HTMLElement, sessions: readonly string[]): () => void {
  const cleanup = new Cleanup();
  const shown = sessions.slice(0, MAX_TILES);
  document.title = shown.length ? `${shown.join(', ')} · sessioncast` : 'Wall · sessioncast';
  const grid = h('ul', { class: 'wall-grid', attrs: { 'aria-label': 'Sessions side by side' } });
  const tooMany = sessions.length > MAX_TILES ? h('span', { class: 'help', text: `The first ${MAX_TILES} of ${sessions.length}` }) : null;
  const head = h('header', { class: 'wall-head' },
    h('a', { class: 'button quiet', attrs: { href: '/', 'aria-label': 'All sessions', 'data-tip': 'All sessions' } }, icon('back')),
    h('h1', { text: shown.length < 2 ? 'Wall' : `${shown.length} sessions side by side` }), tooMany,
    button({ label: 'Full screen', icon: 'fullscreen', class: 'quiet', shortcut: 'f', onClick: fullscreen }));
  const wall = h('main', { class: 'wall', attrs: { 'data-tiles': shown.length } }, head, shown.length ? grid : nothing());

  for (const session of shown) {
    const word = h('span', { class: 'state-word', text: 'Connecting' });
    const state = h('span', { class: 'state', attrs: { 'data-tone': 'busy' } }, h('span', { class: 'dot', attrs: { 'aria-hidden': 'true' } }), word);
    const tile = liveTile(session, new Access(session, null), {
      state(text, tone) {
        setText(word, text);
        state.dataset['tone'] = tone;
      },
    });
    const without = shown.filter((other) => other !== session);
    grid.append(h('li', { class: 'wall-tile', attrs: { 'data-session': session } },
      h('div', { class: 'wall-label' },
        h('a', { class: 'wall-name', attrs: { href: sessionPath(session) } }, h('strong', { text: session }), state),
        button({ label: `Take ${session} off the wall`, icon: 'close', onClick: () => navigate(wallPath(without)) })),
      tile.element));
    cleanup.add(() => tile.close());
  }

  function arrange(): void {
    grid.style.setProperty('--columns', String(columns(shown.length, grid.clientWidth, grid.clientHeight)));
  }
  function fullscreen(): void {
    void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen({ navigationUI: 'hide' })).catch(() => undefined);
  }
  cleanup.listen(document, 'keydown', (event) => {
    if (event.key === 'f' && !event.ctrlKey && !event.metaKey && !event.altKey) fullscreen();
  });
  root.replaceChildren(wall);
  const observer = new ResizeObserver(arrange);
  observer.observe(grid);
  cleanup.add(() => observer.disconnect());
  cleanup.add(() => root.replaceChildren());
  arrange();
  return () => cleanup.run();
}

function nothing(): HTMLElement {
  return h('section', { class: 'center-card' }, icon('wall', 28), h('h2', { text: 'Nothing is on the wall' }), h('p', { class: 'hint', text: 'Choose sessions in the list with their check marks, then “Show side by side”.' }), h('a', { class: 'button primary', attrs: { href: '/' }, text: 'To the sessions' }));
}
