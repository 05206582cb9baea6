import { describe, expect, it } from 'vitest';
import { SETTLED_MS, backoff_ms, initial, isLive, reduce, type Event, type Refusal, type State } from '../src/machine';
import { view } from '../src/sentences';

const run = (events: Event[], from: State = initial): State => events.reduce(reduce, from);
const at = (now_ms: number) => ({ now_ms });

const joined: Event[] = [{ type: 'offer' }, { type: 'offered', state: 'live', role: 'observer', ...at(0) }, { type: 'joined', ...at(100) }];
const present: Event = { type: 'agent', present: true, displayLost: false, now_ms: 110 };
const live: Event[] = [...joined, present, { type: 'frame', ...at(200) }];
const gone: Event = { type: 'agent', present: false, displayLost: false, now_ms: 300 };
const lost = (now_ms: number, wait_ms = 200): Event => ({ type: 'lost', why: 'The media connection was lost.', now_ms, wait_ms });

describe('the way to live', () => {
  it('is live only once a frame was presented', () => {
    expect(isLive(run([...joined, present]))).toBe(false);
    expect(isLive(run(live))).toBe(true);
    expect(view(run(live), 300)).toMatchObject({ word: 'Live', tone: 'live', sentence: null });
  });

  it('says each step in words', () => {
    expect(view(initial, 0).sentence).toBe('Connecting…');
    expect(view(run([{ type: 'redeem' }]), 0).sentence).toBe('Opening your link…');
    expect(view(run([{ type: 'offer' }]), 0).sentence).toBe('Connecting…');
    expect(view(run([...joined, present]), 150).sentence).toBe('Connected; the first picture is on its way…');
  });

  it('counts while the desktop starts, in the room or out of it', () => {
    const waiting = run([{ type: 'offer' }, { type: 'offered', state: 'waiting', role: 'observer', ...at(1_000) }]);
    expect(view(waiting, 13_400).sentence).toBe('The desktop is starting (12 s)…');
    const inRoom = reduce(waiting, { type: 'joined', ...at(1_500) });
    expect(view(inRoom, 13_400).sentence).toBe('The desktop is starting (12 s)…');
    expect(view(inRoom, 13_400).spoken).toBe('The desktop is starting');
    expect(view(reduce(inRoom, lost(14_000)), 15_000).sentence).toBe('The desktop is starting (14 s)…');
    expect(isLive(run([present, { type: 'frame', ...at(20_000) }], inRoom))).toBe(true);
  });
});

describe('losing it', () => {
  it('keeps the time of the last picture and counts from it', () => {
    const state = reduce(run(live), lost(4_300));
    expect(state.picture).toEqual({ phase: 'stale', last_ms: 200 });
    expect(view(state, 4_300)).toMatchObject({ tone: 'lost', sentence: 'Connection lost, last picture 4 s ago; reconnecting…' });
    expect(view(run([{ type: 'offer' }], state), 6_300).sentence).toBe('Connection lost, last picture 6 s ago; reconnecting…');
  });

  it('counts tries until it worked, and a settled connection as a new start', () => {
    const twice = run([lost(300), ...joined, lost(200)], run(live));
    expect(twice.attempt).toBe(2);
    expect(run([...joined, lost(100 + SETTLED_MS)], twice).attempt).toBe(1);
    expect(run(live, twice).attempt).toBe(0);
    expect(view(twice, 300).actions).toContain('retry');
  });

  it('lets the SDK resume, and believes a frame before the SDK says so', () => {
    const recovering = reduce(run(live), { type: 'recovering' });
    expect(view(recovering, 1_300).sentence).toContain('Connection lost');
    expect(isLive(reduce(recovering, { type: 'frame', ...at(1_400) }))).toBe(true);
    const recovered = reduce(recovering, { type: 'recovered', ...at(1_400) });
    expect(recovered.transport.phase).toBe('connected');
    expect(isLive(recovered)).toBe(false);
  });

  it('ignores resume reports that belong to no connection', () => {
    const state = run([{ type: 'offer' }]);
    expect(reduce(state, { type: 'recovering' })).toBe(state);
    expect(reduce(state, { type: 'recovered', ...at(1) })).toBe(state);
  });

  it('says when the agent is gone and when it is back', () => {
    const away = reduce(run(live), gone);
    expect(away.session).toMatchObject({ phase: 'reconnecting', agent: false, since_ms: 300 });
    expect(view(away, 4_250).sentence).toBe('The desktop lost its connection, last picture 4 s ago; waiting for it to come back…');
    expect(isLive(run([present, { type: 'frame', ...at(9_000) }], away))).toBe(true);
  });

  it('says when frames no longer come', () => {
    const stalled = reduce(run(live), { type: 'picture-gone' });
    expect(view(stalled, 5_250).sentence).toBe('No new picture for 5 s; waiting for the next…');
  });

  it('says when the display is away, also while old frames still come', () => {
    const away = reduce(run(live), { type: 'agent', present: true, displayLost: true, now_ms: 400 });
    expect(isLive(away)).toBe(false);
    expect(view(away, 500).sentence).toContain('display is away');
    expect(isLive(reduce(away, { type: 'agent', present: true, displayLost: false, now_ms: 900 }))).toBe(true);
  });
});

describe('what others say', () => {
  it('believes the room before the shim, except about the end', () => {
    const state = run(live);
    expect(reduce(state, { type: 'told', state: 'waiting', ...at(1) })).toBe(state);
    expect(reduce(state, { type: 'told', state: 'ended', ...at(1) }).session.phase).toBe('ended');
  });

  it('takes the shim’s word while no agent is there, and keeps the time of a state', () => {
    const waiting = run([{ type: 'offer' }, { type: 'offered', state: 'waiting', role: 'observer', ...at(10) }, { type: 'joined', ...at(20) }]);
    expect(reduce(waiting, { type: 'told', state: 'waiting', ...at(5_000) }).session.since_ms).toBe(10);
    expect(reduce(waiting, { type: 'told', state: 'reconnecting', ...at(5_000) }).session).toMatchObject({ phase: 'reconnecting', since_ms: 5_000 });
  });
});

describe('refusals', () => {
  const all: Refusal[] = ['ended', 'unknown-session', 'link-used', 'sign-in', 'key-refused', 'forbidden', 'no-h264'];

  it.each(all)('%s is final, in words, with something to do', (refusal) => {
    const state = reduce(run(live), { type: 'refused', refusal });
    const shown = view(state, 500);
    expect(shown.sentence).toBeTruthy();
    expect(shown.actions.length).toBeGreaterThan(0);
    expect(isLive(state)).toBe(false);
  });

  const late: Event[] = [
    { type: 'redeem' }, { type: 'offer' }, { type: 'offered', state: 'live', role: 'admin', ...at(1) }, { type: 'joined', ...at(1) }, { type: 'recovering' },
    { type: 'recovered', ...at(1) }, lost(1), { type: 'told', state: 'live', ...at(1) }, present, { type: 'frame', ...at(1) }, { type: 'picture-gone' }, { type: 'switch' },
  ];
  it.each(late)('a late $type changes nothing', (event) => {
    const state = reduce(run(live), { type: 'refused', refusal: 'ended' });
    expect(reduce(state, event)).toBe(state);
  });

  it('a person may begin again', () => {
    const state = run([{ type: 'refused', refusal: 'sign-in' }, { type: 'restart' }, ...live]);
    expect(isLive(state)).toBe(true);
  });
});

describe('switching the measurement', () => {
  it('is a quiet gap that keeps the picture', () => {
    const state = reduce(run(live), { type: 'switch' });
    expect(view(state, 300)).toMatchObject({ quiet: true, sentence: 'Rejoining with the new measurement…' });
    const back = run(live, state);
    expect(back.switching).toBe(false);
    expect(isLive(back)).toBe(true);
  });

  it('becomes an ordinary loss when it fails', () => {
    const state = run([{ type: 'switch' }, { type: 'offer' }, lost(2_000)], run(live));
    expect(view(state, 2_000)).toMatchObject({ quiet: false, tone: 'lost' });
  });

  it('without a picture is nothing special', () => {
    expect(reduce(run(joined), { type: 'switch' }).switching).toBe(false);
  });
});

describe('every event in every state', () => {
  // One point in time for all, so that the reachable states are few enough to visit every one.
  const t = at(5);
  const states = ['waiting', 'live', 'reconnecting', 'ended'] as const;
  const refusals: Refusal[] = ['ended', 'sign-in'];
  const events: Event[] = [
    { type: 'redeem' }, { type: 'offer' }, { type: 'joined', ...t }, { type: 'recovering' }, { type: 'recovered', ...t }, { type: 'lost', why: 'x', wait_ms: 1, ...t },
    { type: 'frame', ...t }, { type: 'picture-gone' }, { type: 'switch' }, { type: 'restart' },
    ...states.map((state): Event => ({ type: 'offered', state, role: 'observer', ...t })),
    ...states.map((state): Event => ({ type: 'told', state, ...t })),
    ...[true, false].flatMap((present) => [true, false].map((displayLost): Event => ({ type: 'agent', present, displayLost, ...t }))),
    ...refusals.map((refusal): Event => ({ type: 'refused', refusal })),
  ];

  it('gives a state with a word, and a sentence exactly when it is not live; and there is a way out of each', () => {
    const seen = new Set([JSON.stringify(initial)]);
    const queue = [initial];
    const wrong: string[] = [];
    for (let state = queue.pop(); state; state = queue.pop()) {
      const frozen = JSON.stringify(state);
      for (const event of events) {
        // Tries grow without end; the rest is a finite product.
        const next = reduce(state, event);
        const shown = view(next, 60_000);
        if (!shown.word || !shown.spoken || (shown.sentence === null) !== isLive(next)) wrong.push(`${event.type} in ${frozen}`);
        const capped = { ...next, attempt: Math.min(next.attempt, 2) };
        const key = JSON.stringify(capped);
        if (seen.has(key)) continue;
        seen.add(key);
        queue.push(capped);
      }
      if (JSON.stringify(state) !== frozen) wrong.push(`changed in place: ${frozen}`);
      if (!isLive(run([{ type: 'restart' }, ...live], state))) wrong.push(`no way out of ${frozen}`);
    }
    expect(wrong).toEqual([]);
    expect(seen.size).toBeGreaterThan(500);
  });
});

describe('backoff', () => {
  it('grows, is spread, and never passes five seconds', () => {
    expect(backoff_ms(0, 0.5)).toBe(200);
    expect(backoff_ms(1, 0.5)).toBeGreaterThan(backoff_ms(0, 0.5));
    for (let attempt = 0; attempt < 50; attempt += 1) for (const jitter of [0, 0.5, 1]) expect(backoff_ms(attempt, jitter)).toBeLessThanOrEqual(5_000);
  });
});
