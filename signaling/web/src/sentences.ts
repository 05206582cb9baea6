/** What the person reads in each state: one word for the header, one sentence over the picture. */

import { climbingWords } from './ladder';
import { isLive, type Refusal, type State } from './machine';

export type Tone = 'live' | 'busy' | 'lost' | 'ended';
export type Action = 'retry' | 'explorer' | 'sign-in' | 'vnc';

export interface View {
  word: string;
  tone: Tone;
  /** null while live: then nothing lies over the picture. */
  sentence: string | null;
  hint: string | null;
  /** Spoken by screen readers; the sentence without its counting seconds. */
  spoken: string;
  actions: Action[];
  /** A short, asked-for gap: the last picture stays undimmed under a small note. */
  quiet: boolean;
}

export const REFUSALS: Record<Refusal, { word: string; tone: Tone; sentence: string; hint: string; actions: Action[] }> = {
  ended: { word: 'Ended', tone: 'ended', sentence: 'This session has ended', hint: 'Nothing more will come here. The list shows what else is running.', actions: ['explorer'] },
  'unknown-session': { word: 'Unknown', tone: 'ended', sentence: 'There is no session of this name', hint: 'It may have ended long ago, or the address has a typing error.', actions: ['explorer'] },
  'link-used': { word: 'No access', tone: 'ended', sentence: 'This link has been used or has expired', hint: 'A link opens a session once, or for a limited time. Ask whoever sent it for a new one.', actions: ['sign-in', 'explorer'] },
  'sign-in': { word: 'Sign in', tone: 'ended', sentence: 'Sign in to watch this session', hint: 'Open the link that you were sent, or use an API key.', actions: ['sign-in'] },
  'key-refused': { word: 'Sign in', tone: 'ended', sentence: 'The server does not know this API key', hint: 'It may have been revoked. Check it and try once more.', actions: ['sign-in'] },
  forbidden: { word: 'No access', tone: 'ended', sentence: 'You may not watch this session', hint: 'You were removed from it, or your key does not cover it.', actions: ['sign-in', 'explorer'] },
  'no-h264': { word: 'Not playable', tone: 'ended', sentence: 'This browser cannot play H.264 video', hint: 'Chrome, Edge and Safari can; Firefox can once its OpenH264 plug-in is enabled. The VNC viewer shows it all the same.', actions: ['retry', 'vnc'] },
};

const seconds = (from_ms: number, now_ms: number): number => Math.max(0, Math.floor((now_ms - from_ms) / 1000));

export function ago(from_ms: number, now_ms: number): string {
  const s = seconds(from_ms, now_ms);
  if (s < 120) return `${s} s`;
  return s < 7_200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3_600)} h`;
}

function busy(word: string, sentence: string, spoken = sentence, hint: string | null = null): View {
  return { word, tone: 'busy', sentence, hint, spoken, actions: [], quiet: false };
}

export function view(state: State, now_ms: number): View {
  const { transport, session, picture } = state;
  if (transport.phase === 'refused') {
    return { ...REFUSALS[transport.refusal], spoken: REFUSALS[transport.refusal].sentence, quiet: false };
  }
  if (isLive(state)) return { word: 'Live', tone: 'live', sentence: null, hint: null, spoken: 'Live', actions: [], quiet: false };
  if (state.switching) {
    return { ...busy('Rejoining', 'Rejoining with the new measurement…'), quiet: true };
  }
  if (transport.phase === 'connected') return inRoom(state, now_ms);

  if (picture.phase !== 'none') {
    return {
      word: 'Reconnecting', tone: 'lost',
      sentence: `Connection lost, last picture ${ago(picture.last_ms, now_ms)} ago; reconnecting…`,
      spoken: 'Connection lost, reconnecting',
      hint: why(state), actions: state.attempt > 1 ? ['retry'] : [], quiet: false,
    };
  }
  const climbing = transport.phase === 'connecting' ? climbingWords(state.ladder) : null;
  if (session.phase === 'waiting') return starting(state, now_ms);
  if (climbing) return busy('Connecting', climbing, climbing, why(state));
  if (transport.phase === 'redeeming') return busy('Connecting', 'Opening your link…');
  const view = busy('Connecting', 'Connecting…', 'Connecting', why(state));
  return state.attempt > 1 ? { ...view, actions: ['retry'] } : view;
}

function why({ transport, attempt }: State): string | null {
  if (transport.phase === 'backoff' && attempt > 1) return `${transport.why} Trying again by itself (try ${attempt + 1}).`;
  return attempt > 1 ? `Try ${attempt + 1}.` : null;
}

function starting({ session }: State, now_ms: number): View {
  return busy('Starting', `The desktop is starting (${ago(session.since_ms, now_ms)})…`, 'The desktop is starting',
    seconds(session.since_ms, now_ms) >= 30 ? 'Its agent has not reported yet. The picture appears here by itself.' : null);
}

function inRoom(state: State, now_ms: number): View {
  const { session, picture } = state;
  if (session.displayLost) {
    return { ...busy('Display away', 'The desktop’s display is away; waiting for it to come back…'), tone: 'lost' };
  }
  if (!session.agent && picture.phase === 'none' && session.phase !== 'reconnecting') return starting(state, now_ms);
  const last = picture.phase === 'none' ? '' : `, last picture ${ago(picture.last_ms, now_ms)} ago`;
  if (!session.agent) {
    return { ...busy('Reconnecting', `The desktop lost its connection${last}; waiting for it to come back…`, 'The desktop lost its connection'), tone: 'lost' };
  }
  if (picture.phase === 'none') return busy('Connecting', 'Connected; the first picture is on its way…', 'Connected');
  return { ...busy('Stalled', `No new picture for ${ago(picture.last_ms, now_ms)}; waiting for the next…`, 'The picture has stalled'), tone: 'lost' };
}
