/**
 * The shim's clock seen from this page: several round trips to `GET /api/v1/time`; the quickest one
 * bounds the error best, by half its round-trip time. Counted on `performance.now()`, which never jumps.
 */

export interface ClockReading {
  /** server time = performance.now() * 1000 + offset_us */
  offset_us: number;
  error_us: number;
}

export interface RoundTrip {
  sent_ms: number;
  received_ms: number;
  server_us: number;
}

export function bestReading(trips: readonly RoundTrip[]): ClockReading | null {
  let best: ClockReading | null = null;
  for (const { sent_ms, received_ms, server_us } of trips) {
    const error_us = ((received_ms - sent_ms) / 2) * 1000;
    if (error_us < 0 || (best && error_us >= best.error_us)) continue;
    best = { offset_us: server_us - ((sent_ms + received_ms) / 2) * 1000, error_us };
  }
  return best;
}

/** Crystals drift by some tens of ppm: an old reading grows worse by this much a second. */
const DRIFT_US_PER_S = 50;

/** A later reading made on a busy machine may be worse than the earlier one with its drift. */
export function better(kept: ClockReading | null, fresh: ClockReading | null, age_s: number): ClockReading | null {
  if (!kept || !fresh) return fresh ?? kept;
  const grown_us = kept.error_us + age_s * DRIFT_US_PER_S;
  return grown_us < fresh.error_us ? { ...kept, error_us: grown_us } : fresh;
}

const ROUND_TRIPS = 8;

export async function readClock(serverTime_us: () => Promise<number>, now_ms: () => number = () => performance.now()): Promise<ClockReading | null> {
  const trips: RoundTrip[] = [];
  // The first opens the connection and is usually the slowest; it does no harm.
  for (let i = 0; i < ROUND_TRIPS; i += 1) {
    const sent_ms = now_ms();
    try {
      const server_us = await serverTime_us();
      trips.push({ sent_ms, received_ms: now_ms(), server_us });
    } catch {
      /* the others may do */
    }
  }
  return bestReading(trips);
}
