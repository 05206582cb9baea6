import { describe, expect, it } from 'vitest';
import { chunks, encode, isReliable, parseClipboard, parseNotice, parsePresence, toArray, type InputMessage, type TouchPhase } from '../../src/control/messages';
import examples from '../../../../tests/fixtures/input_messages.json';
import { readInput } from './readinput';

interface Fixtures {
  valid: { name: string; raw: string; reading: Record<string, unknown> }[];
  invalid: { name: string; raw: string }[];
}
const fixtures = examples as Fixtures;

/** The fixtures' flat reading as the page's own value. */
function value(reading: Record<string, unknown>): InputMessage {
  const { kind, x, y, points, ...rest } = reading;
  if (kind === 'button' || kind === 'wheel') return { kind, ...rest, at: x === null ? null : { x, y } } as unknown as InputMessage;
  if (kind === 'touch') return { kind, ...rest, fingers: (points as [number, number, number][]).map(([id, px, py]) => ({ id, x: px, y: py })) } as unknown as InputMessage;
  return { kind, ...rest, ...(x === undefined ? {} : { x, y }) } as unknown as InputMessage;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (message: unknown): Uint8Array => bytes(JSON.stringify(message));

describe('input messages, on the examples that the agent is tested with', () => {
  it.each(fixtures.valid.map(({ name, raw, reading }) => ({ name, raw, reading })))('writes $name as the agent reads it', ({ raw, reading }) => {
    expect(new TextDecoder().decode(encode(value(reading)))).toBe(raw);
  });
  it.each(fixtures.valid)('the reader of these tests reads $name', ({ raw }) => expect(readInput(raw)).toBe(true));
  it.each(fixtures.invalid)('the reader of these tests refuses $name', ({ raw }) => expect(readInput(raw)).toBe(false));
  it('has an example of every kind', () => {
    expect(new Set(fixtures.valid.map(({ reading }) => reading['kind']))).toEqual(new Set(['move', 'rel', 'button', 'wheel', 'key', 'text', 'touch', 'beat', 'reset']));
  });
  it('only moves may be lost', () => {
    for (const { reading } of fixtures.valid) expect(isReliable(value(reading))).toBe(reading['kind'] !== 'move');
  });
  it('writes nothing that the agent would refuse, whatever the fingers do', () => {
    const random = (n: number): number => Math.floor(Math.random() * n);
    const point = (): { x: number; y: number } => ({ x: random(4000), y: random(4000) });
    const phases: TouchPhase[] = ['start', 'move'];
    for (let i = 0; i < 2_000; i += 1) {
      const seq = i + 1;
      const frame = random(2 ** 32);
      const message: InputMessage = ([
        { kind: 'move', seq, ...point(), frame },
        { kind: 'rel', seq, dx: random(200) - 100, dy: Math.random() },
        { kind: 'button', seq, button: random(5), down: i % 2 === 0, at: i % 3 ? point() : null, frame },
        { kind: 'wheel', seq, dx: Math.random() * 100 - 50, dy: Math.random() * 1e-9, at: i % 3 ? point() : null, frame },
        { kind: 'touch', seq, phase: phases[i % 2]!, fingers: Array.from({ length: 1 + random(5) }, (_, id) => ({ id, ...point() })), frame },
        { kind: 'beat', keys: [65, 0xffe1], buttons: [0, 2], caps: null, num: true },
      ] satisfies InputMessage[])[i % 6]!;
      expect(readInput(new TextDecoder().decode(encode(message))), JSON.stringify(toArray(message))).toBe(true);
    }
  });
});

describe('text', () => {
  it('is cut between characters, and all of it comes', () => {
    const text = '日本語😀é'.repeat(400);
    const pieces = chunks(text);
    expect(pieces.join('')).toBe(text);
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) {
      expect(readInput(JSON.stringify([1, 'text', piece]))).toBe(true);
      expect(bytes(JSON.stringify([1, 'text', piece])).length).toBeLessThanOrEqual(8_192);
    }
  });
  it('leaves out what is no text: half pairs and control characters', () => {
    expect(chunks('a\ud83db\u0000\u001b[2Jc\r\nd\te')).toEqual(['ab[2Jc\nd\te']);
    expect(chunks('')).toEqual([]);
    expect(chunks('\u0007')).toEqual([]);
  });
  it('any text becomes messages that the agent takes', () => {
    for (let i = 0; i < 300; i += 1) {
      const text = Array.from({ length: 40 }, () => String.fromCharCode(Math.floor(Math.random() * 0x10000))).join('');
      for (const piece of chunks(text)) expect(readInput(JSON.stringify([1, 'text', piece]))).toBe(true);
    }
  });
});

describe('what the agent tells', () => {
  it('reads notices', () => {
    expect(parseNotice(json(['control.requested', 'viewer-1', 'Ana', 'person', 20_000]))).toEqual({ kind: 'requested', identity: 'viewer-1', name: 'Ana', actor: 'person', timeout_ms: 20_000 });
    expect(parseNotice(json(['control.granted']))).toEqual({ kind: 'granted' });
    expect(parseNotice(json(['control.denied', 'Not now.']))).toEqual({ kind: 'denied', reason: 'Not now.' });
    expect(parseNotice(json(['control.lost', 'Ana took it.']))).toEqual({ kind: 'lost', reason: 'Ana took it.' });
    expect(parseNotice(json(['refused', 'clipboard', 'The policy says no.']))).toEqual({ kind: 'refused', what: 'clipboard', sentence: 'The policy says no.' });
  });
  it('reads presence and the clipboard', () => {
    expect(parsePresence(json(['ptr', 'viewer-1', 'Ana', 'ai', 10, 20.5]))).toEqual({ kind: 'ptr', identity: 'viewer-1', name: 'Ana', actor: 'ai', x: 10, y: 20.5 });
    expect(parsePresence(json(['gone', 'viewer-1']))).toEqual({ kind: 'gone', identity: 'viewer-1' });
    expect(parseClipboard(json(['text', 'héllo']))).toBe('héllo');
    expect(parseClipboard(json(['text', '']))).toBe('');
  });
  it('never stumbles over what is none', () => {
    const odd = [new Uint8Array(), new Uint8Array([0xff, 0xfe]), json(null), json(1), json({}), json([]), json([[]]), json(['ptr', 'a', 'b', 'person', 'x', 1]), json(['ptr', '', 'b', 'person', 1, 1]),
      json(['control.requested', 5]), json(['control.requested', '']), json(['refused', 'x']), json(['gone']), json(['text', 5]), bytes('['), json(['text', 'x'.repeat(1_000_001)])];
    for (const payload of odd) for (const parse of [parseNotice, parsePresence, parseClipboard]) expect(() => parse(payload)).not.toThrow();
    expect(odd.map(parsePresence).filter(Boolean)).toEqual([]);
    expect(odd.map(parseNotice).filter(Boolean)).toEqual([]);
    expect(odd.map(parseClipboard).filter((text) => text !== null)).toEqual([]);
    for (let i = 0; i < 2_000; i += 1) {
      const noise = Uint8Array.from({ length: Math.floor(Math.random() * 60) }, () => Math.floor(Math.random() * 256));
      for (const parse of [parseNotice, parsePresence, parseClipboard]) expect(() => parse(noise)).not.toThrow();
    }
  });
  it('bounds what it is told', () => {
    const notice = parseNotice(json(['control.requested', 'v', 'x'.repeat(9_999), 'king', 1e12]));
    expect(notice).toMatchObject({ actor: 'person', timeout_ms: 600_000 });
    expect(notice?.kind === 'requested' && notice.name.length).toBe(128);
  });
});
