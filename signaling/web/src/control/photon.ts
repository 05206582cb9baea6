/**
 * Input to photon: from a key, click or wheel step sent to the moment the browser shows the next frame whose
 * picture differs. Differences are looked for in a small copy of the picture, only while the statistics are
 * open and at most a few times a second; on a screen that changes by itself it is the next change, whatever
 * made it.
 */

import { LatencyRing, type LatencySummary } from '../latency';
import type { PresentedFrame } from '../viewer/picture';

const EVERY_MS = 250;
const GIVE_UP_MS = 2_000;
const WIDTH = 320;
const HEIGHT = 180;
/** In levels of 255: more than compression does to a still picture, less than one letter. */
const THRESHOLD = 14;

export class Photon {
  readonly #ring = new LatencyRing();
  readonly #canvas = document.createElement('canvas');
  readonly #context: CanvasRenderingContext2D | null;
  #sent_ms = -Infinity;
  #before: Uint8ClampedArray | null = null;

  constructor(readonly video: HTMLVideoElement, readonly wanted: () => boolean) {
    this.#canvas.width = WIDTH;
    this.#canvas.height = HEIGHT;
    this.#context = this.#canvas.getContext('2d', { willReadFrequently: true });
    if (this.#context) this.#context.imageSmoothingQuality = 'medium';
  }

  /** Just sent. */
  act(): void {
    const now_ms = performance.now();
    if (!this.wanted() || this.#before || now_ms - this.#sent_ms < EVERY_MS) return;
    this.#sent_ms = now_ms;
    this.#before = this.#look();
  }

  frame({ now_ms, shown_ms }: PresentedFrame): void {
    if (!this.#before) return;
    if (now_ms - this.#sent_ms > GIVE_UP_MS) {
      this.#before = null;
      return;
    }
    const now = this.#look();
    if (!now || !differs(this.#before, now)) return;
    this.#before = null;
    this.#ring.add(now_ms, Math.max(shown_ms, now_ms) - this.#sent_ms);
  }

  summary(): LatencySummary | null {
    return this.#ring.summary(performance.now());
  }

  #look(): Uint8ClampedArray | null {
    if (!this.#context || !this.video.videoWidth) return null;
    this.#context.drawImage(this.video, 0, 0, WIDTH, HEIGHT);
    return this.#context.getImageData(0, 0, WIDTH, HEIGHT).data;
  }
}

export function differs(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i += 4) {
    if (Math.abs(a[i]! - b[i]!) > THRESHOLD || Math.abs(a[i + 1]! - b[i + 1]!) > THRESHOLD || Math.abs(a[i + 2]! - b[i + 2]!) > THRESHOLD) return true;
  }
  return false;
}
