/** Getting in: a join link once, then this browser's grant or the API key. */

import * as api from '../api';
import { ApiError } from '../api';
import { apiKey, bearerFor, grantFor, keepApiKey, keepGrant } from '../grants';
import type { Refusal } from '../machine';
import type { Offer, Role, SessionState } from '../types';

/** Where a connection gets its offers: the page's own way in, or an embedding site's. */
export interface OfferSource {
  /** The next way in, or an error that `refusalOf` knows, or one that is worth another try. */
  offer(signal: AbortSignal, step: (step: 'redeem' | 'offer') => void): Promise<Offer>;
  /** What is known of the session beside its room; null where nobody can be asked. */
  ask(signal: AbortSignal): Promise<SessionState | null>;
}

export class Access implements OfferSource {
  #secret: string | null;
  #turn: Promise<unknown> = Promise.resolve();

  /** `elsewhere`: the link was for another session, to which this browser now holds a grant. */
  constructor(readonly session: string, secret: string | null, readonly elsewhere: (session: string) => void = () => undefined) {
    this.#secret = secret;
  }

  async ask(signal: AbortSignal): Promise<SessionState> {
    return (await api.getSession(this.session, { bearer: bearerFor(this.session), signal })).state;
  }

  offer(signal: AbortSignal, step: (step: 'redeem' | 'offer') => void): Promise<Offer> {
    if (!this.#secret) return this.#offer(signal, step);
    // A link may open once: of two who come at the same time, the second comes by the grant.
    const mine = this.#turn.then(() => this.#offer(signal, step));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #offer(signal: AbortSignal, step: (step: 'redeem' | 'offer') => void): Promise<Offer> {
    const secret = this.#secret;
    if (secret) {
      step('redeem');
      try {
        const answer = await api.join(secret, { signal });
        this.#secret = null;
        if (answer.grant) keepGrant(answer.session, { grant: answer.grant, role: answer.role });
        if (answer.session !== this.session) this.elsewhere(answer.session);
        return answer;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 0 || error.status === 429 || error.status >= 500) throw error;
        this.#secret = null;
        // The printed link opened a second time: this browser's own grant still does.
        if (!grantFor(this.session)) throw error.status === 410 && error.type === 'session-ended' ? error : new LinkUsed();
      }
    }
    step('offer');
    const key = apiKey();
    const grant = grantFor(this.session);
    if (grant && (secret || !key)) return this.#offerByGrant(grant.grant, grant.role, signal);
    if (!key) throw new ApiError(401, 'unauthorized', 'Nothing to sign in with.');
    try {
      return await this.#offerByKey(key, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      keepApiKey(null);
      if (grant) return this.#offerByGrant(grant.grant, grant.role, signal);
      throw new KeyRefused();
    }
  }

  async #offerByGrant(grant: string, role: Role, signal: AbortSignal): Promise<Offer> {
    try {
      return await api.offer(this.session, role, { bearer: grant, signal });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        keepGrant(this.session, null);
        throw new LinkUsed();
      }
      throw error;
    }
  }

  /** The explorer's people get what their key lets them have: to decide, to steer, or to watch. */
  async #offerByKey(key: string, signal: AbortSignal): Promise<Offer> {
    for (const role of ['admin', 'operator'] as const) {
      try {
        return await api.offer(this.session, role, { bearer: key, signal });
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 403) throw error;
      }
    }
    return api.offer(this.session, 'observer', { bearer: key, signal });
  }
}

class LinkUsed extends Error {}
class KeyRefused extends Error {}

export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof LinkUsed) return 'link-used';
  if (error instanceof KeyRefused) return 'key-refused';
  if (!(error instanceof ApiError)) return null;
  switch (error.status) {
    case 401: return 'sign-in';
    case 403: return 'forbidden';
    case 404:
    case 422: return 'unknown-session';
    case 410: return 'ended';
    default: return null;
  }
}
