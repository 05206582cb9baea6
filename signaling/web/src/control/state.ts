/**
 * Who has control, as this page knows it: a slot of the viewer's reducer (machine.ts). Pure.
 * The agent's attributes are the truth; its notices to us come sooner, and are believed until the
 * attributes have caught up.
 */

import type { Role } from '../types';

export type Actor = 'person' | 'ai';

export interface Who {
  identity: string;
  name: string;
  actor: Actor;
}

/** Somebody who asks us, the holder or an admin, for control. */
export interface Ask extends Who {
  until_ms: number;
}

export interface Control {
  role: Role | null;
  /** This page's own identity in the room. */
  self: string;
  /** An observer whose link lets it ask. */
  mayAsk: boolean;
  /** Who has control: what the agent's attributes told, or what a notice said before they could. */
  holder: Who | null;
  told: Who | null;
  /** `implicit`: whoever acts first takes it while it is free. */
  mode: 'explicit' | 'implicit';
  /** Our own request, until it is answered. */
  asking: { until_ms: number } | null;
  asks: readonly Ask[];
  /** A notice said something that the attributes may still contradict. */
  ahead: { holds: boolean; until_ms: number } | null;
  /** Why we lost it or were refused, for the person to read. */
  reason: string | null;
}

export type ControlEvent =
  | { type: 'seat'; role: Role; self: string; mayAsk: boolean }
  | { type: 'attributes'; holder: string; name: string; actor: string; mode: string; now_ms: number }
  | { type: 'pending'; until_ms: number }
  | { type: 'granted'; now_ms: number }
  | { type: 'denied'; reason: string }
  | { type: 'lost'; reason: string; now_ms: number }
  | { type: 'released'; now_ms: number }
  | { type: 'asked'; ask: Ask }
  | { type: 'answered'; identity: string }
  | { type: 'people'; identities: readonly string[] }
  | { type: 'time'; now_ms: number }
  | { type: 'no-room' };

export const noControl: Control = { role: null, self: '', mayAsk: false, holder: null, told: null, mode: 'explicit', asking: null, asks: [], ahead: null, reason: null };

/** Attributes travel through the SFU's signalling: slower than a packet, never this slow. */
const AHEAD_MS = 3_000;
const MAX_ASKS = 8;

export const mayHold = (role: Role | null): boolean => role === 'operator' || role === 'admin';
export const holds = (control: Control): boolean => control.self !== '' && control.holder?.identity === control.self;

/** The state in one word; the button says it in more. */
export type Stance = 'unknown' | 'free' | 'requested' | 'yours' | 'others';

export function stance(control: Control): Stance {
  if (!control.role) return 'unknown';
  if (holds(control)) return 'yours';
  if (control.asking) return 'requested';
  return control.holder ? 'others' : 'free';
}

/** May this page ask for control at all? */
export const mayRequest = (control: Control): boolean => mayHold(control.role) || control.mayAsk;
/** Is an act of this page worth sending? In implicit mode the agent decides whether it takes control. */
export const mayAct = (control: Control): boolean => holds(control) || (mayHold(control.role) && control.mode === 'implicit');
/** Its pointer is shown to the others although it moves nothing. */
export const mayPoint = (control: Control): boolean => mayHold(control.role) && !holds(control);

export function reduceControl(control: Control, event: ControlEvent): Control {
  switch (event.type) {
    case 'seat':
      return { ...control, role: event.role, self: event.self, mayAsk: event.mayAsk, asking: null };
    case 'attributes':
      return attributes(control, event);
    case 'pending':
      return holds(control) ? control : { ...control, asking: { until_ms: event.until_ms }, reason: null };
    case 'granted':
      return settle({ ...control, asking: null, asks: [], reason: null, ahead: { holds: true, until_ms: event.now_ms + AHEAD_MS } });
    case 'denied':
      return { ...control, asking: null, reason: event.reason || null };
    case 'lost':
      return { ...letGo(control, event.now_ms), reason: event.reason || null };
    case 'released':
      return { ...letGo(control, event.now_ms), reason: null };
    case 'asked':
      return { ...control, asks: [...control.asks.filter((ask) => ask.identity !== event.ask.identity), event.ask].slice(-MAX_ASKS) };
    case 'answered':
      return { ...control, asks: control.asks.filter((ask) => ask.identity !== event.identity) };
    case 'people':
      return keep(control, (ask) => event.identities.includes(ask.identity));
    case 'time':
      return expire(control, event.now_ms);
    case 'no-room':
      return { ...control, holder: null, told: null, asking: null, asks: [], ahead: null };
  }
}

function attributes(control: Control, event: ControlEvent & { type: 'attributes' }): Control {
  const mode = event.mode === 'implicit' ? 'implicit' : 'explicit';
  const told: Who | null = event.holder ? { identity: event.holder, name: event.name || event.holder, actor: event.actor === 'ai' ? 'ai' : 'person' } : null;
  if (mode === control.mode && same(told, control.told)) return control;
  const ours = told !== null && told.identity === control.self;
  // They have caught up with the notice. (After a loss they may still be on the way to the grant before it.)
  const ahead = control.ahead?.holds && ours ? null : control.ahead;
  return settle({ ...control, told, mode, ahead });
}

const same = (a: Who | null, b: Who | null): boolean => a?.identity === b?.identity && a?.name === b?.name && a?.actor === b?.actor;

/** The holder by all that is known, and what follows from a new one. */
function settle(control: Control): Control {
  const { told, ahead, self } = control;
  const ours = told !== null && told.identity === self;
  const me: Who = ours ? told : { identity: self, name: '', actor: 'person' };
  const holder = !ahead ? told : ahead.holds ? me : ours ? null : told;
  const changed = holder?.identity !== control.holder?.identity;
  const mine = self !== '' && holder?.identity === self;
  return {
    ...control,
    holder: same(holder, control.holder) ? control.holder : holder,
    asking: mine ? null : control.asking,
    // What was asked of the former holder is void, but an admin goes on seeing who asks.
    asks: changed ? control.asks.filter((ask) => control.role === 'admin' && ask.identity !== holder?.identity) : control.asks,
    reason: mine ? null : control.reason,
  };
}

function letGo(control: Control, now_ms: number): Control {
  return settle({ ...control, asking: null, asks: [], ahead: { holds: false, until_ms: now_ms + AHEAD_MS } });
}

function keep(control: Control, stays: (ask: Ask) => boolean): Control {
  return control.asks.every(stays) ? control : { ...control, asks: control.asks.filter(stays) };
}

function expire(control: Control, now_ms: number): Control {
  let now = keep(control, (ask) => ask.until_ms > now_ms);
  if (now.asking && now.asking.until_ms <= now_ms) now = { ...now, asking: null, reason: 'Nobody answered.' };
  if (now.ahead && now.ahead.until_ms <= now_ms) now = settle({ ...now, ahead: null });
  return now;
}

/** The name of whoever has control, for a sentence. */
export function holderName(control: Control): string {
  const { holder } = control;
  if (!holder) return '';
  const name = holder.name || 'Somebody';
  return holder.actor === 'ai' ? `${name} (AI)` : name;
}
