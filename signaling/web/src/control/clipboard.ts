/**
 * The clipboard both ways, by the page's native events: a paste is read from its event (no permission is asked),
 * the session's copy is written at once where the browser lets us, else with the person's next key or click.
 */

import { CallError } from '../room';
import { parseClipboard } from './messages';

export interface ClipboardHost {
  call(method: string, body: Record<string, unknown>): Promise<unknown>;
  sendBytes(topic: string, mime: string, bytes: Uint8Array<ArrayBuffer>, attributes?: Record<string, string>): Promise<void>;
  holds(): boolean;
  /** Something was refused or cannot be done: a sentence. */
  say(sentence: string): void;
  /** Types it, where no key asked for a paste. */
  type(text: string): void;
}

/** A request carries this much; more goes as a byte stream. */
const REQUEST_BYTES = 10_000;
const MAX_TEXT_BYTES = 1_000_000;
const MAX_IMAGE_BYTES = 16_000_000;
const SET_DEADLINE_MS = 2_500;
/** The browser's own paste event follows the key at once, or after asking its own process (a Mac's menu). */
const EVENT_DEADLINE_MS = 250;

type Content = { mime: 'text/plain'; text: string } | { mime: 'image/png'; image: Blob };

export class Clipboard {
  /** Ctrl+V is down and waits for its paste event. */
  #awaited: { resolve: () => void; timer: ReturnType<typeof setTimeout> } | null = null;
  /** Byte streams on their way, by id. */
  readonly #sent = new Map<string, () => void>();
  /** What the session copied and this browser has not let us write yet. */
  #pending: Content | null = null;
  /** What the session's clipboard holds, as far as we heard. */
  #theirs = '';
  #number = 0;

  constructor(readonly host: ClipboardHost) {}

  get text(): string {
    return this.#theirs;
  }

  /** The paste key went down: what it must wait for. */
  pasting(): Promise<void> {
    this.#settle();
    return new Promise((resolve) => {
      this.#awaited = { resolve, timer: setTimeout(() => this.#settle(), EVENT_DEADLINE_MS) };
    });
  }

  paste(event: ClipboardEvent): void {
    event.preventDefault();
    const awaited = this.#awaited;
    this.#awaited = null;
    if (awaited) clearTimeout(awaited.timer);
    const done = (): void => awaited?.resolve();
    const text = event.clipboardData?.getData('text/plain') ?? '';
    const image = text ? null : imageOf(event.clipboardData);
    // By a menu or an on-screen keyboard, no key of the session's will paste it: it is typed.
    if (text && !awaited) return this.host.type(text);
    if (!text && !image) return done();
    void this.set(text ? { mime: 'text/plain', text } : { mime: 'image/png', image: image! }).then(done, (error: unknown) => {
      this.host.say(error instanceof CallError ? error.message : 'The clipboard could not be sent.');
      done();
    });
  }

  /** Resolves once a paste in the session would give it. */
  async set(content: Content): Promise<void> {
    if (content.mime === 'text/plain') {
      const bytes = new TextEncoder().encode(content.text);
      if (bytes.byteLength > MAX_TEXT_BYTES) throw new CallError(1413, 'The clipboard holds more than a megabyte of text.');
      if (bytes.byteLength <= REQUEST_BYTES) {
        await this.host.call('clipboard.set', { mime: content.mime, text: content.text });
        return;
      }
      return this.#stream(content.mime, bytes);
    }
    const png = content.image.type === 'image/png' ? content.image : await toPng(content.image);
    if (png.size > MAX_IMAGE_BYTES) throw new CallError(1413, 'The clipboard’s picture is larger than 16 MB.');
    return this.#stream('image/png', new Uint8Array(await png.arrayBuffer()));
  }

  async #stream(mime: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#number += 1;
    const id = `${Date.now().toString(36)}-${this.#number}`;
    const answered = new Promise<void>((resolve) => {
      this.#sent.set(id, resolve);
      setTimeout(resolve, SET_DEADLINE_MS);
    });
    try {
      await this.host.sendBytes('clipboard', mime, bytes, { id });
      await answered;
    } finally {
      this.#sent.delete(id);
    }
  }

  /** Topic `clipboard`. */
  receive(payload: Uint8Array): void {
    const id = setAnswer(payload);
    if (id !== null) return this.#sent.get(id)?.();
    const text = parseClipboard(payload);
    if (text !== null) this.#copied({ mime: 'text/plain', text });
  }

  /** A byte stream of topic `clipboard`. */
  receiveBytes(mime: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (mime === 'image/png') this.#copied({ mime, image: new Blob([bytes], { type: mime }) });
    else if (mime === 'text/plain' && bytes.byteLength <= MAX_TEXT_BYTES) this.#copied({ mime, text: new TextDecoder().decode(bytes) });
  }

  #copied(content: Content): void {
    if (content.mime === 'text/plain') this.#theirs = content.text;
    if (!this.host.holds()) return;
    this.#pending = content;
    void this.#write();
  }

  /** A key or a click of the person's: what a strict browser wanted before it lets us write. */
  gesture(): void {
    if (this.#pending) void this.#write();
  }

  async #write(): Promise<void> {
    const content = this.#pending;
    if (!content || !document.hasFocus()) return;
    try {
      if (content.mime === 'text/plain') await navigator.clipboard.writeText(content.text);
      else await navigator.clipboard.write([new ClipboardItem({ 'image/png': content.image })]);
    } catch {
      // No secure context, or no gesture yet: the native copy event is the other way.
      if (content.mime !== 'text/plain' || !document.execCommand('copy')) return;
    }
    if (this.#pending === content) this.#pending = null;
  }

  /** The native copy event: gives the browser the session's text. */
  copy(event: ClipboardEvent): void {
    const text = this.#pending?.mime === 'text/plain' ? this.#pending.text : '';
    event.preventDefault();
    if (!text) return;
    event.clipboardData?.setData('text/plain', text);
    this.#pending = null;
  }

  /** Control is gone: what was not written yet is nobody's business any more. */
  forget(): void {
    this.#settle();
    this.#pending = null;
    this.#theirs = '';
  }

  #settle(): void {
    const awaited = this.#awaited;
    this.#awaited = null;
    if (!awaited) return;
    clearTimeout(awaited.timer);
    awaited.resolve();
  }
}

function setAnswer(payload: Uint8Array): string | null {
  // Longer ones are content, and parsed once.
  if (payload.byteLength > 200) return null;
  try {
    const message: unknown = JSON.parse(new TextDecoder().decode(payload));
    return Array.isArray(message) && message[0] === 'set' && typeof message[1] === 'string' ? message[1] : null;
  } catch {
    return null;
  }
}

function imageOf(data: DataTransfer | null): Blob | null {
  for (const item of data?.items ?? []) {
    if (item.kind === 'file' && item.type.startsWith('image/')) return item.getAsFile();
  }
  return null;
}

async function toPng(image: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(image);
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  bitmap.close();
  const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!png) throw new CallError(0, 'The clipboard’s picture cannot be read.');
  return png;
}
