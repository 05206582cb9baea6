/** Search, chips and sort: pure, so that hundreds of sessions are one pass. */

import type { SessionInfo, SessionState } from '../types';

export type Chip = 'live' | 'starting' | 'ended' | 'recorded';
export type Sort = 'live-first' | 'newest' | 'oldest' | 'name' | 'watching';

export interface Filter {
  query: string;
  chips: ReadonlySet<Chip>;
  sort: Sort;
}

const CHIP_OF: Record<SessionState, Exclude<Chip, 'recorded'>> = { live: 'live', waiting: 'starting', reconnecting: 'starting', ended: 'ended' };
const RANK: Record<SessionState, number> = { live: 0, reconnecting: 1, waiting: 2, ended: 3 };
export const STATE_WORDS: Record<SessionState, string> = { live: 'Live', waiting: 'Starting', reconnecting: 'Reconnecting', ended: 'Ended' };
export const STATE_TONES: Record<SessionState, string> = { live: 'live', waiting: 'busy', reconnecting: 'lost', ended: 'ended' };

export const chipOf = (session: SessionInfo): Exclude<Chip, 'recorded'> => CHIP_OF[session.state];

/** States among each other are alternatives; “recorded” narrows whatever they leave. */
function passes(session: SessionInfo, chips: ReadonlySet<Chip>): boolean {
  if (chips.has('recorded') && !session.recording) return false;
  const states = [...chips].filter((chip) => chip !== 'recorded');
  return states.length === 0 || states.includes(chipOf(session));
}

function matches(session: SessionInfo, words: string[]): boolean {
  if (words.length === 0) return true;
  const text = [session.session, session.kind, STATE_WORDS[session.state], session.control ?? '', ...Object.entries(session.labels).map((label) => label.join('='))].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

// One collator: localeCompare makes one for each comparison, and 1,000 names have 10,000 of them.
const NAMES = new Intl.Collator('en', { numeric: true });
const byName = (a: SessionInfo, b: SessionInfo): number => NAMES.compare(a.session, b.session);
const time = (session: SessionInfo): number => Date.parse(session.created_at ?? '') || 0;

const ORDERS: Record<Sort, (a: SessionInfo, b: SessionInfo) => number> = {
  'live-first': (a, b) => RANK[a.state] - RANK[b.state] || byName(a, b),
  newest: (a, b) => time(b) - time(a) || byName(a, b),
  oldest: (a, b) => time(a) - time(b) || byName(a, b),
  name: byName,
  watching: (a, b) => (b.watching ?? 0) - (a.watching ?? 0) || byName(a, b),
};

export function select(sessions: readonly SessionInfo[], filter: Filter): SessionInfo[] {
  const words = filter.query.toLowerCase().split(/\s+/).filter(Boolean);
  return sessions
    .filter((session) => passes(session, filter.chips) && matches(session, words))
    .sort(ORDERS[filter.sort]);
}

export function counts(sessions: readonly SessionInfo[]): Record<Chip, number> {
  const result: Record<Chip, number> = { live: 0, starting: 0, ended: 0, recorded: 0 };
  for (const session of sessions) {
    result[chipOf(session)] += 1;
    if (session.recording) result.recorded += 1;
  }
  return result;
}

export function age(created_at: string | null, now_ms: number): string {
  const then_ms = Date.parse(created_at ?? '');
  if (!Number.isFinite(then_ms)) return '';
  const s = Math.max(0, (now_ms - then_ms) / 1000);
  if (s < 60) return 'just now';
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}
