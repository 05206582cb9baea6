/** What an operator's page sends on topic `input` (docs/protocol.md), and what it hears on `notice`, `presence`, `clipboard`. Pure. */

import type { Actor } from './state';

const VERSION = 1;
/** Characters of one text message; longer text goes as several, in order. */
const TEXT_CHUNK = 500;

export interface Point {
  x: number;
  y: number;
}

export interface Finger extends Point {
  id: number;
}

export type TouchPhase = 'start' | 'move' | 'end' | 'cancel';

export type InputMessage =
  | { kind: 'move'; seq: number; x: number; y: number; frame: number }
  | { kind: 'rel'; seq: number; dx: number; dy: number }
  | { kind: 'button'; seq: number; button: number; down: boolean; at: Point | null; frame: number }
  | { kind: 'wheel'; seq: number; dx: number; dy: number; at: Point | null; frame: number }
  | { kind: 'key'; keysym: number; down: boolean; code: string }
  | { kind: 'text'; text: string }
  | { kind: 'touch'; seq: number; phase: TouchPhase; fingers: readonly Finger[]; frame: number }
  | { kind: 'beat'; keys: readonly number[]; buttons: readonly number[]; caps: boolean | null; num: boolean | null }
  | { kind: 'reset' };

/** A tenth of a CSS pixel is finer than any wheel. */
const tenth = (value: number): number => Math.round(value * 10) / 10;

export function toArray(message: InputMessage): unknown[] {
  switch (message.kind) {
    case 'move': return [VERSION, 'move', message.seq, message.x, message.y, message.frame];
    case 'rel': return [VERSION, 'rel', message.seq, message.dx, message.dy];
    case 'button': return [VERSION, 'button', message.seq, message.button, message.down, message.at?.x ?? null, message.at?.y ?? null, message.frame];
    case 'wheel': return [VERSION, 'wheel', message.seq, tenth(message.dx), tenth(message.dy), message.at?.x ?? null, message.at?.y ?? null, message.frame];
    case 'key': return [VERSION, 'key', message.keysym, message.down, message.code];
    case 'text': return [VERSION, 'text', message.text];
    case 'touch': return [VERSION, 'touch', message.seq, message.phase, message.fingers.map(({ id, x, y }) => [id, x, y]), message.frame];
    case 'beat': return [VERSION, 'beat', message.keys, message.buttons, message.caps, message.num];
    case 'reset': return [VERSION, 'reset'];
  }
}

/** Only a bare move may be lost: the next one or the next click makes up for it. */
export const isReliable = (message: InputMessage): boolean => message.kind !== 'move';

const encoder = new TextEncoder();

export function encode(message: InputMessage): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(toArray(message)));
}

/** Text in pieces that fit a message; no character is torn in two, half ones and control characters are left out. */
export function chunks(text: string): string[] {
  const characters = [...text.replace(/\r\n?/g, '\n')].filter((character) => !/^[\ud800-\udfff]$/.test(character) && !/[^\P{Cc}\n\t]/u.test(character));
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += TEXT_CHUNK) pieces.push(characters.slice(at, at + TEXT_CHUNK).join(''));
  return pieces;
}

export type Notice =
  | { kind: 'requested'; identity: string; name: string; actor: Actor; timeout_ms: number }
  | { kind: 'granted' }
  | { kind: 'denied'; reason: string }
  | { kind: 'lost'; reason: string }
  | { kind: 'refused'; what: string; sentence: string };

export type Presence = { kind: 'ptr'; identity: string; name: string; actor: Actor; x: number; y: number } | { kind: 'gone'; identity: string };

const MAX_NAME = 128;
const MAX_CLIPBOARD = 1_000_000;

function parse(payload: Uint8Array): unknown[] {
  try {
    const message: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return Array.isArray(message) ? message : [];
  } catch {
    return [];
  }
}

const text = (value: unknown, longest = MAX_NAME): string => (typeof value === 'string' ? value.slice(0, longest) : '');
const actor = (value: unknown): Actor => (value === 'ai' ? 'ai' : 'person');
const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** null for anything that is not a notice: a bad packet changes nothing. */
export function parseNotice(payload: Uint8Array): Notice | null {
  const [kind, a, b, c, d] = parse(payload);
  switch (kind) {
    case 'control.requested':
      if (!text(a)) return null;
      return { kind: 'requested', identity: text(a), name: text(b) || text(a), actor: actor(c), timeout_ms: finite(d) ? Math.min(Math.max(d, 0), 600_000) : 30_000 };
    case 'control.granted': return { kind: 'granted' };
    case 'control.denied': return { kind: 'denied', reason: text(a, 400) };
    case 'control.lost': return { kind: 'lost', reason: text(a, 400) };
    case 'refused': return text(b, 400) ? { kind: 'refused', what: text(a), sentence: text(b, 400) } : null;
    default: return null;
  }
}

export function parsePresence(payload: Uint8Array): Presence | null {
  const [kind, identity, name, who, x, y] = parse(payload);
  if (!text(identity)) return null;
  if (kind === 'gone') return { kind, identity: text(identity) };
  if (kind !== 'ptr' || !finite(x) || !finite(y)) return null;
  return { kind, identity: text(identity), name: text(name) || text(identity), actor: actor(who), x, y };
}

/** The session's clipboard, told to the holder; null if it is not text. */
export function parseClipboard(payload: Uint8Array): string | null {
  const [kind, content] = parse(payload);
  return kind === 'text' && typeof content === 'string' && content.length <= MAX_CLIPBOARD ? content : null;
}
