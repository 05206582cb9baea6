/**
 * Signing in with OpenID Connect: authorization code flow with PKCE (RFC 7636, OAuth 2.1 for browsers).
 * The page speaks with the identity server itself; the shim only checks the token that comes of it.
 * Everything is kept for this tab.
 */

import { authConfig } from './api';
import { keepApiKey } from './grants';
import { isObject } from './types';

export interface Oidc {
  issuer: string;
  client_id: string;
  scope: string;
  resource: string | null;
  bearer: 'id_token' | 'access_token';
  authorization_endpoint: string;
  token_endpoint: string;
  end_session_endpoint: string | null;
}

export interface SignInWays {
  apiKey: boolean;
  oidc: Oidc | null;
}

interface Pending {
  state: string;
  verifier: string;
  /** Where the person was. */
  path: string;
}

interface Session {
  refresh: string | null;
  expires_ms: number;
}

const PENDING = 'sessioncast.sign-in';
const SESSION = 'sessioncast.oidc';
const DEADLINE_MS = 15_000;
/** A token is renewed this long before it ends. */
const EARLY_MS = 60_000;

export class SignInError extends Error {}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function toWays(value: unknown): SignInWays {
  const body = isObject(value) ? value : {};
  const given = isObject(body['oidc']) ? body['oidc'] : null;
  const apiKey = body['api_key'] !== false;
  if (!given || !text(given['client_id']) || !/^https?:\/\//.test(text(given['authorization_endpoint'])) || !/^https?:\/\//.test(text(given['token_endpoint']))) return { apiKey, oidc: null };
  return {
    apiKey,
    oidc: {
      issuer: text(given['issuer']), client_id: text(given['client_id']), scope: text(given['scope']) || 'openid', resource: text(given['resource']) || null,
      bearer: given['bearer'] === 'access_token' ? 'access_token' : 'id_token',
      authorization_endpoint: text(given['authorization_endpoint']), token_endpoint: text(given['token_endpoint']), end_session_endpoint: text(given['end_session_endpoint']) || null,
    },
  };
}

let ways: Promise<SignInWays> | null = null;

/** How people sign in here; an older server knows API keys only. */
export function signInWays(): Promise<SignInWays> {
  ways ??= authConfig({}).then(toWays, () => {
    ways = null;
    return { apiKey: true, oidc: null };
  });
  return ways;
}

const base64url = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));
const redirectUri = (): string => `${location.origin}/`;

export async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

/** Leaves for the identity server. */
export async function signIn(oidc: Oidc): Promise<void> {
  if (!globalThis.crypto?.subtle) throw new SignInError('Signing in needs https:// (or this very machine).');
  const pending: Pending = { state: random(), verifier: random(), path: location.pathname + location.search };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const url = new URL(oidc.authorization_endpoint);
  const query = { response_type: 'code', client_id: oidc.client_id, redirect_uri: redirectUri(), scope: oidc.scope, state: pending.state, code_challenge: await challenge(pending.verifier), code_challenge_method: 'S256' };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (oidc.resource) url.searchParams.set('resource', oidc.resource);
  location.assign(url);
}

/** What the identity server sent us back with; taken out of the address bar at once. null: nothing. */
export interface Return {
  code: string | null;
  error: string | null;
  pending: Pending;
}

export function takeReturn(): Return | null {
  const query = new URLSearchParams(location.search);
  if (!query.has('state') || (!query.has('code') && !query.has('error'))) return null;
  let pending: Pending | null = null;
  try {
    pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null') as Pending | null;
    sessionStorage.removeItem(PENDING);
  } catch {
    /* no storage: nothing of ours can have come back */
  }
  history.replaceState(history.state, '', location.pathname);
  // Not begun in this tab: somebody else's code would sign the person in as somebody else.
  if (!pending || pending.state !== query.get('state')) return null;
  return { code: query.get('code'), error: query.get('error_description') ?? query.get('error'), pending };
}

/** Changes the code into a token. Resolves with where the person was. */
export async function finishSignIn({ code, error, pending }: Return): Promise<string> {
  if (!code) throw new SignInError(`The sign-in was not completed: ${(error ?? 'no reason was given').slice(0, 200)}.`);
  const { oidc } = await signInWays();
  if (!oidc) throw new SignInError('The server knows no sign-in now. Please try again.');
  await take(oidc, { grant_type: 'authorization_code', code, redirect_uri: redirectUri(), code_verifier: pending.verifier });
  return pending.path;
}

async function take(oidc: Oidc, form: Record<string, string>): Promise<void> {
  const body = new URLSearchParams({ ...form, client_id: oidc.client_id });
  if (oidc.resource) body.set('resource', oidc.resource);
  let answer: unknown;
  let ok: boolean;
  try {
    const response = await fetch(oidc.token_endpoint, { method: 'POST', body, credentials: 'omit', cache: 'no-store', redirect: 'error', headers: { accept: 'application/json' }, signal: AbortSignal.timeout(DEADLINE_MS) });
    ok = response.ok;
    answer = await response.json();
  } catch {
    throw new SignInError('The identity server does not answer.');
  }
  const tokens = isObject(answer) ? answer : {};
  const token = text(tokens[oidc.bearer]);
  if (!ok || !token) throw new SignInError(`The identity server refused: ${(text(tokens['error_description']) || text(tokens['error']) || 'no token came').slice(0, 200)}.`);
  const expires_in = typeof tokens['expires_in'] === 'number' ? tokens['expires_in'] : 300;
  keepApiKey(token);
  const session: Session = { refresh: text(tokens['refresh_token']) || form['refresh_token'] || null, expires_ms: Date.now() + expires_in * 1000 };
  sessionStorage.setItem(SESSION, JSON.stringify(session));
  renewInTime();
}

function kept(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(SESSION) ?? 'null') as Session | null;
  } catch {
    return null;
  }
}

/** Signed in by OpenID Connect, not by an API key. */
export const bySignIn = (): boolean => kept() !== null;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Gets a new token before the old one ends, where the identity server gave the means. */
export function renewInTime(): void {
  clearTimeout(timer);
  const session = kept();
  if (!session?.refresh) return;
  const wait_ms = Math.max(1_000, session.expires_ms - EARLY_MS - Date.now());
  timer = setTimeout(() => {
    void signInWays().then(async ({ oidc }) => {
      const now = kept();
      if (oidc && now?.refresh) await take(oidc, { grant_type: 'refresh_token', refresh_token: now.refresh });
    }).catch(() => undefined);
  }, Math.min(wait_ms, 2 ** 31 - 1));
}

/** Forgets the token, and says good-bye to the identity server where it wants to be told. */
export async function signOut(): Promise<void> {
  clearTimeout(timer);
  const was = bySignIn();
  keepApiKey(null);
  try {
    sessionStorage.removeItem(SESSION);
  } catch {
    /* nothing was kept */
  }
  if (!was) return;
  const { oidc } = await signInWays();
  if (!oidc?.end_session_endpoint) return;
  const url = new URL(oidc.end_session_endpoint);
  url.searchParams.set('client_id', oidc.client_id);
  url.searchParams.set('post_logout_redirect_uri', redirectUri());
  location.assign(url);
}
