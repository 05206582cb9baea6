/** Typed client of the shim's HTTP API. Every answer is checked, every failure is an ApiError with words. */

import {
  isObject, toJoinAnswer, toOffer, toSession,
  toLink, toParticipant,
  type AgentCredential, type JoinAnswer, type JoinLink, type Kind, type LinkInfo, type Offer, type Participant, type Role, type SessionInfo,
} from './types';

const DEADLINE_MS = 10_000;
const LIST_LIMIT = 1_000;

/** status 0: the shim could not be reached at all. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly type: string, message: string, readonly retryAfter_ms: number | null = null) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Caller {
  bearer?: string | null;
  signal?: AbortSignal | undefined;
}

async function request(method: string, path: string, { bearer, signal }: Caller, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (bearer) headers['authorization'] = `Bearer ${bearer}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method, headers, credentials: 'omit', cache: 'no-store', redirect: 'error',
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer.');
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response: Response): Promise<ApiError> {
  let type = 'unknown';
  let words = `The server answered ${response.status}.`;
  try {
    const body: unknown = await response.json();
    if (isObject(body)) {
      // RFC 9457; the last segment of `type` is the stable name.
      if (typeof body['type'] === 'string') type = body['type'].split(/[/:#]/).pop() || type;
      if (typeof body['detail'] === 'string') words = body['detail'];
      else if (typeof body['title'] === 'string') words = body['title'];
    }
  } catch {
    /* a proxy's HTML page: the status says enough */
  }
  const after = Number(response.headers.get('retry-after'));
  return new ApiError(response.status, type, words, after > 0 ? after * 1000 : null);
}

async function json(method: string, path: string, caller: Caller, body?: unknown): Promise<unknown> {
  const response = await request(method, path, caller, body);
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, 'not-json', 'The server’s answer could not be read.');
  }
}

const at = (session: string, rest = ''): string => `/api/v1/sessions/${encodeURIComponent(session)}${rest}`;

export async function listSessions(caller: Caller): Promise<SessionInfo[]> {
  const sessions: SessionInfo[] = [];
  let path = '/api/v1/sessions?limit=500';
  while (sessions.length < LIST_LIMIT) {
    const page = await json('GET', path, caller);
    const items = isObject(page) && Array.isArray(page['items']) ? page['items'] : [];
    for (const item of items) {
      const session = toSession(item);
      if (session) sessions.push(session);
    }
    const next = isObject(page) ? page['next'] : null;
    if (typeof next !== 'string' || !next || items.length === 0) break;
    path = next.startsWith('/api/') ? next : `/api/v1/sessions?limit=500&cursor=${encodeURIComponent(next)}`;
  }
  return sessions;
}

export async function getSession(session: string, caller: Caller): Promise<SessionInfo> {
  const info = toSession(await json('GET', at(session), caller));
  if (!info) throw new ApiError(200, 'not-a-session', 'The server’s answer is not a session.');
  return info;
}

export async function createSession(session: string, kind: Kind, caller: Caller): Promise<AgentCredential> {
  const body = await json('POST', '/api/v1/sessions', caller, session ? { session, kind } : { kind });
  const agent = isObject(body) && isObject(body['agent']) ? body['agent'] : {};
  return {
    session: isObject(body) ? String(body['session'] ?? session) : session,
    credential: String(agent['credential'] ?? ''),
    expires_at: String(agent['expires_at'] ?? ''),
  };
}

export async function endSession(session: string, caller: Caller): Promise<void> {
  await request('DELETE', at(session), caller);
}

export interface NewLink {
  role: Role;
  name?: string;
  ttl_seconds: number;
  max_uses: number;
  may_ask?: boolean;
}

export async function makeJoinLink(session: string, link: NewLink, caller: Caller): Promise<JoinLink> {
  const body = await json('POST', at(session, '/join-links'), caller, link);
  if (!isObject(body) || typeof body['url'] !== 'string') throw new ApiError(200, 'not-a-link', 'The server’s answer holds no link.');
  return { id: String(body['id'] ?? ''), url: new URL(body['url'], location.origin).href };
}

const items = (page: unknown): unknown[] => (isObject(page) && Array.isArray(page['items']) ? page['items'] : []);

export async function joinLinks(session: string, caller: Caller): Promise<LinkInfo[]> {
  return items(await json('GET', at(session, '/join-links?limit=500'), caller)).map(toLink).filter((link) => link !== null);
}

export async function revokeLink(session: string, id: string, caller: Caller): Promise<void> {
  await request('DELETE', at(session, `/join-links/${encodeURIComponent(id)}`), caller);
}

export async function participants(session: string, caller: Caller): Promise<Participant[]> {
  return items(await json('GET', at(session, '/participants?limit=500'), caller)).map(toParticipant).filter((who) => who !== null);
}

export type ControlAction = 'request' | 'release' | 'grant' | 'deny' | 'take';

/** For those who have no voice in the room: an observer who may ask, the fallback. */
export async function control(session: string, action: ControlAction, identity: string | null, caller: Caller): Promise<unknown> {
  return json('POST', at(session, '/control'), caller, identity ? { action, identity } : { action });
}

/** Out of the session, and kept out. */
export async function removeParticipant(session: string, identity: string, caller: Caller): Promise<void> {
  await request('DELETE', at(session, `/participants/${encodeURIComponent(identity)}`), caller);
}

/** What a session has cost, as its agent counts it. */
export interface Usage {
  uptime_s: number;
  process_s: number;
  stages: [stage: string, seconds: number][];
  bytes_sent: number;
  watched_s: number;
  rss_bytes: number;
}

export async function usage(session: string, caller: Caller): Promise<Usage> {
  const body = await json('GET', at(session, '/usage'), caller);
  const read = (from: unknown, name: string): number => (isObject(from) && typeof from[name] === 'number' ? (from[name] as number) : 0);
  const cpu = isObject(body) ? body['cpu_seconds'] : null;
  const stages = Object.entries(isObject(cpu) ? cpu : {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] !== 'process');
  const sum_s = stages.reduce((sum, [, seconds]) => sum + seconds, 0);
  return {
    uptime_s: read(body, 'uptime_seconds'), process_s: read(cpu, 'process') || sum_s, stages,
    bytes_sent: read(body, 'bytes_sent'), watched_s: read(body, 'watched_seconds'), rss_bytes: read(body, 'rss_bytes'),
  };
}

/** The stream of news; it stays open, so the usual deadline is for its head alone. */
export async function events(caller: Caller): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (caller.bearer) headers['authorization'] = `Bearer ${caller.bearer}`;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), DEADLINE_MS);
  try {
    const response = await fetch('/api/v1/events', { headers, credentials: 'omit', cache: 'no-store', redirect: 'error', signal: caller.signal ? AbortSignal.any([caller.signal, late.signal]) : late.signal });
    if (!response.ok) throw await problem(response);
    if (!response.body) throw new ApiError(0, 'no-body', 'The server’s events could not be read.');
    return response.body;
  } finally {
    clearTimeout(timer);
  }
}

export async function authConfig(caller: Caller): Promise<unknown> {
  return json('GET', '/api/v1/auth/config', caller);
}

export async function thumbnail(session: string, caller: Caller): Promise<Blob> {
  return (await request('GET', at(session, '/thumbnail'), caller)).blob();
}

export async function offer(session: string, role: Role | null, caller: Caller): Promise<Offer> {
  return answer(toOffer, await json('POST', at(session, '/webrtc/offer'), caller, role ? { role } : {}));
}

/** An offer from an embedding site's own route. */
export async function offerAt(url: string, { credentials, authorization, signal }: { credentials: RequestCredentials; authorization: string | null; signal: AbortSignal }): Promise<Offer> {
  const headers: Record<string, string> = { accept: 'application/json', 'content-type': 'application/json' };
  if (authorization) headers['authorization'] = authorization;
  let response: Response;
  try {
    response = await fetch(url, { method: 'POST', body: '{}', headers, credentials, cache: 'no-store', signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]) });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer.');
  }
  if (!response.ok) throw await problem(response);
  return answer(toOffer, await response.json().catch(() => null));
}

export async function join(secret: string, caller: Caller): Promise<JoinAnswer> {
  return answer(toJoinAnswer, await json('POST', '/api/v1/join', caller, { secret }));
}

function answer<T>(check: (value: unknown) => T, value: unknown): T {
  try {
    return check(value);
  } catch (error) {
    throw new ApiError(200, 'not-an-offer', `The server’s answer cannot be used: ${(error as Error).message}.`);
  }
}

/** The shared clock, in microseconds since 1970. */
export async function serverTime_us(caller: Caller): Promise<number> {
  const body = await json('GET', '/api/v1/time', caller);
  const unix_us = isObject(body) ? body['unix_us'] : null;
  if (typeof unix_us !== 'number' || !Number.isFinite(unix_us)) throw new ApiError(200, 'not-a-time', 'The server’s clock could not be read.');
  return unix_us;
}
