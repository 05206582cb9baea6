/** Starts the page: takes the secret out of the address bar first, then loads the page that is asked for. */

import { takeSecret } from './grants';
import { finishSignIn, renewInTime, takeReturn } from './oidc';
import { navigate, parsePath, startRouter } from './router';
import { installTips, toast } from './ui/controls';
import { h } from './ui/dom';

let secret = takeSecret();
const returned = takeReturn();
const root = document.getElementById('app')!;
let leave: () => void = () => undefined;
let turn = 0;

async function show(): Promise<void> {
  const mine = (turn += 1);
  const route = parsePath(location.pathname, location.search);
  leave();
  leave = () => undefined;
  try {
    if (route.page === 'viewer') {
      const taken = secret;
      secret = null;
      // The list is one click away, but the 150 kB of WebRTC client are fetched for a session only.
      const { mountViewer } = await import('./viewer/viewer');
      if (mine === turn) leave = mountViewer(root, route.session, { secret: taken });
    } else if (route.page === 'wall') {
      const { mountWall } = await import('./wall');
      if (mine === turn) leave = mountWall(root, route.sessions);
    } else if (route.page === 'explorer') {
      const { mountExplorer } = await import('./explorer/explorer');
      if (mine === turn) leave = mountExplorer(root);
    } else {
      message('There is nothing at this address', 'A session’s address is /sessions/ and its name: small letters, digits and hyphens, at most 63.');
    }
  } catch {
    if (mine === turn) message('The page could not be loaded', 'The server may be restarting, or was updated. Please reload.');
  }
}

function message(title: string, words: string): void {
  document.title = 'sessioncast';
  root.replaceChildren(h('main', { class: 'notice-page' }, h('h1', { text: title }), h('p', { text: words }), h('a', { class: 'button primary', attrs: { href: '/' }, text: 'To the sessions' })));
}

addEventListener('hashchange', () => {
  // A join link opened in a tab that already shows this page.
  secret = takeSecret();
  if (secret) void show();
});
installTips();
startRouter(() => void show());
renewInTime();
if (returned) {
  finishSignIn(returned).then((path) => navigate(path), (error: unknown) => {
    void show();
    toast(error instanceof Error ? error.message : 'The sign-in did not work. Please try again.');
  });
} else {
  void show();
}
