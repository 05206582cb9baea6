/** Asking for control, giving it and taking it: requests to the agent, and its notices, told to the reducer. */

import * as api from '../api';
import { ApiError } from '../api';
import { bearerFor } from '../grants';
import { CallError } from '../room';
import { isObject } from '../types';
import { toast } from '../ui/controls';
import type { Host } from '../viewer/part';
import { parseNotice } from './messages';
import { holderName, type Control, type ControlEvent } from './state';
import { words } from './words';

const ANSWER_MS = 30_000;
const OWN_NEWS_MS = 500;
const COMMON_TOPIC = 'input';
const HELLO_TIMEOUT_MS = 2_000;
const HELLO_TRIES = 3;

export class Desk {
  #busy = false;
  /** The agent confirms with a notice what we asked for ourselves. */
  #releasing = false;

  /** Where our input goes: the agent's own topic for us, since it learns of senders late otherwise. */
  topic = COMMON_TOPIC;

  constructor(readonly host: Host) {}

  /** After every connect: a request names its caller at once, a packet only seconds later. */
  async hello(): Promise<void> {
    this.topic = COMMON_TOPIC;
    for (let tries = 0; tries < HELLO_TRIES; tries += 1) {
      try {
        const answer = await this.host.call('control.hello', {}, HELLO_TIMEOUT_MS);
        const topic = isObject(answer) ? answer['topic'] : null;
        if (typeof topic === 'string' && topic.startsWith(`${COMMON_TOPIC}.`)) this.topic = topic;
        return;
      } catch {
        // No agent yet, or an older one: the common topic will do once we are announced.
      }
    }
  }

  /** The button in the bar. */
  click(): void {
    const { does } = words(this.#control);
    if (does === 'request') void this.request();
    else if (does === 'release' || does === 'cancel') void this.release();
  }

  async request(): Promise<void> {
    await this.#once(async () => {
      const answer = this.#control.role === 'observer'
        ? await api.control(this.host.session, 'request', null, { bearer: bearerFor(this.host.session) })
        : await this.host.call('control.request', {});
      const state = isObject(answer) ? answer['state'] : null;
      if (state === 'granted') this.#tell({ type: 'granted', now_ms: performance.now() });
      else if (state === 'pending') {
        const timeout_ms = isObject(answer) && typeof answer['timeout_ms'] === 'number' ? answer['timeout_ms'] : ANSWER_MS;
        this.#tell({ type: 'pending', until_ms: performance.now() + timeout_ms });
      }
    });
  }

  /** Gives control back, or takes our request back. */
  async release(): Promise<void> {
    await this.#once(async () => {
      this.#releasing = true;
      try {
        if (this.#control.role === 'observer') await api.control(this.host.session, 'release', null, { bearer: bearerFor(this.host.session) });
        else await this.host.call('control.release', {});
        this.#tell({ type: 'released', now_ms: performance.now() });
      } finally {
        setTimeout(() => { this.#releasing = false; }, OWN_NEWS_MS);
      }
    });
  }

  async grant(identity: string): Promise<void> {
    await this.#once(async () => {
      await this.host.call('control.grant', { identity });
      this.#tell({ type: 'answered', identity });
    });
  }

  async deny(identity: string): Promise<void> {
    await this.#once(async () => {
      await this.host.call('control.deny', { identity });
      this.#tell({ type: 'answered', identity });
    });
  }

  async take(): Promise<void> {
    await this.#once(async () => {
      const from = holderName(this.#control);
      await this.host.call('control.take', {});
      this.#tell({ type: 'granted', now_ms: performance.now() });
      if (from) toast(`You took control from ${from}`);
    });
  }

  attributes(attributes: Readonly<Record<string, string>>): void {
    const at = (name: string): string => attributes[name] ?? '';
    this.#tell({ type: 'attributes', holder: at('control.holder'), name: at('control.name'), actor: at('control.actor'), mode: at('control.mode'), now_ms: performance.now() });
  }

  notice(payload: Uint8Array): void {
    const notice = parseNotice(payload);
    const now_ms = performance.now();
    switch (notice?.kind) {
      case 'requested':
        this.#tell({ type: 'asked', ask: { identity: notice.identity, name: notice.name, actor: notice.actor, until_ms: now_ms + notice.timeout_ms } });
        break;
      case 'granted': this.#tell({ type: 'granted', now_ms }); break;
      case 'denied': this.#tell({ type: 'denied', reason: because('Control was not given', notice.reason) }); break;
      case 'lost': this.#tell({ type: 'lost', reason: this.#releasing ? '' : because('You no longer have control', notice.reason), now_ms }); break;
      case 'refused': toast(sentence(notice.sentence)); break;
      case undefined: break;
    }
  }

  get #control(): Control {
    return this.host.state().control;
  }

  #tell(event: ControlEvent): void {
    this.host.tell({ type: 'control', event });
  }

  /** One at a time; what is refused is said. */
  async #once(step: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await step();
    } catch (error) {
      toast(error instanceof CallError || error instanceof ApiError ? sentence(error.message) : 'That did not work.');
    } finally {
      this.#busy = false;
    }
  }
}

const because = (what: string, reason: string): string => (reason ? `${what}: ${reason}.` : `${what}.`);

/** The agent's words as a sentence of the page's. */
export const sentence = (words: string): string => {
  const first = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
};
