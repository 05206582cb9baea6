/** A browser session on the viewer's page: tabs and address, questions of its pages, files both ways. */

import '../css/browser.css';
import { CallError } from '../room';
import { toast } from '../ui/controls';
import { h } from '../ui/dom';
import type { Host, Part } from '../viewer/part';
import { questions, type Reply } from './questions';
import { browse, noBrowser, parseBrowser, readableSize, toStateEvent, type BrowserEvent, type BrowserState, type Prompt } from './state';
import { strip } from './strip';

const CALL_TIMEOUT_MS = 26_000;
const MAX_UPLOAD_BYTES = 32_000_000;

export function browserPart(host: Host): Part {
  let state: BrowserState = noBrowser;
  let asked = false;
  const parts = new Map<string, (Uint8Array<ArrayBuffer> | undefined)[]>();
  const tabs = strip({ call: (method, body) => void request(method, body), fetch: (id) => void request('download.fetch', { id }) });
  const cards = questions((prompt, reply) => void answer(prompt, reply));
  host.panel.before(tabs.element);
  host.panel.append(cards.element);

  const control = () => host.state().control;
  const operator = (): boolean => control().role === 'operator' || control().role === 'admin';
  const holds = (): boolean => control().holder !== null && control().holder?.identity === control().self;
  const ours = (): boolean => operator() && (control().holder === null || holds());

  function dispatch(event: BrowserEvent): void {
    if (event.type === 'notice') toast(event.text);
    if (event.type === 'download' && event.download.state === 'done' && ours()) toast(`Downloaded ${event.download.name} (${readableSize(event.download.received)}); save it from the list of downloads`);
    state = browse(state, event);
    render();
  }

  function render(): void {
    tabs.render(state, operator(), ours());
    cards.render(operator() ? state.prompts : [], ours(), holds(), control().holder?.name ?? '');
    host.viewer.classList.toggle('has-browser', state.there);
    host.viewer.dataset['browser'] = state.there ? String(state.tabs.length) : '';
  }

  async function request(method: string, body: Record<string, unknown> = {}): Promise<void> {
    try {
      await host.call(method, body, CALL_TIMEOUT_MS);
    } catch (error) {
      toast(error instanceof CallError ? sentence(error.message) : 'The agent did not answer.');
    }
  }

  async function answer(prompt: Prompt, reply: Reply): Promise<void> {
    const files = reply.files ?? [];
    if (files.reduce((sum, file) => sum + file.size, 0) > MAX_UPLOAD_BYTES) return toast(`Together the files may hold ${readableSize(MAX_UPLOAD_BYTES)}`);
    try {
      for (const file of files) {
        await host.sendBytes('upload', file.type || 'application/octet-stream', new Uint8Array(await file.arrayBuffer()), { prompt: prompt.id, name: file.name });
      }
    } catch {
      return toast('The file could not be sent.');
    }
    const { accept, text, secret } = reply;
    await request('dialog.answer', { id: prompt.id, accept, ...(text === undefined ? {} : { text }), ...(secret === undefined ? {} : { secret }), ...(files.length ? { files: files.length } : {}) });
  }

  /** What a page that comes later has missed. */
  async function ask(): Promise<void> {
    if (asked || !state.there || !operator()) return;
    asked = true;
    try {
      dispatch(toStateEvent(await host.call('browser.state', {})));
    } catch {
      asked = false;
    }
  }

  function save(name: string, mime: string, pieces: Uint8Array<ArrayBuffer>[]): void {
    const url = URL.createObjectURL(new Blob(pieces, { type: mime }));
    h('a', { attrs: { href: url, download: name } }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    toast(`Saved ${name}`);
  }

  host.cleanup.add(() => tabs.element.remove());
  render();

  return {
    state() {
      render();
      void ask();
    },
    room(room) {
      asked = false;
      parts.clear();
      if (!room) dispatch({ type: 'gone' });
    },
    agent(present, attributes) {
      if (!present) {
        asked = false;
        return;
      }
      dispatch({ type: 'attribute', tabs: attributes['tabs'] });
      void ask();
    },
    data(topic, payload) {
      if (topic !== 'browser') return;
      const event = parseBrowser(payload);
      if (event) dispatch(event);
    },
    bytes(info, bytes) {
      if (info.topic !== 'download') return;
      const { id, name, part, parts: count } = info.attributes;
      const total = Number(count), at = Number(part);
      if (!id || !name || !Number.isInteger(total) || total < 1 || total > 64 || !(at >= 0 && at < total)) return;
      const pieces = parts.get(id) ?? Array.from<Uint8Array<ArrayBuffer> | undefined>({ length: total });
      pieces[at] = bytes;
      parts.set(id, pieces);
      if (!pieces.every((piece) => piece !== undefined)) return;
      parts.delete(id);
      save(name, info.mime, pieces as Uint8Array<ArrayBuffer>[]);
    },
  };
}

function sentence(words: string): string {
  const text = words.trim();
  return text ? text[0]!.toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.') : 'This was refused.';
}
