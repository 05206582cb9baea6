/** What people read while the fallback has no picture, and after. Pure. */

import type { FallbackState } from '../viewer/fallback';
import { REFUSALS, ago, type View } from '../sentences';

const NO_FALLBACK = { word: 'No VNC', tone: 'ended' as const, sentence: 'This server has no VNC fallback', hint: 'The live view is the way to watch here.', actions: ['explorer' as const] };

export const LIVE_OVER_VNC: View = { word: 'Live', tone: 'live', sentence: null, hint: null, spoken: 'Live over VNC', actions: [], quiet: false };

/** null while the picture is there. */
export function fallbackView(state: FallbackState, now_ms: number): View | null {
  switch (state.phase) {
    case 'showing':
    case 'idle':
      return null;
    case 'refused': {
      const view = state.refusal === 'no-fallback' || !state.refusal ? NO_FALLBACK : REFUSALS[state.refusal];
      return { ...view, spoken: view.sentence, quiet: false };
    }
    case 'starting':
      return { word: 'Starting', tone: 'busy', sentence: `The desktop is starting (${ago(state.since_ms, now_ms)})…`, spoken: 'The desktop is starting', hint: null, actions: [], quiet: false };
    case 'lost':
      return { word: 'Reconnecting', tone: 'lost', sentence: `Connection lost ${ago(state.since_ms, now_ms)} ago; reconnecting over VNC…`, spoken: 'Connection lost, reconnecting over VNC', hint: state.why, actions: ['retry'], quiet: false };
    case 'connecting':
      return { word: 'Connecting', tone: 'busy', sentence: 'Connecting over VNC…', spoken: 'Connecting over VNC', hint: state.why, actions: state.why ? ['retry'] : [], quiet: false };
  }
}
