import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BEAT_EVERY_MS, GATE_MS, Sender } from '../../src/control/sender';
import { readInput } from './readinput';

interface Packet { message: unknown[]; reliable: boolean; at_ms: number }

function sender() {
  const sent: Packet[] = [];
  const made = new Sender((packet, reliable) => {
    const raw = new TextDecoder().decode(packet);
    expect(readInput(raw), raw).toBe(true);
    sent.push({ message: JSON.parse(raw) as unknown[], reliable, at_ms: Date.now() });
  }, { now_ms: () => Date.now(), later: (step, delay_ms) => { const timer = setTimeout(step, Math.ceil(delay_ms)); return () => clearTimeout(timer); } });
  const kinds = () => sent.map(({ message }) => message[1]);
  return { made, sent, kinds };
}

beforeEach(() => { vi.useFakeTimers({ now: 1_000 }); });

describe('moves', () => {
  it('go at once, at most 120 a second, and the last one always', () => {
    const { made, sent } = sender();
    for (let i = 0; i < 1_000; i += 1) {
      made.move(i, i);
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(100);
    expect(sent[0]).toMatchObject({ message: [1, 'move', 1, 0, 0, 0], reliable: false, at_ms: 1_000 });
    expect(sent.at(-1)!.message.slice(3, 5)).toEqual([999, 999]);
    expect(sent.length).toBeLessThanOrEqual(122);
    expect(sent.length).toBeGreaterThan(100);
    const numbers = sent.map(({ message }) => message[2] as number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });
  it('that were held back do not come after the click that carries the place', () => {
    const { made, sent } = sender();
    made.move(1, 1);
    made.move(2, 2);
    made.button(0, true, { x: 2, y: 2 });
    vi.advanceTimersByTime(100);
    expect(sent.map(({ message }) => message)).toEqual([[1, 'move', 1, 1, 1, 0], [1, 'button', 2, 0, true, 2, 2, 0]]);
    expect(sent[1]!.reliable).toBe(true);
  });
  it('by a distance add up and none is lost, also before a click without a place', () => {
    const { made, sent } = sender();
    for (let i = 0; i < 10; i += 1) made.nudge(1, -2);
    made.button(0, true, null);
    made.nudge(3, 3);
    vi.advanceTimersByTime(100);
    const steps = sent.filter(({ message }) => message[1] === 'rel');
    expect(steps.every(({ reliable }) => reliable)).toBe(true);
    expect(steps.reduce((sum, { message }) => sum + (message[3] as number), 0)).toBe(13);
    expect(sent.map(({ message }) => message[1])).toEqual(['rel', 'rel', 'button', 'rel']);
  });
  it('of somebody who only points are fewer', () => {
    const { made, sent } = sender();
    made.pointing = true;
    for (let i = 0; i < 1_000; i += 1) {
      made.move(i, i);
      vi.advanceTimersByTime(1);
    }
    expect(sent.length).toBeLessThanOrEqual(21);
  });
});

describe('the wheel', () => {
  it('adds up, keeps the sum, and comes before the key that follows it', () => {
    const { made, sent } = sender();
    for (let i = 0; i < 50; i += 1) made.wheel(0, 3, { x: 5, y: 5 });
    made.key(0x61, true, 'KeyA');
    expect(sent.map(({ message }) => message[1])).toEqual(['wheel', 'wheel', 'key']);
    expect(sent.filter(({ message }) => message[1] === 'wheel').reduce((sum, { message }) => sum + (message[4] as number), 0)).toBe(150);
  });
  it('that turned back to nothing sends nothing', () => {
    const { made, sent } = sender();
    made.wheel(0, 1, null);
    made.wheel(0, 3, null);
    made.wheel(0, -3, null);
    vi.advanceTimersByTime(100);
    expect(sent).toHaveLength(1);
  });
});

describe('the heartbeat', () => {
  it('restates what is held every 200 ms, from the first moment on', () => {
    const { made, sent } = sender();
    made.beat(true);
    expect(sent[0]!.message).toEqual([1, 'beat', [], [], null, null]);
    made.locks = { caps: true, num: false };
    made.key(0xffe1, true, 'ShiftLeft');
    made.button(2, true, { x: 1, y: 1 });
    vi.advanceTimersByTime(BEAT_EVERY_MS);
    expect(sent.at(-1)!.message).toEqual([1, 'beat', [0xffe1], [2], true, false]);
    made.key(0xffe1, false, 'ShiftLeft');
    vi.advanceTimersByTime(1_000);
    expect(sent.filter(({ message }) => message[1] === 'beat')).toHaveLength(7);
    made.beat(false);
    const count = sent.length;
    vi.advanceTimersByTime(1_000);
    expect(sent).toHaveLength(count);
  });
  it('after a reset nothing is held', () => {
    const { made, sent } = sender();
    made.key(0x61, true);
    made.reset();
    made.restate();
    expect(sent.map(({ message }) => message).slice(1)).toEqual([[1, 'reset'], [1, 'beat', [], [], null, null]]);
  });
});

describe('a paste', () => {
  it('goes before the keys behind it, whose order stays', async () => {
    const { made, kinds, sent } = sender();
    made.key(0xffe3, true, 'ControlLeft');
    let done: () => void = () => undefined;
    made.gate(new Promise<void>((resolve) => { done = resolve; }));
    made.key(0x76, true, 'KeyV');
    made.key(0x76, false, 'KeyV');
    made.key(0xffe3, false, 'ControlLeft');
    made.beat(true);
    expect(kinds()).toEqual(['key', 'beat']);
    // Ctrl is still down there, and the heartbeat says so; V is not yet.
    expect(sent[1]!.message[2]).toEqual([0xffe3]);
    done();
    await vi.advanceTimersByTimeAsync(1);
    expect(sent.slice(2).map(({ message }) => message.slice(1, 4))).toEqual([['key', 0x76, true], ['key', 0x76, false], ['key', 0xffe3, false]]);
  });
  it('that never comes holds nothing for long', async () => {
    const { made, kinds } = sender();
    made.gate(new Promise(() => undefined));
    made.key(0x76, true);
    await vi.advanceTimersByTimeAsync(GATE_MS + 1);
    expect(kinds()).toEqual(['key']);
  });
  it('that fails lets the keys through', async () => {
    const { made, kinds } = sender();
    made.gate(Promise.reject(new Error('no')));
    made.key(0x76, true);
    await vi.advanceTimersByTimeAsync(1);
    expect(kinds()).toEqual(['key']);
  });
  it('two in a row both wait, and a reset ends all', async () => {
    const { made, kinds } = sender();
    let first: () => void = () => undefined;
    made.gate(new Promise<void>((resolve) => { first = resolve; }));
    made.gate(new Promise(() => undefined));
    made.key(0x76, true);
    first();
    await vi.advanceTimersByTimeAsync(1);
    expect(kinds()).toEqual([]);
    made.reset();
    expect(kinds()).toEqual(['reset']);
    await vi.advanceTimersByTimeAsync(GATE_MS + 1);
    expect(kinds()).toEqual(['reset']);
  });
});

describe('chords and text', () => {
  it('press in order and let go in reverse', () => {
    const { made, sent } = sender();
    made.chord([0xffe3, 0xffe9, 0xffff]);
    expect(sent.map(({ message }) => [message[2], message[3]])).toEqual([[0xffe3, true], [0xffe9, true], [0xffff, true], [0xffff, false], [0xffe9, false], [0xffe3, false]]);
  });
  it('a thousand characters come whole and in order', () => {
    const { made, sent } = sender();
    const text = 'The quick brown fox 日本語 😀 '.repeat(40);
    made.text(text);
    expect(sent.map(({ message }) => message[2]).join('')).toBe(text);
  });
  it('a code that is no word is left out', () => {
    const { made, sent } = sender();
    made.key(0x61, true, '<b>');
    expect(sent[0]!.message[4]).toBe('');
  });
});
