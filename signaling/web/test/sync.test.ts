import { describe, expect, it } from 'vitest';
import { readSound, Sync, type SoundReading } from '../src/sound/sync';

/** Readings a second apart: how much the jitter buffer held, and how loud it was (0 to 1, squared). */
class Receiver {
  #reading: SoundReading = { buffered_s: 0, emitted: 0, energy: 0 };
  #now_ms = 0;
  readonly #sync = new Sync();

  constructor() {
    this.#sync.next(this.#reading, 0);
  }

  second(buffer_ms: number, power: number): number {
    const { buffered_s, emitted, energy } = this.#reading;
    this.#reading = { buffered_s: buffered_s + (48_000 * buffer_ms) / 1000, emitted: emitted + 48_000, energy: energy + power };
    this.#now_ms += 1_000;
    return this.#sync.next(this.#reading, this.#now_ms);
  }
}

const LOUD = 0.01;
const SILENT = 1e-9;

describe('the picture that waits for its sound', () => {
  it('does not wait while nothing is to be heard', () => {
    const receiver = new Receiver();
    for (let i = 0; i < 5; i += 1) expect(receiver.second(30, SILENT)).toBe(0);
  });

  it('waits a little longer than the jitter buffer holds', () => {
    const receiver = new Receiver();
    const waits_ms = receiver.second(30, LOUD);
    expect(waits_ms).toBeGreaterThan(30);
    expect(waits_ms).toBeLessThan(50);
    expect(receiver.second(60, LOUD) - waits_ms).toBe(30);
  });

  it('goes on through a pause, and not through a silence', () => {
    const receiver = new Receiver();
    const waits_ms = receiver.second(30, LOUD);
    for (let i = 0; i < 10; i += 1) expect(receiver.second(30, SILENT)).toBe(waits_ms);
    expect(receiver.second(30, SILENT)).toBe(0);
    expect(receiver.second(30, LOUD)).toBe(waits_ms);
  });

  it('does not follow every millisecond', () => {
    const receiver = new Receiver();
    const waits_ms = receiver.second(30, LOUD);
    expect(receiver.second(32, LOUD)).toBe(waits_ms);
    expect(receiver.second(27.5, LOUD)).toBe(waits_ms);
    expect(receiver.second(35, LOUD)).toBe(waits_ms + 5);
  });

  it('never waits longer than a picture may, however bad the network', () => {
    expect(new Receiver().second(900, LOUD)).toBe(150);
  });

  it('takes counters that began again for what they are', () => {
    const sync = new Sync();
    sync.next({ buffered_s: 0, emitted: 0, energy: 0 }, 0);
    const waits_ms = sync.next({ buffered_s: 48_000 * 0.03, emitted: 48_000, energy: LOUD }, 1_000);
    expect(sync.next({ buffered_s: 0, emitted: 480, energy: 0 }, 2_000)).toBe(waits_ms);
    sync.reset();
    expect(sync.next({ buffered_s: 1, emitted: 960, energy: 0 }, 3_000)).toBe(0);
  });
});

describe("a sound receiver's report", () => {
  it('gives what the jitter buffer says, and nothing of the picture', () => {
    const report: [string, unknown][] = [
      ['v', { type: 'inbound-rtp', kind: 'video', jitterBufferDelay: 9, jitterBufferEmittedCount: 9 }],
      ['a', { type: 'inbound-rtp', kind: 'audio', jitterBufferDelay: 2.5, jitterBufferEmittedCount: 4_800, totalAudioEnergy: 0.25 }],
    ];
    expect(readSound(report)).toEqual({ buffered_s: 2.5, emitted: 4_800, energy: 0.25 });
    expect(readSound(report.slice(0, 1))).toBeNull();
  });
});
