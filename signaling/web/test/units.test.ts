import { describe, expect, it } from 'vitest';
import { bestReading, better, readClock } from '../src/clock';
import { parseCursor } from '../src/cursor';
import { age, counts, select } from '../src/explorer/filter';
import { LatencyRing, percentile } from '../src/latency';
import { parsePath } from '../src/router';
import { rates, readReport } from '../src/stats';
import { isSessionId, toJoinAnswer, toOffer, toSession } from '../src/types';
import { parseSize, place, visibleSize } from '../src/viewport';

describe('session ids and paths', () => {
  it.each(['a', 'demo', 'build-42', '0', `a${'-'.repeat(61)}b`])('%s is one', (id) => expect(isSessionId(id)).toBe(true));
  it.each(['', '-a', 'a-', 'A', 'a_b', 'a b', '../x', `a${'b'.repeat(63)}`, 'é', 'a\n'])('%j is none', (id) => expect(isSessionId(id)).toBe(false));
  it('routes', () => {
    expect(parsePath('/')).toEqual({ page: 'explorer' });
    expect(parsePath('/sessions/demo')).toEqual({ page: 'viewer', session: 'demo' });
    expect(parsePath('/sessions/demo/')).toEqual({ page: 'viewer', session: 'demo' });
    for (const path of ['/sessions/Demo', '/sessions/', '/sessions/a/b', '/sessions/%3Cscript%3E', '/x']) expect(parsePath(path).page).toBe('lost');
  });
});

describe('answers of the shim', () => {
  const offer = { server_url: 'ws://x', participant_token: 't', room_name: 'demo', identity: 'viewer-1', role: 'operator', state: 'live' };
  it('takes an offer and refuses half of one', () => {
    expect(toOffer(offer)).toMatchObject({ role: 'operator', state: 'live' });
    expect(toOffer({ ...offer, role: 'king', state: '?' })).toMatchObject({ role: 'observer', state: 'waiting' });
    for (const bad of [null, [], 'x', {}, { server_url: 'ws://x' }]) expect(() => toOffer(bad)).toThrow(TypeError);
    expect(toJoinAnswer({ ...offer, grant: 'scg_x' })).toMatchObject({ session: 'demo', grant: 'scg_x' });
  });
  it('leaves out odd rows of the list', () => {
    for (const bad of [null, 1, {}, { session: '<b>' }]) expect(toSession(bad)).toBeNull();
    expect(toSession({ session: 'a', kind: 'x', state: 'live', labels: { n: 1 }, size_px: ['1', null], watching: 'many', control: { holder: 'viewer-1' } })).toEqual({
      session: 'a', kind: 'desktop', state: 'live', labels: { n: '1' }, created_at: null, size_px: null, watching: null, control: 'viewer-1', recording: false,
    });
  });
});

describe('clock', () => {
  it('believes the quickest round trip', () => {
    expect(bestReading([])).toBeNull();
    expect(bestReading([{ sent_ms: 0, received_ms: 10, server_us: 1_005_000 }, { sent_ms: 20, received_ms: 22, server_us: 1_021_500 }])).toEqual({ offset_us: 1_000_500, error_us: 1_000 });
  });
  it('survives round trips that fail', async () => {
    let call = 0;
    const reading = await readClock(async () => { call += 1; if (call % 2) throw new Error('no'); return 5_000_000; }, () => 1_000);
    expect(reading).toEqual({ offset_us: 4_000_000, error_us: 0 });
    expect(await readClock(async () => { throw new Error('no'); })).toBeNull();
  });
  it('keeps a good old reading over a bad new one, until drift makes it worse', () => {
    const kept = { offset_us: 1, error_us: 200 };
    const fresh = { offset_us: 2, error_us: 5_000 };
    expect(better(kept, fresh, 60)).toEqual({ offset_us: 1, error_us: 3_200 });
    expect(better(kept, fresh, 120)).toBe(fresh);
    expect(better(null, fresh, 0)).toBe(fresh);
    expect(better(kept, null, 0)).toBe(kept);
  });
});

describe('latency', () => {
  it('takes percentiles by rank', () => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(percentile(Array.from({ length: 100 }, (_, i) => i + 1), 0.95)).toBe(95);
  });
  it('forgets after a minute, and never counts nonsense', () => {
    const ring = new LatencyRing();
    for (const bad of [Number.NaN, -1_000, 1e9]) ring.add(0, bad);
    expect(ring.summary(0)).toBeNull();
    ring.add(0, 500);
    for (let i = 0; i < 100; i += 1) ring.add(61_000 + i, 20 + (i % 2));
    expect(ring.summary(61_100)).toEqual({ now_ms: 21, p50_ms: 20, p95_ms: 21, frames: 100 });
    expect(ring.perSecond(61_100).at(-1)).toBe(21);
    ring.clear();
    expect(ring.summary(61_100)).toBeNull();
  });
  it('holds more frames than a minute has, by forgetting the oldest', () => {
    const ring = new LatencyRing();
    for (let i = 0; i < 10_000; i += 1) ring.add(i, i < 5_000 ? 900 : 10);
    expect(ring.summary(10_000)).toMatchObject({ p95_ms: 10, frames: 3_600 });
    expect(ring.perSecond(10_000)).toHaveLength(60);
  });
});

describe('stats', () => {
  const report = (over: object = {}, pair: object = {}, local: object = {}): [string, unknown][] => [
    ['v', { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: 1_000, transportId: 'T', framesDecoded: 10, bytesReceived: 1_000, packetsReceived: 100, packetsLost: 0, frameWidth: 1280, frameHeight: 720, ...over }],
    ['T', { id: 'T', type: 'transport', selectedCandidatePairId: 'P' }],
    ['P', { id: 'P', type: 'candidate-pair', localCandidateId: 'L', remoteCandidateId: 'R', currentRoundTripTime: 0.012, ...pair }],
    ['L', { id: 'L', type: 'local-candidate', protocol: 'udp', candidateType: 'host', ...local }],
    ['R', { id: 'R', type: 'remote-candidate', protocol: 'udp', candidateType: 'host' }],
  ];
  it('names the path', () => {
    expect(readReport([])).toBeNull();
    expect(readReport(report())).toMatchObject({ path: 'UDP', rtt_ms: 12 });
    expect(readReport(report({}, {}, { protocol: 'tcp' }))).toMatchObject({ path: 'TCP' });
    expect(readReport(report({}, {}, { candidateType: 'relay', relayProtocol: 'tls' }))).toMatchObject({ path: 'TURN over TLS' });
  });
  it('makes rates of counters, and none across a new connection', () => {
    const before = readReport(report())!;
    const after = readReport(report({ timestamp: 3_000, framesDecoded: 70, bytesReceived: 501_000, packetsReceived: 199, packetsLost: 1 }))!;
    expect(rates(before, after)).toMatchObject({ fps: 30, kbps: 2_000, loss: 0.01 });
    expect(rates(after, before)).toBeNull();
    expect(rates(before, { ...after, bytesReceived: 0 })).toBeNull();
    expect(rates(before, { ...before, at_ms: 2_000 })).toMatchObject({ fps: 0, kbps: 0, loss: null });
  });
});

describe('cursor messages', () => {
  const parse = (value: unknown) => parseCursor(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)));
  it('reads the two of the protocol', () => {
    expect(parse(['pos', 7, 640.5, 360, 'h', true])).toEqual({ type: 'pos', seq: 7, x: 640.5, y: 360, hash: 'h', visible: true });
    expect(parse(['img', 'h', 24, 24, 2, 3, btoa('png')])).toMatchObject({ type: 'img', hash: 'h', hotX: 2, hotY: 3, png: new Uint8Array([112, 110, 103]) });
  });
  it.each([
    '', '{', 'null', '[]', '{"0":"pos"}', ['pos'], ['pos', '7', 1, 1, 'h', true], ['pos', 1, null, 1, 'h', true], ['pos', 1, 1e9, 1, 'h', true], ['pos', -1, 1, 1, 'h', true], ['pos', 1, 1, 1, 5, true],
    ['img', 'h', 0, 24, 2, 2, ''], ['img', 'h', 4096, 24, 2, 2, ''], ['img', 'h', 24, 24, 2, 2, '***'], ['img', 'h', 24, 24, 2, 2, 5], ['img', 'h', 24, 24, 2, 2, 'A'.repeat(400_000)], ['other', 1],
  ])('is not shaken by %j', (bad) => expect(parse(bad)).toBeNull());
  it('is not shaken by bytes that are no text', () => expect(parseCursor(new Uint8Array([0xff, 0xfe, 0x00]))).toBeNull());
});

describe('viewport', () => {
  const desktop = { width: 1280, height: 720 };
  it('fits, centred', () => {
    expect(place({ width: 1440, height: 900 }, desktop, 'fit', 1)).toMatchObject({ scale: 1.125, left: 0, top: 45, width: 1440, height: 810, integer: false });
    expect(place({ width: 390, height: 700 }, desktop, 'fit', 3).width).toBeCloseTo(390);
  });
  it('is one to one in device pixels, and scrolls instead of shrinking', () => {
    expect(place({ width: 800, height: 600 }, desktop, 'actual', 1)).toMatchObject({ scale: 1, left: 0, top: 0, width: 1280 });
    expect(place({ width: 1440, height: 900 }, desktop, 'actual', 2)).toMatchObject({ scale: 0.5, left: 400, top: 270 });
  });
  it('takes the whole scale when it is that close', () => {
    expect(place({ width: 1300, height: 900 }, desktop, 'fit', 1).scale).toBe(1);
    expect(place({ width: 2600, height: 1500 }, desktop, 'fit', 1)).toMatchObject({ scale: 2, integer: true });
    expect(place({ width: 2000, height: 1500 }, desktop, 'fit', 1).integer).toBe(false);
  });
  it('crops the padding of odd desktops only', () => {
    const video = { width: 1280, height: 720 };
    expect(visibleSize(video, { width: 1279, height: 719 })).toEqual({ width: 1279, height: 719 });
    expect(visibleSize(video, { width: 1920, height: 1080 })).toEqual(video);
    expect(visibleSize(video, null)).toEqual(video);
  });
  it('reads sizes', () => {
    expect(parseSize('1279x719')).toEqual({ width: 1279, height: 719 });
    for (const bad of [undefined, '', '0x5', '12', 'axb', '1x2x3', '999999x1']) expect(parseSize(bad)).toBeNull();
  });
});

describe('explorer', () => {
  const row = (session: string, state: string, more: object = {}) => toSession({ session, state, kind: 'desktop', created_at: '2026-11-23T10:00:00Z', ...more })!;
  const all = [row('b-2', 'live', { watching: 1 }), row('b-10', 'live', { watching: 5 }), row('a', 'ended'), row('c', 'waiting', { labels: { team: 'QA' } }), row('d', 'reconnecting')];
  const names = (filter: Partial<Parameters<typeof select>[1]>) => select(all, { query: '', chips: new Set(), sort: 'live-first', ...filter }).map((session) => session.session);
  it('sorts, numbers in names by value', () => {
    expect(names({})).toEqual(['b-2', 'b-10', 'd', 'c', 'a']);
    expect(names({ sort: 'watching' })[0]).toBe('b-10');
    expect(names({ sort: 'name' })).toEqual(['a', 'b-2', 'b-10', 'c', 'd']);
  });
  it('filters by chips and words', () => {
    expect(names({ chips: new Set(['starting'] as const) })).toEqual(['d', 'c']);
    expect(names({ query: 'TEAM=qa' })).toEqual(['c']);
    expect(names({ query: 'b live' })).toEqual(['b-2', 'b-10']);
    expect(names({ query: 'zzz' })).toEqual([]);
    expect(counts(all)).toEqual({ live: 2, starting: 2, ended: 1, recorded: 0 });
  });
  it('tells ages', () => {
    const now = Date.parse('2026-11-23T10:00:00Z');
    expect(['2026-11-23T09:59:30Z', '2026-11-23T09:56:00Z', '2026-11-23T07:00:00Z', '2026-11-01T10:00:00Z', null].map((then) => age(then, now))).toEqual(['just now', '4 min', '3 h', '22 d', '']);
  });
  it('takes a thousand in no time', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => row(`s-${i}`, i % 2 ? 'live' : 'waiting'));
    expect(select(many, { query: 's-', chips: new Set(), sort: 'live-first' })).toHaveLength(1_000);
  });
});
