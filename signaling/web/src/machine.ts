/**
 * The viewer's whole state as one pure reducer: session × transport × picture × control × sound.
 * No DOM, no clock, no network: the driver (viewer/connection.ts) reports what happened and when.
 */

import { noControl, reduceControl, type Control, type ControlEvent } from './control/state';
import { noLadder, reduceLadder, type Ladder, type LadderEvent } from './ladder';
import { initialSound, reduceSound, type SoundEvent, type SoundState } from './sound/state';
import type { Role, SessionState } from './types';

/** Why there is nothing more to try until the person does something. */
export type Refusal = 'ended' | 'unknown-session' | 'link-used' | 'sign-in' | 'key-refused' | 'forbidden' | 'no-h264';

export type Transport =
  | { phase: 'idle' }
  | { phase: 'redeeming' }
  | { phase: 'offering' }
  | { phase: 'connecting' }
  | { phase: 'connected'; since_ms: number }
  /** The SDK tries to resume the same connection. */
  | { phase: 'recovering' }
  | { phase: 'backoff'; until_ms: number; why: string }
  | { phase: 'refused'; refusal: Refusal };

export interface State {
  session: {
    phase: 'unknown' | SessionState;
    since_ms: number;
    agent: boolean;
    displayLost: boolean;
  };
  transport: Transport;
  /** Which ways in were tried, and why the better ones gave nothing (ladder.ts). */
  ladder: Ladder;
  /** Tries since the last time it worked. */
  attempt: number;
  /** A rejoin that was asked for (latency measurement on or off), not a failure. */
  switching: boolean;
  picture: { phase: 'none' | 'fresh' | 'stale'; last_ms: number };
  /** Who has control, and what was asked (control/state.ts). */
  control: Control;
  sound: SoundState;
}

export type Event =
  | { type: 'redeem' }
  | { type: 'offer' }
  | { type: 'offered'; state: SessionState; role: Role; identity?: string; mayAsk?: boolean; now_ms: number }
  | { type: 'joined'; now_ms: number }
  | { type: 'recovering' }
  | { type: 'recovered'; now_ms: number }
  | { type: 'lost'; why: string; now_ms: number; wait_ms: number }
  | { type: 'refused'; refusal: Refusal }
  | { type: 'told'; state: SessionState; now_ms: number }
  | { type: 'agent'; present: boolean; displayLost: boolean; now_ms: number }
  | { type: 'frame'; now_ms: number }
  | { type: 'picture-gone' }
  | { type: 'control'; event: ControlEvent }
  | { type: 'ladder'; event: LadderEvent }
  | { type: 'switch' }
  | { type: 'sound'; event: SoundEvent }
  | { type: 'restart' };

export const initial: State = {
  session: { phase: 'unknown', since_ms: 0, agent: false, displayLost: false },
  transport: { phase: 'idle' },
  ladder: noLadder,
  attempt: 0,
  switching: false,
  picture: { phase: 'none', last_ms: 0 },
  control: noControl,
  sound: initialSound,
};

/** Connected for as long as this, a new loss counts as the first. */
export const SETTLED_MS = 5_000;
const BACKOFF_MS = [200, 800, 1_600, 3_200];
const BACKOFF_CEILING_MS = 5_000;

/** `jitter` in 0…1 spreads a room full of viewers; the sum never exceeds 5 s. */
export function backoff_ms(attempt: number, jitter: number): number {
  const base = BACKOFF_MS[attempt] ?? BACKOFF_CEILING_MS;
  return Math.min(BACKOFF_CEILING_MS, base * (0.75 + 0.5 * jitter));
}

const stale = (picture: State['picture']): State['picture'] => (picture.phase === 'fresh' ? { ...picture, phase: 'stale' } : picture);
const final = (state: State): boolean => state.transport.phase === 'refused';

function session(state: State, phase: SessionState, now_ms: number): State['session'] {
  return phase === state.session.phase ? state.session : { ...state.session, phase, since_ms: now_ms };
}

export function reduce(state: State, event: Event): State {
  // After a refusal only a deliberate new start counts; late reports of a closing room do not.
  // (The fallback may show what this browser cannot play.)
  if (final(state) && !['restart', 'refused', 'ladder', 'sound'].includes(event.type)) return state;
  switch (event.type) {
    case 'redeem':
      return { ...state, transport: { phase: 'redeeming' } };
    case 'offer':
      return { ...state, transport: { phase: 'offering' } };
    case 'offered':
      return {
        ...state,
        transport: { phase: 'connecting' },
        session: session(state, event.state, event.now_ms),
        control: reduceControl(state.control, { type: 'seat', role: event.role, self: event.identity ?? '', mayAsk: event.mayAsk ?? false }),
      };
    case 'joined':
      return { ...state, transport: { phase: 'connected', since_ms: event.now_ms } };
    case 'recovering':
      return state.transport.phase === 'connected' ? { ...state, transport: { phase: 'recovering' }, picture: stale(state.picture) } : state;
    case 'recovered':
      return state.transport.phase === 'recovering' ? { ...state, transport: { phase: 'connected', since_ms: event.now_ms } } : state;
    case 'lost': {
      const settled = state.transport.phase === 'connected' && event.now_ms - state.transport.since_ms >= SETTLED_MS;
      return {
        ...state,
        transport: { phase: 'backoff', until_ms: event.now_ms + event.wait_ms, why: event.why },
        attempt: settled ? 1 : state.attempt + 1,
        switching: false,
        picture: stale(state.picture),
        session: { ...state.session, agent: false },
        control: reduceControl(state.control, { type: 'no-room' }),
      };
    }
    case 'refused':
      return {
        ...state,
        transport: { phase: 'refused', refusal: event.refusal },
        switching: false,
        picture: stale(state.picture),
        session: event.refusal === 'ended' ? { ...state.session, phase: 'ended', agent: false } : { ...state.session, agent: false },
        control: reduceControl(state.control, { type: 'no-room' }),
      };
    case 'told':
      // What the agent itself shows in the room is newer than what the shim last heard.
      if (state.session.agent && event.state !== 'ended') return state;
      return { ...state, session: session(state, event.state, event.now_ms) };
    case 'agent': {
      const phase: SessionState | 'unknown' = event.present ? 'live' : state.session.agent ? 'reconnecting' : state.session.phase;
      return {
        ...state,
        session: {
          phase,
          agent: event.present,
          displayLost: event.present && event.displayLost,
          since_ms: phase === state.session.phase && event.displayLost === state.session.displayLost ? state.session.since_ms : event.now_ms,
        },
        picture: event.present ? state.picture : stale(state.picture),
        control: event.present ? state.control : reduceControl(state.control, { type: 'no-room' }),
      };
    }
    case 'control': {
      const control = reduceControl(state.control, event.event);
      return control === state.control ? state : { ...state, control };
    }
    case 'ladder': {
      const ladder = reduceLadder(state.ladder, event.event);
      return ladder === state.ladder ? state : { ...state, ladder };
    }
    case 'frame':
      return {
        ...state,
        attempt: 0,
        switching: false,
        picture: { phase: 'fresh', last_ms: event.now_ms },
        // A frame proves the connection, whatever the SDK has reported so far.
        transport: state.transport.phase === 'recovering' ? { phase: 'connected', since_ms: event.now_ms } : state.transport,
      };
    case 'picture-gone':
      return { ...state, picture: stale(state.picture) };
    case 'sound':
      return { ...state, sound: reduceSound(state.sound, event.event) };
    case 'switch':
      return { ...state, switching: state.picture.phase === 'fresh', picture: stale(state.picture), session: { ...state.session, agent: false }, control: reduceControl(state.control, { type: 'no-room' }) };
    case 'restart':
      return { ...state, transport: { phase: 'idle' }, attempt: 0, switching: false, picture: stale(state.picture) };
  }
}

/** Live means that a picture of this connection was really presented. */
export function isLive(state: State): boolean {
  return state.picture.phase === 'fresh' && state.transport.phase === 'connected' && !state.session.displayLost;
}
