/** Sound's part of the viewer's state: pure, like the rest of it. */

/** What becomes of a microphone that this page may have. */
export type Microphone =
  | { phase: 'off' }
  | { phase: 'asking' }
  | { phase: 'on'; muted: boolean }
  | { phase: 'failed'; why: string };

export interface SoundState {
  /** none: the session sends no sound. blocked: the browser wants a click first. */
  phase: 'none' | 'blocked' | 'playing';
  muted: boolean;
  /** 0…1 */
  volume: number;
  captions: boolean;
  /** Whether the session has a microphone to speak into. */
  listens: boolean;
  microphone: Microphone;
}

export type SoundEvent =
  | { kind: 'track'; there: boolean }
  | { kind: 'blocked' }
  | { kind: 'playing' }
  | { kind: 'muted'; muted: boolean }
  | { kind: 'volume'; volume: number }
  | { kind: 'captions'; on: boolean }
  | { kind: 'listens'; yes: boolean }
  | { kind: 'microphone'; microphone: Microphone };

export const initialSound: SoundState = {
  phase: 'none', muted: false, volume: 1, captions: true, listens: false, microphone: { phase: 'off' },
};

export function reduceSound(state: SoundState, event: SoundEvent): SoundState {
  switch (event.kind) {
    case 'track':
      // What the browser allowed once it allows again: a new track begins as playing until refused.
      return { ...state, phase: event.there ? (state.phase === 'none' ? 'playing' : state.phase) : 'none' };
    case 'blocked':
      return state.phase === 'none' ? state : { ...state, phase: 'blocked' };
    case 'playing':
      return state.phase === 'none' ? state : { ...state, phase: 'playing' };
    case 'muted':
      return { ...state, muted: event.muted };
    case 'volume': {
      const volume = Math.min(1, Math.max(0, event.volume));
      return { ...state, volume, muted: volume === 0 ? true : state.volume === 0 || volume !== state.volume ? false : state.muted };
    }
    case 'captions':
      return { ...state, captions: event.on };
    case 'listens':
      return { ...state, listens: event.yes };
    case 'microphone':
      return { ...state, microphone: event.microphone };
  }
}

/** Said on the picture when nothing can be heard until somebody clicks; null when all is well. */
export function soundHint(state: SoundState): string | null {
  return state.phase === 'blocked' && !state.muted ? 'Click to hear the session' : null;
}
