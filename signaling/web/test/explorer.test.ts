import { describe, expect, it } from 'vitest';
import { toWays, challenge } from '../src/oidc';
import { cores, coresWords } from '../src/explorer/costs';
import { bytes } from '../src/explorer/details';
import { EventParser } from '../src/explorer/sse';
import { parsePath, wallPath } from '../src/router';
import { MAX_TILES, columns } from '../src/walls';
import { select } from '../src/explorer/filter';
import type { SessionInfo } from '../src/types';

describe('server-sent events', () => {
  const read = (...chunks: string[]) => {
    const parser = new EventParser();
    return chunks.flatMap((chunk) => parser.push(chunk));
  };
  it('come whole, however the bytes were cut', () => {
    const text = 'id: 7\nevent: session\ndata: {"session":\ndata: "a"}\n\n: a comment\n\ndata:x\n\n';
    const whole = read(text);
    expect(whole).toEqual([{ type: 'session', data: '{"session":\n"a"}', id: '7' }, { type: 'message', data: 'x', id: '7' }]);
    for (let cut = 1; cut < text.length; cut += 1) expect(read(text.slice(0, cut), text.slice(cut))).toEqual(whole);
  });
  it('know all three line ends, also when one is cut in two', () => {
    expect(read('data: 1\r\n\r\ndata: 2\r', '\n\r\n')).toEqual([{ type: 'message', data: '1', id: '' }, { type: 'message', data: '2', id: '' }]);
  });
  it('are none without data', () => expect(read('event: ping\n\n')).toEqual([]));
});

describe('the share of a core', () => {
  const at = (uptime_s: number, process_s: number) => ({ uptime_s, process_s, stages: [], bytes_sent: 0, watched_s: 0, rss_bytes: 0 });
  it('is between two readings, or over the whole life', () => {
    expect(cores(at(10, 1), at(20, 3))).toBeCloseTo(0.2);
    expect(cores(null, at(20, 3))).toBeCloseTo(0.15);
    expect(cores(null, at(0.2, 0.1))).toBeNull();
  });
  it('begins again with an agent that was restarted', () => expect(cores(at(1000, 500), at(10, 1))).toBeCloseTo(0.1));
  it('is said with sense', () => expect([0.004, 0.22, 1.5].map(coresWords)).toEqual(['0.4 % CPU', '22 % CPU', '150 % CPU']));
});

describe('the wall', () => {
  it('makes the pictures as large as they can be', () => {
    expect(columns(2, 1440, 850)).toBe(1);
    expect(columns(2, 1900, 700)).toBe(2);
    expect(columns(4, 1440, 850)).toBe(2);
    expect(columns(9, 1440, 850)).toBe(3);
    expect(columns(1, 0, 0)).toBe(1);
  });
  it('has an address that keeps no nonsense', () => {
    expect(wallPath(['a', 'b-2'])).toBe('/wall?s=a&s=b-2');
    expect(parsePath('/wall', '?s=a&s=b-2&s=a&s=%3Cimg%3E')).toEqual({ page: 'wall', sessions: ['a', 'b-2'] });
    expect(parsePath('/wall', '')).toEqual({ page: 'wall', sessions: [] });
    expect(MAX_TILES).toBe(9);
  });
});

it('“recorded” narrows what the states leave', () => {
  const row = (session: string, state: SessionInfo['state'], recording: boolean): SessionInfo => ({ session, kind: 'desktop', state, labels: {}, created_at: null, size_px: null, watching: 0, control: null, recording });
  const all = [row('a', 'live', true), row('b', 'live', false), row('c', 'ended', true)];
  const names = (...chips: ('live' | 'recorded')[]) => select(all, { query: '', chips: new Set(chips), sort: 'name' }).map((each) => each.session);
  expect(names('recorded')).toEqual(['a', 'c']);
  expect(names('recorded', 'live')).toEqual(['a']);
});

it('says sizes in words', () => expect([0, 999, 1_500, 812e6].map(bytes)).toEqual(['0 B', '999 B', '1.5 kB', '812 MB']));

describe('signing in', () => {
  const oidc = { issuer: 'https://login.example', client_id: 'x', scope: 'openid', bearer: 'access_token', authorization_endpoint: 'https://login.example/a', token_endpoint: 'https://login.example/t' };
  it('is by API key where nothing else is told', () => {
    expect(toWays(null)).toEqual({ apiKey: true, oidc: null });
    expect(toWays({ api_key: false, oidc: null })).toEqual({ apiKey: false, oidc: null });
  });
  it('takes no address that is none', () => {
    expect(toWays({ oidc: { ...oidc, token_endpoint: 'javascript:alert(1)' } }).oidc).toBeNull();
    expect(toWays({ oidc }).oidc).toMatchObject({ client_id: 'x', bearer: 'access_token', resource: null, end_session_endpoint: null });
  });
  it('proves itself as RFC 7636 says (its appendix B)', async () => {
    expect(await challenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  });
});
