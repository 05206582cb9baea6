/**
 * Keeps the picture of those who only watch with its sound: pure, for what is measured once a second.
 *
 * Sound is later than the picture by what the browser's jitter buffer holds and by packets of 20 ms; a picture is shown
 * as it comes. Whoever has control wants exactly that. Whoever watches wants lips and voice together, so while there
 * is sound to be heard their picture waits for it.
 */

import { entriesOf, inbound, num, type Report } from '../reports';

/** Counters of the sound's receiver: seconds, samples, and the energy of what was played (RTCInboundRtpStreamStats). */
export interface SoundReading {
  buffered_s: number;
  emitted: number;
  energy: number;
}

/** What of the sound's way the jitter buffer does not know (packet, Opus, audio graph), less the picture's own: measured. */
const REST_OF_THE_WAY_MS = 8;
/** Beyond this the network is so bad that a late picture would be one more trouble. */
const LONGEST_HOLD_MS = 150;
/** A pause in speech or music is no reason to let go. */
const QUIET_AFTER_MS = 10_000;
/** Energy of a second at −60 dB of full scale. */
const AUDIBLE = 1e-6;
/** Smaller changes are not worth a picture that comes out of step. */
const STEP_MS = 4;
const SAMPLES_PER_S = 48_000;

export function readSound(report: Report): SoundReading | null {
  const entry = inbound(entriesOf(report), 'audio');
  return entry ? { buffered_s: num(entry['jitterBufferDelay']), emitted: num(entry['jitterBufferEmittedCount']), energy: num(entry['totalAudioEnergy']) } : null;
}

export class Sync {
  #before: SoundReading | null = null;
  #heard_ms = -Infinity;
  #hold_ms = 0;

  /** How long pictures should wait from now on, in ms. */
  next(reading: SoundReading, now_ms: number): number {
    const before = this.#before;
    this.#before = reading;
    const emitted = before ? reading.emitted - before.emitted : 0;
    // A first reading, or counters that began again: the next one tells.
    if (!before || emitted <= 0) return this.#hold_ms;
    const seconds = emitted / SAMPLES_PER_S;
    if ((reading.energy - before.energy) / seconds > AUDIBLE) this.#heard_ms = now_ms;
    if (now_ms - this.#heard_ms > QUIET_AFTER_MS) return (this.#hold_ms = 0);
    const buffer_ms = (1000 * (reading.buffered_s - before.buffered_s)) / emitted;
    const wanted_ms = Math.min(LONGEST_HOLD_MS, Math.max(0, Math.round(buffer_ms + REST_OF_THE_WAY_MS)));
    if (Math.abs(wanted_ms - this.#hold_ms) >= STEP_MS) this.#hold_ms = wanted_ms;
    return this.#hold_ms;
  }

  /** Another track, or nobody listens: begin again. */
  reset(): void {
    this.#before = null;
    this.#heard_ms = -Infinity;
    this.#hold_ms = 0;
  }
}
