/**
 * What this browser may use to get in: the API key (this tab only), and one grant per session
 * (this browser, so that a reload, a second tab or a laptop that slept gets in again).
 */

import type { Role } from './types';

const KEY = 'sessioncast.api-key';
const GRANT = 'sessioncast.grant.';

export interface Grant {
  grant: string;
  role: Role;
}

/** Storage may be switched off altogether; then things hold until the tab is left. */
const memory = new Map<string, string>();

function read(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

function write(storage: () => Storage, name: string, value: string | null): void {
  if (value === null) memory.delete(name);
  else memory.set(name, value);
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    /* kept in memory */
  }
}

const tab = (): Storage => sessionStorage;
const browser = (): Storage => localStorage;

export const apiKey = (): string | null => read(tab, KEY);
export const keepApiKey = (key: string | null): void => write(tab, KEY, key);

export function grantFor(session: string): Grant | null {
  try {
    const kept: unknown = JSON.parse(read(browser, GRANT + session) ?? 'null');
    if (typeof kept !== 'object' || kept === null) return null;
    const { grant, role } = kept as Partial<Grant>;
    return typeof grant === 'string' && grant ? { grant, role: role ?? 'observer' } : null;
  } catch {
    return null;
  }
}

export function keepGrant(session: string, grant: Grant | null): void {
  write(browser, GRANT + session, grant ? JSON.stringify(grant) : null);
}

/** Takes the join secret out of the address bar (and the history) at once; null if there was none. */
export function takeSecret(): string | null {
  const match = /^#join=([A-Za-z0-9_.~-]{1,512})$/.exec(location.hash);
  if (location.hash) history.replaceState(history.state, '', location.pathname + location.search);
  return match?.[1] ?? null;
}

/** Small preferences of this browser. */
export const preference = (name: string): string | null => read(browser, `sessioncast.${name}`);
export const keepPreference = (name: string, value: string | null): void => write(browser, `sessioncast.${name}`, value);

/** The sessions that this browser has been let into by links. */
export function grantedSessions(): string[] {
  const names = new Set<string>([...memory.keys()]);
  try {
    for (let i = 0; i < localStorage.length; i += 1) names.add(localStorage.key(i) ?? '');
  } catch {
    /* memory only */
  }
  return [...names].filter((name) => name.startsWith(GRANT)).map((name) => name.slice(GRANT.length)).sort();
}

/** What to show the server for questions about this session. */
export const bearerFor = (session: string): string | null => apiKey() ?? grantFor(session)?.grant ?? null;
