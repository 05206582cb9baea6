/** Reads the counters once a second while the stats are open, and a latency for every frame while it is measured. */

import { serverTime_us } from '../api';
import { better, readClock, type ClockReading } from '../clock';
import { LatencyRing } from '../latency';
import type { ScreenTrack } from '../room';
import { rates, readReport, type Reading } from '../stats';
import type { PresentedFrame } from './picture';
import type { StatsPanel } from './statspanel';

const EVERY_MS = 1_000;
const CLOCK_EVERY_MS = 60_000;
const GOOD_ERROR_US = 2_000;
const CLOCK_RETRY_MS = 5_000;

export class Meter {
  readonly #ring = new LatencyRing();
  #track: ScreenTrack | null = null;
  #before: Reading | null = null;
  #clock: ClockReading | null = null;
  #clockDue_ms = 0;
  #clockRead_ms = 0;
  #measuring = false;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly panel: StatsPanel) {
    this.#timer = setInterval(() => void this.#tick(), EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  setMeasuring(on: boolean): void {
    this.#measuring = on;
    this.#ring.clear();
    this.#clockDue_ms = 0;
    void this.#tick();
  }

  setTrack(track: ScreenTrack | null): void {
    this.#track = track;
    this.#before = null;
    if (!track) this.panel.setRates(null);
    else void this.#tick();
  }

  frame({ now_ms, shown_ms, rtpTimestamp }: PresentedFrame): void {
    if (!this.#measuring || !this.#clock || !this.#track || rtpTimestamp === null) return;
    const captured_us = this.#track.captured_us(rtpTimestamp);
    if (captured_us === null) return;
    this.#ring.add(now_ms, (shown_ms * 1000 + this.#clock.offset_us - captured_us) / 1000);
  }

  async #tick(): Promise<void> {
    const now_ms = performance.now();
    if (this.#measuring && now_ms >= this.#clockDue_ms) {
      this.#clockDue_ms = now_ms + CLOCK_RETRY_MS;
      const reading = await readClock(() => serverTime_us({}));
      this.#clock = better(this.#clock, reading, (now_ms - this.#clockRead_ms) / 1000);
      this.#clockRead_ms = now_ms;
      // An imprecise reading is asked again soon.
      if (reading && this.#clock && this.#clock.error_us < GOOD_ERROR_US) this.#clockDue_ms = now_ms + CLOCK_EVERY_MS;
    }
    if (this.panel.element.hidden || document.visibilityState !== 'visible') return;
    const track = this.#track;
    const report = await track?.stats().catch(() => undefined);
    if (track === this.#track && report) {
      const reading = readReport(report as unknown as Iterable<[string, unknown]>);
      if (reading && this.#before) {
        const since = rates(this.#before, reading);
        if (since) this.panel.setRates(since);
      }
      this.#before = reading;
    }
    if (this.#measuring) this.panel.setLatency(this.#ring.summary(now_ms), this.#ring.perSecond(now_ms), this.#clock ? this.#clock.error_us / 1000 : null);
  }
}
