import { describe, expect, it } from 'vitest';
import { browse, hostOf, noBrowser, parseBrowser, readableSize, shownAddress, toStateEvent } from '../src/browser/state';

const packet = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const tab = (id: string, url: string, active = false) => ({ id, title: id, url, active, loading: false, crashed: false, can_back: true, can_forward: false });

describe('what the agent tells of its browser', () => {
  it('knows a browser by its attribute, and a desktop by its lack', () => {
    const state = browse(noBrowser, { type: 'attribute', tabs: '[["a","Home","a.example",true,false,false]]' });
    expect(state.there).toBe(true);
    expect(state.tabs[0]).toMatchObject({ id: 'a', title: 'Home', url: 'a.example', active: true });
    expect(browse(state, { type: 'attribute', tabs: undefined })).toEqual(noBrowser);
  });

  it('keeps the whole address that an operator was told when the attribute names its host', () => {
    const told = browse(noBrowser, parseBrowser(packet(['tabs', [tab('a', 'https://a.example/x?y', true)]]))!);
    const state = browse(told, { type: 'attribute', tabs: '[["a","A","a.example",true,true,false]]' });
    expect(state.tabs[0]).toMatchObject({ url: 'https://a.example/x?y', canBack: true, loading: true });
    const moved = browse(told, { type: 'attribute', tabs: '[["a","A","b.example",true,true,false]]' });
    expect(moved.tabs[0]).toMatchObject({ url: 'b.example', canBack: false });
  });

  it('opens a question once and closes it', () => {
    const ask = parseBrowser(packet(['prompt', { id: 'p1', kind: 'confirm', origin: 'https://a.example', text: 'Sure?' }]))!;
    let state = browse(browse(noBrowser, ask), ask);
    expect(state.prompts).toHaveLength(1);
    state = browse(state, parseBrowser(packet(['answered', 'p1']))!);
    expect(state.prompts).toEqual([]);
  });

  it('follows a download', () => {
    let state = noBrowser;
    for (const [part, received] of [['running', 5], ['done', 10]] as const) {
      state = browse(state, parseBrowser(packet(['download', { id: 'd', name: 'a.pdf', state: part, received_bytes: received, total_bytes: 10 }]))!);
    }
    expect(state.downloads).toEqual([{ id: 'd', name: 'a.pdf', state: 'done', received: 10, total: 10 }]);
  });

  it('takes what it has missed, and forgets questions without a room', () => {
    const state = browse(noBrowser, toStateEvent({ tabs: [tab('a', 'https://a.example/', true)], prompts: [{ id: 'p', kind: 'auth', text: 'x' }, { id: 'q', kind: 'nonsense' }], downloads: [] }));
    expect(state.prompts.map((prompt) => prompt.id)).toEqual(['p']);
    expect(browse(state, { type: 'gone' }).prompts).toEqual([]);
  });

  it('is not moved by nonsense', () => {
    for (const bad of ['', '{}', 'null', '[1', '["tabs"', '["prompt",{"kind":"confirm"}]', '["download",7]', '["what"]']) {
      expect(parseBrowser(new TextEncoder().encode(bad))).toBe(null);
    }
    expect(parseBrowser(new Uint8Array([0xff, 0xfe]))).toBe(null);
    expect(browse(noBrowser, { type: 'attribute', tabs: 'nonsense' })).toMatchObject({ there: true, tabs: [] });
    expect(toStateEvent(null)).toMatchObject({ tabs: [], prompts: [] });
  });
});

describe('words', () => {
  it('shows no address for pages that have none', () => {
    expect(shownAddress('data:text/html,x')).toBe('');
    expect(shownAddress('about:blank')).toBe('');
    expect(shownAddress('https://a.example/x')).toBe('https://a.example/x');
  });
  it('names hosts and sizes', () => {
    expect(hostOf('https://a.example:8443/x')).toBe('a.example:8443');
    expect(hostOf('nonsense')).toBe('');
    expect([readableSize(12), readableSize(16_384), readableSize(2_500_000)]).toEqual(['12 B', '16 kB', '2.5 MB']);
  });
});
