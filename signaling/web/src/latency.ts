/** Glass-to-glass latency per presented frame: a 60 s ring, its percentiles and one value a second for the sparkline. */

export const WINDOW_S = 60;
const CAPACITY = WINDOW_S * 60;

export interface LatencySummary {
  now_ms: number;
  p50_ms: number;
  p95_ms: number;
  frames: number;
}

export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[index]!;
}

export class LatencyRing {
  #at_ms = new Float64Array(CAPACITY);
  #value_ms = new Float64Array(CAPACITY);
  #next = 0;
  #size = 0;

  add(at_ms: number, value_ms: number): void {
    // A clock that is not measured yet, or a frame without a time: no sample rather than a wrong one.
    if (!Number.isFinite(value_ms) || value_ms < -50 || value_ms > 60_000) return;
    this.#at_ms[this.#next] = at_ms;
    this.#value_ms[this.#next] = Math.max(0, value_ms);
    this.#next = (this.#next + 1) % CAPACITY;
    this.#size = Math.min(this.#size + 1, CAPACITY);
  }

  clear(): void {
    this.#size = 0;
    this.#next = 0;
  }

  *#recent(now_ms: number): Generator<[number, number]> {
    for (let i = 0; i < this.#size; i += 1) {
      const index = (this.#next - this.#size + i + CAPACITY) % CAPACITY;
      const at_ms = this.#at_ms[index]!;
      if (now_ms - at_ms <= WINDOW_S * 1000) yield [at_ms, this.#value_ms[index]!];
    }
  }

  summary(now_ms: number): LatencySummary | null {
    const values: number[] = [];
    let last = Number.NaN;
    for (const [, value] of this.#recent(now_ms)) {
      values.push(value);
      last = value;
    }
    if (values.length === 0) return null;
    values.sort((a, b) => a - b);
    return { now_ms: last, p50_ms: percentile(values, 0.5), p95_ms: percentile(values, 0.95), frames: values.length };
  }

  /** p95 of each of the last 60 seconds, oldest first; NaN where no frame was shown. */
  perSecond(now_ms: number): number[] {
    const buckets: number[][] = Array.from({ length: WINDOW_S }, () => []);
    for (const [at_ms, value] of this.#recent(now_ms)) {
      const index = WINDOW_S - 1 - Math.floor((now_ms - at_ms) / 1000);
      buckets[index]?.push(value);
    }
    return buckets.map((bucket) => percentile(bucket.sort((a, b) => a - b), 0.95));
  }
}
