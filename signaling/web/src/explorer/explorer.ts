/** The Session Explorer: top bar, grid of cards, and what to do when there is nothing to show. */

import '../css/explorer.css';
import { apiKey, grantedSessions, keepApiKey } from '../grants';
import { signOut } from '../oidc';
import { navigate, sessionPath, wallPath } from '../router';
import type { SessionInfo } from '../types';
import { button, copyField } from '../ui/controls';
import { openDialog, toggleMenu, type MenuItem } from '../ui/dialog';
import { Cleanup, h, setText } from '../ui/dom';
import { icon } from '../ui/icons';
import { signInForm } from '../ui/signin';
import { CardGrid } from './cards';
import { askToEnd, openNewSession, openShare } from './dialogs';
import { openDetails } from './details';
import { feed as openFeed, type Feed } from './feed';
import { counts, select, type Chip, type Filter, type Sort } from './filter';

const CHIPS: [Chip, string][] = [['live', 'Live'], ['starting', 'Starting'], ['ended', 'Ended'], ['recorded', 'Recorded']];
const SORTS: [Sort, string][] = [['live-first', 'Live first'], ['newest', 'Newest first'], ['oldest', 'Oldest first'], ['name', 'By name'], ['watching', 'Most watched']];

export function mountExplorer(root: HTMLElement): () => void {
  const cleanup = new Cleanup();
  const chips = new Set<Chip>();
  const filter: Filter = { query: '', chips, sort: 'live-first' };
  let sessions: SessionInfo[] = [];
  let feed: Feed | null = null;
  document.title = 'Sessions · sessioncast';

  const caller = () => ({ bearer: apiKey() });
  const refresh = (): void => feed?.refresh();
  const chosenWords = h('span', { attrs: { role: 'status' } });
  const choice = h('div', { class: 'choice-bar', attrs: { hidden: true, role: 'toolbar', 'aria-label': 'Chosen sessions' } }, chosenWords,
    button({ label: 'Show side by side', text: 'Show side by side', icon: 'wall', class: 'primary', onClick: () => navigate(wallPath([...grid.chosen])) }),
    button({ label: 'Choose none', icon: 'close', class: 'quiet', onClick: () => grid.unchoose() }));
  const grid = new CardGrid((session, owner) => toggleMenu(owner, menu(session)), () => {
    choice.hidden = grid.chosen.size === 0;
    setText(chosenWords, `${grid.chosen.size} chosen`);
  });
  cleanup.add(() => grid.close());
  cleanup.add(() => feed?.close());

  const search = h('input', { class: 'field search-field', attrs: { type: 'search', placeholder: 'Search', 'aria-label': 'Search sessions', 'aria-keyshortcuts': '/', autocomplete: 'off', spellcheck: 'false' } });
  let typed = 0;
  search.addEventListener('input', () => {
    filter.query = search.value;
    cancelAnimationFrame(typed);
    typed = requestAnimationFrame(show);
  });
  const sort = h('select', { class: 'field sort', attrs: { 'aria-label': 'Sort' } }, ...SORTS.map(([value, text]) => h('option', { attrs: { value }, text })));
  sort.addEventListener('change', () => { filter.sort = sort.value as Sort; show(); });
  const chipButtons = CHIPS.map(([chip, label]) => {
    const number = h('span', { class: 'chip-count' });
    const element = h('button', { class: 'chip', attrs: { type: 'button', 'aria-pressed': 'false' } }, h('span', { text: label }), number);
    element.addEventListener('click', () => {
      if (!chips.delete(chip)) chips.add(chip);
      element.setAttribute('aria-pressed', String(chips.has(chip)));
      show();
    });
    return { chip, element, number };
  });
  const create = button({ label: 'New session', text: 'New session', icon: 'plus', class: 'primary new-session', onClick: () => openNewSession(caller(), refresh) });
  const account = button({ label: 'Sign out', icon: 'exit', class: 'quiet', onClick: () => (apiKey() ? leave() : askForKey()) });
  const tools = h('div', { class: 'tools' },
    h('div', { class: 'search' }, icon('search', 16), search, h('kbd', { attrs: { 'aria-hidden': 'true' }, text: '/' })),
    h('div', { class: 'chips', attrs: { role: 'group', 'aria-label': 'Show only' } }, ...chipButtons.map(({ element }) => element)),
    sort);
  const trouble = h('p', { class: 'trouble', attrs: { role: 'status', hidden: true } });
  const content = h('div', { class: 'content' });
  const found = h('p', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  root.replaceChildren(h('main', { class: 'explorer' },
    h('header', { class: 'topbar' }, h('h1', { class: 'brand' }, h('span', { class: 'brand-mark', attrs: { 'aria-hidden': 'true' } }), 'sessioncast'), tools, h('div', { class: 'topbar-end' }, create, account)),
    trouble, content, found, choice));

  function menu(session: SessionInfo): MenuItem[] {
    const items: MenuItem[] = [{ label: 'Open', icon: 'expand', run: () => navigate(sessionPath(session.session)) }];
    if (!apiKey()) return items;
    items.push({ label: 'Details…', icon: 'gauge', run: () => openDetails(session, caller()) });
    if (session.state === 'ended') return items;
    items.push({ label: 'Share a link…', icon: 'link', run: () => openShare(session.session, caller()) });
    items.push({ label: 'End session…', icon: 'end', danger: true, run: () => void askToEnd(session.session, caller(), refresh) });
    return items;
  }

  function show(): void {
    const total = counts(sessions);
    for (const { chip, number } of chipButtons) setText(number, String(total[chip]));
    const chosen = select(sessions, filter);
    grid.show(chosen, sessions);
    if (sessions.length === 0) fill('empty', emptyState);
    else if (chosen.length === 0) fill('nothing', () => nothingFound(clearFilter));
    else fill('grid', () => grid.element);
    setText(found, filter.query || chips.size ? `${chosen.length} of ${sessions.length} sessions` : '');
  }

  let filled = '';
  function fill(what: string, make: () => HTMLElement): void {
    if (filled === what) return;
    filled = what;
    content.replaceChildren(make());
  }

  function clearFilter(): void {
    search.value = filter.query = '';
    chips.clear();
    for (const { element } of chipButtons) element.setAttribute('aria-pressed', 'false');
    show();
    search.focus();
  }

  function start(problem: string | null = null): void {
    feed?.close();
    feed = null;
    const signedIn = apiKey() !== null;
    const visitor = !signedIn && grantedSessions().length > 0 && problem === null;
    create.hidden = !signedIn;
    tools.hidden = !signedIn && !visitor;
    account.hidden = !signedIn && !visitor;
    account.replaceChildren(icon(signedIn ? 'exit' : 'key'));
    account.dataset['tip'] = signedIn ? 'Sign out' : 'Sign in';
    account.setAttribute('aria-label', account.dataset['tip']);
    filled = '';
    if (!signedIn && !visitor) return content.replaceChildren(signInCard(problem));
    content.replaceChildren(skeleton());
    feed = openFeed({
      sessions(list) {
        sessions = list;
        if (!apiKey() && list.length === 0) return start();
        show();
      },
      refused() {
        keepApiKey(null);
        sessions = [];
        start('The server does not know this API key, or it may not list sessions.');
      },
      trouble(words) {
        trouble.hidden = words === null;
        setText(trouble, words ?? '');
      },
    });
  }

  function signInCard(problem: string | null): HTMLElement {
    return h('section', { class: 'center-card' }, icon('key', 28), h('h2', { text: 'Sign in to see the sessions' }), signInForm(() => start(), problem), h('p', { class: 'help', text: 'Were you sent a link? Open that instead: it needs no key.' }));
  }

  function askForKey(): void {
    const dialog = openDialog('Sign in', signInForm(() => { dialog.close(); start(); }));
  }

  function leave(): void {
    void signOut();
    sessions = [];
    grid.show([], []);
    start();
  }

  cleanup.listen(document, 'keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.target instanceof Element && event.target.closest('input, select, textarea')) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  cleanup.listen(search, 'keydown', (event) => {
    if (event.key === 'Escape' && search.value) clearFilter();
  });

  start();
  cleanup.add(() => root.replaceChildren());
  return () => cleanup.run();
}

function skeleton(): HTMLElement {
  return h('ul', { class: 'grid loading', attrs: { 'aria-label': 'Loading the sessions', 'aria-busy': 'true' } }, ...Array.from({ length: 4 }, () => h('li', { class: 'card' }, h('div', { class: 'thumb' }), h('div', { class: 'card-body' }))));
}

function emptyState(): HTMLElement {
  return h(
    'section', { class: 'center-card' }, icon('monitor', 28),
    h('h2', { text: 'No session yet' }),
    h('p', { class: 'hint', text: 'See one at once, on this machine, with a desktop of its own:' }),
    copyField('make demo', 'Command'),
    h('p', { class: 'hint', text: 'Or show a desktop or browser that already runs. “New session” gives the credential for:' }),
    copyField(`sessioncast agent --session my-desktop --display :0 --signaling-url ${location.origin} --credential-file my-desktop.credential`, 'Command'),
  );
}

function nothingFound(onClear: () => void): HTMLElement {
  return h('section', { class: 'center-card' }, icon('search', 28), h('h2', { text: 'No session matches' }), button({ label: 'Show all', text: 'Show all', onClick: onClear }));
}
