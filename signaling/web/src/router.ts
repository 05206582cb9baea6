/** Three pages, one document: `/`, `/sessions/{id}` and `/wall?s=…&s=…`. */

import { isSessionId } from './types';

export type Route = { page: 'explorer' } | { page: 'viewer'; session: string } | { page: 'wall'; sessions: string[] } | { page: 'lost'; path: string };

export function parsePath(path: string, query = ''): Route {
  if (path === '/' || path === '/index.html') return { page: 'explorer' };
  if (path === '/wall') return { page: 'wall', sessions: [...new Set(new URLSearchParams(query).getAll('s').filter(isSessionId))] };
  const match = /^\/sessions\/([^/]+)\/?$/.exec(path);
  if (match && isSessionId(match[1]!)) return { page: 'viewer', session: match[1]! };
  return { page: 'lost', path };
}

export const sessionPath = (session: string): string => `/sessions/${encodeURIComponent(session)}`;

export const wallPath = (sessions: readonly string[]): string => `/wall${sessions.length ? `?${new URLSearchParams(sessions.map((session) => ['s', session]))}` : ''}`;

let onNavigate: () => void = () => undefined;

export function startRouter(handler: () => void): void {
  onNavigate = handler;
  addEventListener('popstate', handler);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[href]') : null;
    if (!link || link.target || link.origin !== location.origin || parsePath(link.pathname).page === 'lost') return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

export function navigate(path: string): void {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  onNavigate();
}
