import { describe, expect, it } from 'vitest';
import { holderName, holds, mayAct, mayPoint, mayRequest, noControl, reduceControl, stance, type Ask, type Control, type ControlEvent } from '../../src/control/state';
import { words } from '../../src/control/words';
import { initial, reduce } from '../../src/machine';

const run = (events: ControlEvent[], from: Control = noControl): Control => events.reduce(reduceControl, from);
const seat: ControlEvent = { type: 'seat', role: 'operator', self: 'viewer-me', mayAsk: false };
const watcher: ControlEvent = { ...seat, role: 'observer' };
const admin: ControlEvent = { ...seat, role: 'admin' };
const told = (holder: string, name = holder && 'Ana', now_ms = 0, mode = 'explicit', actor = holder && 'person'): ControlEvent => ({ type: 'attributes', holder, name, actor, mode, now_ms });
const ask = (identity: string, until_ms = 10_000): Ask => ({ identity, name: identity, actor: 'person', until_ms });

describe('who has control', () => {
  it('is said in words, with what a click does', () => {
    expect(words(noControl)).toMatchObject({ does: null });
    expect(words(run([seat, told('')]))).toMatchObject({ label: 'Take control', does: 'request' });
    expect(words(run([seat, told('viewer-me')]))).toMatchObject({ label: 'You have control', does: 'release' });
    expect(words(run([seat, told('viewer-ana')]))).toMatchObject({ label: 'Ana has control', does: 'request' });
    expect(words(run([seat, told('viewer-ana'), { type: 'pending', until_ms: 9 }]))).toMatchObject({ label: 'Asked Ana…', does: 'cancel' });
    expect(words(run([watcher, told('')]))).toMatchObject({ label: 'Watching', does: null });
    expect(words(run([watcher, told('viewer-ana')]))).toMatchObject({ label: 'Ana has control', does: null });
    expect(words(run([{ ...seat, role: 'observer', mayAsk: true }, told('')]))).toMatchObject({ label: 'Ask for control', does: 'request' });
    expect(words(run([seat, told('agent-x', 'Robot', 0, 'explicit', 'ai')])).label).toBe('Robot (AI) has control');
    expect(holderName(run([seat, told('viewer-x', '')]))).toBe('viewer-x');
  });
  it('lets act, point and ask whom it may', () => {
    const holder = run([seat, told('viewer-me')]);
    expect([holds(holder), mayAct(holder), mayPoint(holder), mayRequest(holder)]).toEqual([true, true, false, true]);
    const other = run([seat, told('viewer-ana')]);
    expect([holds(other), mayAct(other), mayPoint(other), mayRequest(other)]).toEqual([false, false, true, true]);
    const free = run([seat, told('')]);
    expect([mayAct(free), mayPoint(free)]).toEqual([false, true]);
    const implicit = run([seat, told('', '', 0, 'implicit')]);
    expect([mayAct(implicit), mayPoint(implicit)]).toEqual([true, true]);
    const observer = run([watcher, told('', '', 0, 'implicit')]);
    expect([mayAct(observer), mayPoint(observer), mayRequest(observer)]).toEqual([false, false, false]);
    expect(holds(run([told('')]))).toBe(false);
  });
});

describe('a notice comes sooner than the attributes', () => {
  it('granted: late news of the former holder does not take it away again', () => {
    const granted = run([seat, told('viewer-ana'), { type: 'granted', now_ms: 1_000 }]);
    expect(stance(granted)).toBe('yours');
    expect(stance(run([told('viewer-ana', 'Ana', 1_100)], granted))).toBe('yours');
    expect(stance(run([told('viewer-me', 'Me', 1_200)], granted))).toBe('yours');
    // Once caught up, the attributes are the truth again.
    expect(stance(run([told('viewer-me', 'Me', 1_200), told('viewer-ana', 'Ana', 1_300)], granted))).toBe('others');
    // And after a while in any case.
    expect(stance(run([{ type: 'time', now_ms: 9_000 }], granted))).toBe('others');
  });
  it('granted and lost before any attributes came: what they told meanwhile counts then', () => {
    const quick: ControlEvent[] = [seat, told(''), { type: 'granted', now_ms: 1_000 }, told('viewer-cem', 'Cem', 1_400), { type: 'lost', reason: 'You gave it to Cem.', now_ms: 1_500 }];
    expect(run(quick)).toMatchObject({ holder: { identity: 'viewer-cem' }, reason: 'You gave it to Cem.' });
    expect(stance(run([...quick, { type: 'time', now_ms: 9_000 }]))).toBe('others');
  });
  it('lost and released: late news does not give it back', () => {
    for (const end of [{ type: 'lost', reason: 'Ana took it.', now_ms: 1_000 }, { type: 'released', now_ms: 1_000 }] as ControlEvent[]) {
      const gone = run([seat, told('viewer-me'), end]);
      expect(holds(gone)).toBe(false);
      expect(holds(run([told('viewer-me', 'Me', 1_100)], gone))).toBe(false);
      expect(stance(run([told('viewer-ana', 'Ana', 1_100)], gone))).toBe('others');
    }
    expect(run([seat, told('viewer-me'), { type: 'lost', reason: 'Ana took it.', now_ms: 0 }]).reason).toBe('Ana took it.');
  });
});

describe('asking', () => {
  it('waits for an answer, and not for ever', () => {
    const asked = run([seat, told('viewer-ana'), { type: 'pending', until_ms: 5_000 }]);
    expect(stance(asked)).toBe('requested');
    expect(stance(run([{ type: 'denied', reason: 'No.' }], asked))).toBe('others');
    expect(stance(run([{ type: 'granted', now_ms: 0 }], asked))).toBe('yours');
    expect(stance(run([{ type: 'time', now_ms: 4_999 }], asked))).toBe('requested');
    const late = run([{ type: 'time', now_ms: 5_000 }], asked);
    expect(stance(late)).toBe('others');
    expect(late.reason).toBe('Nobody answered.');
    expect(stance(run([{ type: 'released', now_ms: 1 }], asked))).toBe('others');
    expect(stance(run([told('')], asked))).toBe('requested');
  });
  it('a pending answer that comes after the grant does not undo it', () => {
    expect(stance(run([seat, { type: 'granted', now_ms: 0 }, { type: 'pending', until_ms: 9 }]))).toBe('yours');
  });
  it('others who ask are listed once, until answered, gone or out of time', () => {
    const mine = run([seat, told('viewer-me'), { type: 'asked', ask: ask('a') }, { type: 'asked', ask: ask('b', 500) }, { type: 'asked', ask: ask('a') }]);
    expect(mine.asks.map(({ identity }) => identity)).toEqual(['b', 'a']);
    expect(run([{ type: 'answered', identity: 'a' }], mine).asks.map(({ identity }) => identity)).toEqual(['b']);
    expect(run([{ type: 'time', now_ms: 500 }], mine).asks.map(({ identity }) => identity)).toEqual(['a']);
    expect(run([{ type: 'people', identities: ['b', 'viewer-me'] }], mine).asks.map(({ identity }) => identity)).toEqual(['b']);
    expect(run([told('a', 'A')], mine).asks).toEqual([]);
    expect(run([{ type: 'released', now_ms: 0 }], mine).asks).toEqual([]);
    const many = run(Array.from({ length: 50 }, (_, i) => ({ type: 'asked', ask: ask(`v${i}`) }) as ControlEvent), mine);
    expect(many.asks).toHaveLength(8);
  });
  it('an admin goes on seeing who asks when the holder changes', () => {
    const seen = run([admin, told('viewer-ana'), { type: 'asked', ask: ask('a') }, told('viewer-bob', 'Bob')]);
    expect(seen.asks).toHaveLength(1);
    expect(run([told('a', 'A')], seen).asks).toEqual([]);
  });
});

describe('without a room', () => {
  it('nobody has control, and the seat is kept', () => {
    const gone = run([seat, told('viewer-me'), { type: 'asked', ask: ask('a') }, { type: 'no-room' }]);
    expect(gone).toMatchObject({ role: 'operator', holder: null, asks: [], asking: null });
  });
  it('the viewer’s machine says so on each way out', () => {
    const joined = [{ type: 'offered', state: 'live', role: 'operator', identity: 'viewer-me', now_ms: 0 }, { type: 'joined', now_ms: 1 }, { type: 'agent', present: true, displayLost: false, now_ms: 1 }, { type: 'control', event: told('viewer-me') }] as const;
    const holding = joined.reduce(reduce, initial);
    expect(holds(holding.control)).toBe(true);
    for (const end of [{ type: 'lost', why: '', now_ms: 9, wait_ms: 1 }, { type: 'refused', refusal: 'ended' }, { type: 'agent', present: false, displayLost: false, now_ms: 9 }, { type: 'switch' }] as const) {
      expect(holds(reduce(holding, end).control)).toBe(false);
    }
    // The SDK's own short resume keeps it: the agent does too.
    expect(holds(reduce(holding, { type: 'recovering' }).control)).toBe(true);
  });
  it('what changes nothing is the same state', () => {
    const state = run([seat, told('viewer-ana')]);
    expect(run([told('viewer-ana'), { type: 'time', now_ms: 1 }, { type: 'people', identities: [] }], state)).toBe(state);
  });
});

describe('any order of events', () => {
  it('keeps what must hold', () => {
    const random = (n: number): number => Math.floor(Math.random() * n);
    for (let round = 0; round < 300; round += 1) {
      let state = noControl;
      for (let step = 0; step < 40; step += 1) {
        const who = ['', 'viewer-me', 'viewer-ana', 'viewer-bob'][random(4)]!;
        const now_ms = step * 400;
        const event = ([seat, watcher, admin, told(who, who, now_ms, ['explicit', 'implicit', '?'][random(3)]), { type: 'pending', until_ms: now_ms + 900 }, { type: 'granted', now_ms }, { type: 'denied', reason: 'No.' },
          { type: 'lost', reason: '', now_ms }, { type: 'released', now_ms }, { type: 'asked', ask: ask(who || 'x', now_ms + 900) }, { type: 'answered', identity: who }, { type: 'people', identities: [who] }, { type: 'time', now_ms }, { type: 'no-room' }] as ControlEvent[])[random(14)]!;
        state = reduceControl(state, event);
        expect(state.asks.length).toBeLessThanOrEqual(8);
        if (holds(state)) expect(state.asking).toBeNull();
        const said = words(state);
        expect(said.label.length).toBeGreaterThan(2);
        if (said.does !== null) expect(mayRequest(state) || said.does !== 'request').toBe(true);
        if (stance(state) === 'yours') expect(mayPoint(state)).toBe(false);
      }
    }
  });
});
