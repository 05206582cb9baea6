/** Thumbnails that cost nothing when nobody looks: fetched for cards in sight, in a visible tab, a few at a time. */

import { ApiError, thumbnail } from '../api';
import { bearerFor } from '../grants';

const FRESH_MS = 10_000;
const NONE_MS = 20_000;
const AT_ONCE = 4;

interface Entry {
  element: Element;
  image: HTMLImageElement;
  visible: boolean;
  live: boolean;
  due_ms: number;
  busy: boolean;
  url: string | null;
}

export class Thumbnails {
  readonly #entries = new Map<string, Entry>();
  readonly #names = new WeakMap<Element, string>();
  readonly #observer = new IntersectionObserver((changes) => this.#seen(changes), { rootMargin: '120px' });
  readonly #timer = setInterval(() => this.#pump(), 1_000);
  #running = 0;

  add(session: string, element: Element, image: HTMLImageElement): void {
    this.#entries.set(session, { element, image, visible: false, live: false, due_ms: 0, busy: false, url: null });
    this.#names.set(element, session);
    this.#observer.observe(element);
  }

  setLive(session: string, live: boolean): void {
    const entry = this.#entries.get(session);
    if (!entry || entry.live === live) return;
    entry.live = live;
    entry.due_ms = 0;
    this.#pump();
  }

  remove(session: string): void {
    const entry = this.#entries.get(session);
    if (!entry) return;
    this.#observer.unobserve(entry.element);
    if (entry.url) URL.revokeObjectURL(entry.url);
    this.#entries.delete(session);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
    for (const session of [...this.#entries.keys()]) this.remove(session);
  }

  #seen(changes: IntersectionObserverEntry[]): void {
    for (const change of changes) {
      const entry = this.#entries.get(this.#names.get(change.target) ?? '');
      if (entry) entry.visible = change.isIntersecting;
    }
    this.#pump();
  }

  #pump(): void {
    if (document.visibilityState !== 'visible') return;
    const now_ms = performance.now();
    const due = [...this.#entries].filter(([, entry]) => entry.visible && entry.live && !entry.busy && entry.due_ms <= now_ms);
    due.sort(([, a], [, b]) => a.due_ms - b.due_ms);
    for (const [session, entry] of due.slice(0, Math.max(0, AT_ONCE - this.#running))) void this.#fetch(session, entry);
  }

  async #fetch(session: string, entry: Entry): Promise<void> {
    entry.busy = true;
    this.#running += 1;
    try {
      const blob = await thumbnail(session, { bearer: bearerFor(session) });
      if (this.#entries.get(session) !== entry) return;
      await this.#put(entry, blob);
      entry.due_ms = performance.now() + FRESH_MS * (0.9 + Math.random() * 0.2);
    } catch (error) {
      entry.due_ms = performance.now() + (error instanceof ApiError && error.status === 404 ? NONE_MS : FRESH_MS);
    } finally {
      entry.busy = false;
      this.#running -= 1;
      this.#pump();
    }
  }

  async #put(entry: Entry, blob: Blob): Promise<void> {
    if (!blob.type.startsWith('image/') || blob.size === 0) return;
    const old = entry.url;
    entry.url = URL.createObjectURL(blob);
    entry.image.src = entry.url;
    try {
      await entry.image.decode();
      entry.image.classList.add('loaded');
    } catch {
      entry.image.classList.remove('loaded');
    }
    if (old) URL.revokeObjectURL(old);
  }
}
