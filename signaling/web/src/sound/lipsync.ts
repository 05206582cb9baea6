/** Lets the pictures of a page that only watches wait for their sound, as long as sync.ts says. */

import type { ScreenTrack, SoundTrack } from '../room';
import { DelayedTrack } from './delay';
import { readSound, Sync } from './sync';

const EVERY_MS = 1_000;

export interface LipSyncHandlers {
  makeWorker(): Worker;
  /** This is the track to look at from now on. */
  show(media: MediaStreamTrack): void;
  /** Pictures wait this long. */
  delayed(delay_ms: number): void;
}

export class LipSync {
  readonly #sync = new Sync();
  readonly #timer: ReturnType<typeof setInterval>;
  #screen: ScreenTrack | null = null;
  #sound: SoundTrack | null = null;
  #wanted = false;
  #delay_ms = 0;
  #delayed: DelayedTrack | null = null;
  #failed = false;

  constructor(readonly on: LipSyncHandlers) {
    this.#timer = setInterval(() => void this.#tick(), EVERY_MS);
  }

  /** It is shown already, undelayed. */
  screen(track: ScreenTrack | null): void {
    this.#screen = null;
    this.#begin();
    this.#screen = track;
  }

  sound(track: SoundTrack | null): void {
    this.#begin();
    this.#sound = track;
  }

  /** Is somebody there who listens, and only watches? */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#begin();
  }

  close(): void {
    clearInterval(this.#timer);
    this.screen(null);
  }

  #begin(): void {
    this.#sync.reset();
    this.#delay(0);
  }

  /** The sound to measure now; null while no picture has to wait for any. */
  get #due(): SoundTrack | null {
    return this.#screen && this.#wanted && !this.#failed && DelayedTrack.possible ? this.#sound : null;
  }

  async #tick(): Promise<void> {
    const sound = this.#due;
    const report = await sound?.stats().catch(() => undefined);
    if (sound !== this.#due || !report) return;
    const reading = readSound(report as unknown as Iterable<[string, unknown]>);
    if (reading) this.#delay(this.#sync.next(reading, performance.now()));
  }

  /** A picture without its sound is better than none. */
  readonly #fail = (): void => {
    this.#failed = true;
    this.#delay(0);
  };

  #delay(delay_ms: number): void {
    if (delay_ms === this.#delay_ms) return;
    const screen = this.#screen;
    if (delay_ms > 0 && !this.#delayed) {
      this.#delayed = screen && DelayedTrack.of(screen.media, this.on.makeWorker, this.#fail);
      if (!this.#delayed) return;
      this.on.show(this.#delayed.media);
    }
    this.#delayed?.set(delay_ms);
    if (delay_ms === 0) {
      if (screen) this.on.show(screen.media);
      this.#delayed?.close();
      this.#delayed = null;
    }
    this.#delay_ms = delay_ms;
    this.on.delayed(delay_ms);
  }
}
