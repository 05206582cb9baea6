/** The cards' share of a processor core: two readings of the agent's own counters, and the time between. */

import { ApiError, usage, type Usage } from '../api';
import { bearerFor } from '../grants';
import { InSight } from './insight';

const FIRST_MS = 4_000;
const EVERY_MS = 20_000;
/** May not be asked (a join link's grant), or not known: no use in asking again soon. */
const NEVER_MS = 600_000;
const AT_ONCE = 2;

/** Cores used between two readings; over the whole life where there is only one. null: too short to say. */
export function cores(before: Usage | null, after: Usage): number | null {
  const again = before !== null && after.uptime_s > before.uptime_s && after.process_s >= before.process_s;
  const seconds = again ? after.uptime_s - before.uptime_s : after.uptime_s;
  const used_s = again ? after.process_s - before.process_s : after.process_s;
  return seconds >= 1 ? used_s / seconds : null;
}

export const coresWords = (value: number): string => (value < 0.095 ? `${(value * 100).toFixed(1)} % CPU` : `${Math.round(value * 100)} % CPU`);

export class Costs {
  readonly #shows = new Map<string, (words: string) => void>();
  readonly #before = new Map<string, Usage>();
  readonly #sight = new InSight({ run: (session) => this.#ask(session) }, AT_ONCE);

  add(session: string, element: Element, show: (words: string) => void): void {
    this.#shows.set(session, show);
    this.#sight.add(session, element);
  }

  setLive(session: string, live: boolean): void {
    this.#sight.setLive(session, live);
    if (!live) {
      this.#before.delete(session);
      this.#shows.get(session)?.('');
    }
  }

  remove(session: string): void {
    this.#shows.delete(session);
    this.#before.delete(session);
    this.#sight.remove(session);
  }

  close(): void {
    this.#sight.close();
    this.#shows.clear();
  }

  async #ask(session: string): Promise<number> {
    const before = this.#before.get(session) ?? null;
    try {
      const after = await usage(session, { bearer: bearerFor(session) });
      this.#before.set(session, after);
      const value = cores(before, after);
      if (value !== null) this.#shows.get(session)?.(coresWords(value));
    } catch (error) {
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return NEVER_MS;
    }
    return before ? EVERY_MS : FIRST_MS;
  }
}
