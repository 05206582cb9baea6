/**
 * A track whose pictures come later than another's, where the browser lets pages handle decoded pictures (Chromium).
 *
 * The usual ways do not do here: the SFU's playout delay of 0, without which every picture is late, also forbids
 * `jitterBufferTarget`; and encoded frames that go through a worker come up to 16 ms late even when none is held.
 */

import type { Ends, SetDelay } from './delay.worker';

interface TrackProcessor {
  readable: ReadableStream<VideoFrame>;
}
type TrackGenerator = MediaStreamTrack & { writable: WritableStream<VideoFrame> };
interface Breakout {
  MediaStreamTrackProcessor?: new (options: { track: MediaStreamTrack }) => TrackProcessor;
  MediaStreamTrackGenerator?: new (options: { kind: 'video' }) => TrackGenerator;
}

export class DelayedTrack {
  readonly #worker: Worker;

  private constructor(readonly media: MediaStreamTrack, worker: Worker) {
    this.#worker = worker;
  }

  /** Whether this browser lets pages handle decoded pictures. */
  static get possible(): boolean {
    const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as Breakout;
    return MediaStreamTrackProcessor !== undefined && MediaStreamTrackGenerator !== undefined;
  }

  /** null where the browser cannot, or the track is over. `failed`: no more pictures will come. */
  static of(track: MediaStreamTrack, makeWorker: () => Worker, failed: () => void): DelayedTrack | null {
    const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as Breakout;
    if (!MediaStreamTrackProcessor || !MediaStreamTrackGenerator || track.readyState === 'ended') return null;
    const { readable } = new MediaStreamTrackProcessor({ track });
    const media = new MediaStreamTrackGenerator({ kind: 'video' });
    const worker = makeWorker();
    worker.onerror = failed;
    const { writable } = media;
    worker.postMessage({ readable, writable } satisfies Ends, [readable, writable]);
    return new DelayedTrack(media, worker);
  }

  set(delay_ms: number): void {
    this.#worker.postMessage({ delay_ms } satisfies SetDelay);
  }

  close(): void {
    this.#worker.terminate();
    this.media.stop();
  }
}
