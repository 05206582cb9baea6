/** The cards' pictures. */

import { ApiError, thumbnail } from '../api';
import { bearerFor } from '../grants';
import { InSight } from './insight';

const FRESH_MS = 10_000;
const NONE_MS = 20_000;
const AT_ONCE = 4;

export class Thumbnails {
  readonly #images = new Map<string, { image: HTMLImageElement; url: string | null }>();
  readonly #sight = new InSight({ run: (session) => this.#fetch(session) }, AT_ONCE);

  add(session: string, element: Element, image: HTMLImageElement): void {
    this.#images.set(session, { image, url: null });
    this.#sight.add(session, element);
  }

  setLive(session: string, live: boolean): void {
    this.#sight.setLive(session, live);
  }

  remove(session: string): void {
    const entry = this.#images.get(session);
    if (entry?.url) URL.revokeObjectURL(entry.url);
    this.#images.delete(session);
    this.#sight.remove(session);
  }

  close(): void {
    this.#sight.close();
    for (const session of [...this.#images.keys()]) this.remove(session);
  }

  async #fetch(session: string): Promise<number> {
    try {
      const blob = await thumbnail(session, { bearer: bearerFor(session) });
      await this.#put(session, blob);
      return FRESH_MS;
    } catch (error) {
      return error instanceof ApiError && error.status === 404 ? NONE_MS : FRESH_MS;
    }
  }

  async #put(session: string, blob: Blob): Promise<void> {
    const entry = this.#images.get(session);
    if (!entry || !blob.type.startsWith('image/') || blob.size === 0) return;
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
