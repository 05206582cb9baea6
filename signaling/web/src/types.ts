/** The shapes of the HTTP contract, and the checks that turn foreign JSON into them. */

export type Role = 'observer' | 'operator' | 'admin';
export type SessionState = 'waiting' | 'live' | 'reconnecting' | 'ended';
export type Kind = 'desktop' | 'browser';

export interface SessionInfo {
  session: string;
  kind: Kind;
  state: SessionState;
  labels: Record<string, string>;
  created_at: string | null;
  size_px: [number, number] | null;
  watching: number | null;
  /** Who controls, as the shim says it; null while nobody does. */
  control: string | null;
  recording: boolean;
}

export interface Offer {
  server_url: string;
  participant_token: string;
  room_name: string;
  identity: string;
  role: Role;
  state: SessionState;
  /** An observer that may ask for control all the same. */
  may_ask: boolean;
  /** The VNC way in: a WebSocket and the ticket that is its subprotocol, once. */
  fallback: { url: string; ticket: string } | null;
}

export interface JoinAnswer extends Offer {
  grant: string;
  session: string;
}

export interface AgentCredential {
  session: string;
  credential: string;
  expires_at: string;
}

export interface JoinLink {
  id: string;
  url: string;
}

export interface LinkInfo {
  id: string;
  role: Role;
  name: string;
  expires_at: string;
  uses: number;
  max_uses: number;
}

export interface Participant {
  identity: string;
  name: string;
  role: Role;
  ai: boolean;
  joined_at: string;
}

const SESSION_ID = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const isSessionId = (text: string): boolean => SESSION_ID.test(text);

type Json = Record<string, unknown>;
export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

const STATES: readonly string[] = ['waiting', 'live', 'reconnecting', 'ended'];
const ROLES: readonly string[] = ['observer', 'operator', 'admin'];

export function toState(value: unknown): SessionState {
  return STATES.includes(text(value)) ? (value as SessionState) : 'waiting';
}

function toRole(value: unknown): Role {
  return ROLES.includes(text(value)) ? (value as Role) : 'observer';
}

function holder(value: unknown): string | null {
  if (typeof value === 'string') return value || null;
  if (isObject(value)) return text(value['name']) || text(value['holder']) || null;
  return null;
}

/** null for anything that is not a session: one odd row must not empty the list. */
export function toSession(value: unknown): SessionInfo | null {
  if (!isObject(value) || !isSessionId(text(value['session']))) return null;
  const size = value['size_px'];
  const labels: Record<string, string> = {};
  if (isObject(value['labels'])) for (const [key, label] of Object.entries(value['labels'])) labels[key] = String(label);
  return {
    session: text(value['session']),
    kind: value['kind'] === 'browser' ? 'browser' : 'desktop',
    state: toState(value['state']),
    labels,
    created_at: text(value['created_at']) || null,
    size_px: Array.isArray(size) && count(size[0]) && count(size[1]) ? [Number(size[0]), Number(size[1])] : null,
    watching: Array.isArray(value['watching']) ? value['watching'].length : count(value['watching']),
    control: holder(value['control']),
    recording: Boolean(value['recording']),
  };
}

export function toLink(value: unknown): LinkInfo | null {
  if (!isObject(value) || !text(value['id'])) return null;
  return { id: text(value['id']), role: toRole(value['role']), name: text(value['name']), expires_at: text(value['expires_at']), uses: count(value['uses']) ?? 0, max_uses: count(value['max_uses']) ?? 0 };
}

export function toParticipant(value: unknown): Participant | null {
  if (!isObject(value) || !text(value['identity'])) return null;
  return { identity: text(value['identity']), name: text(value['name']) || text(value['identity']), role: toRole(value['role']), ai: value['actor'] === 'ai', joined_at: text(value['joined_at']) };
}

function toFallback(value: unknown): Offer['fallback'] {
  if (!isObject(value) || !text(value['url']) || !text(value['ticket'])) return null;
  return { url: text(value['url']), ticket: text(value['ticket']) };
}

export function toOffer(value: unknown): Offer {
  const body = isObject(value) ? value : {};
  if (!text(body['server_url']) || !text(body['participant_token'])) throw new TypeError('the answer holds no server_url or participant_token');
  return {
    server_url: text(body['server_url']),
    participant_token: text(body['participant_token']),
    room_name: text(body['room_name']),
    identity: text(body['identity']),
    role: toRole(body['role']),
    state: toState(body['state']),
    may_ask: body['may_ask'] === true,
    fallback: toFallback(body['fallback']),
  };
}

export function toJoinAnswer(value: unknown): JoinAnswer {
  const offer = toOffer(value);
  const body = value as Json;
  return { ...offer, grant: text(body['grant']), session: text(body['session']) || offer.room_name };
}
