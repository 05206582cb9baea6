import { afterEach, describe, expect, it, vi } from 'vitest';
import { noControl } from '../src/control/state';
import { Access } from '../src/viewer/access';
import type { FallbackPhase, FallbackState } from '../src/viewer/fallback';
import { fallbackView } from '../src/vnc/words';

const state = (phase: FallbackPhase, more: Partial<FallbackState> = {}): FallbackState => ({ phase, since_ms: 0, why: null, refusal: null, control: noControl, ...more });

describe('the words of the fallback', () => {
  it('says a sentence exactly while there is no picture, and a way out of what is final', () => {
    for (const phase of ['showing', 'idle'] as const) expect(fallbackView(state(phase), 0)).toBeNull();
    for (const phase of ['connecting', 'starting', 'lost'] as const) expect(fallbackView(state(phase), 3_000)?.sentence).toMatch(/…$/);
    for (const refusal of ['ended', 'forbidden', 'sign-in', 'link-used', 'no-fallback'] as const) {
      const view = fallbackView(state('refused', { refusal }), 0);
      expect(view?.sentence).toBeTruthy();
      expect(view?.actions.length).toBeGreaterThan(0);
    }
    expect(fallbackView(state('lost', { why: 'The session’s agent does not answer.' }), 4_000)).toMatchObject({ hint: 'The session’s agent does not answer.', actions: ['retry'] });
  });
});

describe('a link that opens once', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is used once though live view and fallback come at the same time', async () => {
    const paths: string[] = [];
    const offer = { server_url: 'ws://sfu', participant_token: 't', room_name: 'demo', identity: 'viewer-1', role: 'observer', state: 'live', fallback: { url: 'wss://shim/x', ticket: 'sct_1' } };
    vi.stubGlobal('fetch', async (path: string) => {
      paths.push(path);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return new Response(JSON.stringify(path === '/api/v1/join' ? { ...offer, session: 'demo', grant: 'scg_1' } : offer), { status: 201 });
    });
    const access = new Access('demo', 'scj_secret');
    const signal = new AbortController().signal;
    const [first, second] = await Promise.all([access.offer(signal, () => undefined), access.offer(signal, () => undefined)]);
    expect(paths).toEqual(['/api/v1/join', '/api/v1/sessions/demo/webrtc/offer']);
    expect(first.fallback).toEqual({ url: 'wss://shim/x', ticket: 'sct_1' });
    expect(second.identity).toBe('viewer-1');
  });
});
