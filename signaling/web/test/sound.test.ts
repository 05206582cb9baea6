import { describe, expect, it } from 'vitest';
import { initial, reduce } from '../src/machine';
import { toCaption } from '../src/sound/captions';
import { initialSound, reduceSound, soundHint, type SoundEvent, type SoundState } from '../src/sound/state';

const run = (...events: SoundEvent[]): SoundState => events.reduce(reduceSound, initialSound);

describe('sound', () => {
  it('says on the picture that the browser wants a click, and only then', () => {
    expect(soundHint(run())).toBeNull();
    expect(soundHint(run({ kind: 'track', there: true }))).toBeNull();
    const blocked = run({ kind: 'track', there: true }, { kind: 'blocked' });
    expect(soundHint(blocked)).toBe('Click to hear the session');
    expect(soundHint(reduceSound(blocked, { kind: 'playing' }))).toBeNull();
    expect(soundHint(reduceSound(blocked, { kind: 'muted', muted: true }))).toBeNull();
  });

  it('keeps asking for the click when the track is replaced', () => {
    const state = run({ kind: 'track', there: true }, { kind: 'blocked' }, { kind: 'track', there: true });
    expect(state.phase).toBe('blocked');
  });

  it('is neither blocked nor playing without a track', () => {
    expect(run({ kind: 'blocked' }).phase).toBe('none');
    expect(run({ kind: 'track', there: true }, { kind: 'track', there: false }).phase).toBe('none');
  });

  it('unmutes with the volume, mutes at zero, and stays within 0 and 1', () => {
    expect(run({ kind: 'volume', volume: 0 })).toMatchObject({ muted: true, volume: 0 });
    expect(run({ kind: 'muted', muted: true }, { kind: 'volume', volume: 0.4 })).toMatchObject({ muted: false, volume: 0.4 });
    expect(run({ kind: 'volume', volume: 7 }).volume).toBe(1);
  });

  it('lives in the viewer’s one reducer and outlives a lost connection', () => {
    const muted = reduce(initial, { type: 'sound', event: { kind: 'muted', muted: true } });
    const lost = reduce(muted, { type: 'lost', why: 'x', now_ms: 0, wait_ms: 0 });
    expect(lost.sound.muted).toBe(true);
  });
});

describe('captions', () => {
  it('takes text with an id and bounds how long it stands', () => {
    expect(toCaption('Hello.', { id: 'n1', duration_ms: '900' })).toEqual({ id: 'n1', text: 'Hello.', duration_ms: 900 });
    expect(toCaption('Hello.', { id: 'n1', duration_ms: '9e9' })?.duration_ms).toBe(30_000);
  });
  it('refuses what is none', () => {
    expect(toCaption('Hello.', {})).toBeNull();
    expect(toCaption('Hello.', { id: 'n1', duration_ms: 'soon' })).toBeNull();
    expect(toCaption('x'.repeat(5_000), { id: 'n1' })).toBeNull();
  });
});
