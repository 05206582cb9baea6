import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../src/viewer/fall';
import { initial, reduce, type Event, type State } from '../src/machine';

const run = (events: Event[], from: State = initial): State => events.reduce(reduce, from);
const offered = (state: 'live' | 'waiting'): Event => ({ type: 'offered', state, role: 'observer', now_ms: 0 });
const blocked: Event[] = [{ type: 'ladder', event: { type: 'begin' } }, { type: 'ladder', event: { type: 'gave-up', signal: false, why: '' } }];
const live: Event[] = [{ type: 'joined', now_ms: 9 }, { type: 'agent', present: true, displayLost: false, now_ms: 9 }, { type: 'frame', now_ms: 10 }];
const at = (state: State, more: Partial<Situation> = {}): Situation => ({ state, tab: 'live', automatic: false, declined: false, vnc: 'idle', ...more });

describe('the fallback', () => {
  it('is gone over to when WebRTC is blocked, and left when it is live again', () => {
    const state = run([offered('live'), ...blocked]);
    expect(decide(at(state))).toBe('vnc');
    expect(decide(at(state, { tab: 'vnc', automatic: true, vnc: 'showing' }))).toBeNull();
    expect(decide(at(run(live, state), { tab: 'vnc', automatic: true, vnc: 'showing' }))).toBe('live');
  });
  it('is no use without an agent, or where there is none', () => {
    expect(decide(at(run([offered('waiting'), ...blocked])))).toBeNull();
    expect(decide(at(run([offered('live'), ...blocked]), { vnc: 'refused' }))).toBeNull();
    expect(decide(at(run([offered('live'), ...blocked]), { tab: 'vnc', automatic: true, vnc: 'refused' }))).toBe('live');
  });
  it('leaves the person’s own choice alone', () => {
    const state = run([offered('live'), ...blocked]);
    expect(decide(at(state, { declined: true }))).toBeNull();
    expect(decide(at(run(live, state), { tab: 'vnc', vnc: 'showing' }))).toBeNull();
  });
  it('shows what this browser cannot play, and not what has ended', () => {
    const unable = run([{ type: 'ladder', event: { type: 'unplayable' } }, { type: 'refused', refusal: 'no-h264' }]);
    expect(decide(at(unable))).toBe('vnc');
    expect(decide(at(unable, { tab: 'vnc', automatic: true, vnc: 'showing' }))).toBeNull();
    const ended = run([offered('live'), ...blocked, { type: 'refused', refusal: 'ended' }]);
    expect(decide(at(ended))).toBeNull();
    expect(decide(at(ended, { tab: 'vnc', automatic: true, vnc: 'lost' }))).toBe('live');
  });
  it('waits for a try that has not failed yet', () => {
    expect(decide(at(run([offered('live'), blocked[0]!])))).toBeNull();
  });
});
