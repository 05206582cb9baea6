/**
 * The session over VNC: one WebSocket, for networks that let no WebRTC through. `Fallback` gets in
 * by offers like the live view, shows the picture in `element`, and begins again with a fresh offer
 * (and so a fresh ticket) for as long as it is not refused. Nothing is loaded before `start`.
 */

import { noControl, holds, mayAct, reduceControl, type Control, type ControlEvent } from '../control/state';
import * as api from '../api';
import { bearerFor } from '../grants';
import { backoff_ms, type Refusal } from '../machine';
import type { Offer } from '../types';
import { Cleanup, h } from '../ui/dom';
import type { VncScreen } from '../vnc/screen';
import { Access, refusalOf, type OfferSource } from './access';

export type FallbackPhase = 'idle' | 'connecting' | 'starting' | 'showing' | 'lost' | 'refused';

export interface FallbackState {
  phase: FallbackPhase;
  since_ms: number;
  /** A sentence, after a failure. */
  why: string | null;
  refusal: Refusal | 'no-fallback' | null;
  control: Control;
}

export interface FallbackHandlers {
  state(state: FallbackState): void;
  copied?(text: string): void;
}

const CONNECT_MS = 12_000;
/** The agent lets go of what is held a second after the last one, and of control after two. */
const BEAT_MS = 250;
const SETTLED_MS = 5_000;
const REMOVED = 4403;
const NO_AGENT = 4404;
const ENDED = 4410;

const now = (): number => performance.now();

export class Fallback {
  /** Empty until there is a picture; keeps the last one while connecting again. */
  readonly element = h('div', { class: 'vnc-view' });
  #state: FallbackState = { phase: 'idle', since_ms: 0, why: null, refusal: null, control: noControl };
  #run: AbortController | null = null;
  /** The one that is being connected. */
  #next: VncScreen | null = null;
  #wake = new AbortController();
  #screen: VncScreen | null = null;
  #call: ((method: string, body: Record<string, unknown>) => Promise<unknown>) | null = null;
  #mode: 'fit' | 'actual' = 'fit';
  #resize = false;
  readonly #cleanup = new Cleanup();

  /** With `viewOnly` nothing that happens on the picture goes to the session, whatever the role. */
  constructor(readonly source: OfferSource, readonly on: FallbackHandlers, readonly viewOnly = false) {
    this.#cleanup.listen(window, 'online', () => this.#wake.abort());
    this.#cleanup.listen(document, 'visibilitychange', () => { if (document.visibilityState === 'visible') this.#wake.abort(); });
    this.#cleanup.every(1_000, () => this.#told({ type: 'time', now_ms: now() }));
  }

  get state(): FallbackState {
    return this.#state;
  }

  /** The stage of the picture, while there is one. */
  get screen(): VncScreen | null {
    return this.#screen;
  }

  start(): void {
    if (this.#run) return;
    this.#run = new AbortController();
    void this.#loop(this.#run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#screen = null;
    this.element.replaceChildren();
    this.#set({ phase: 'idle', why: null, refusal: null });
  }

  restart(): void {
    this.stop();
    this.start();
  }

  close(): void {
    this.stop();
    this.#cleanup.run();
  }

  setMode(mode: 'fit' | 'actual'): void {
    this.#mode = mode;
    this.#screen?.setMode(mode);
  }

  /** Whether the session's desktop follows the window's size, for whoever has control. */
  setResize(on: boolean): void {
    this.#resize = on;
    this.#apply();
  }

  /** A request about control; rejects with a CallError that has words. */
  async ask(method: 'control.request' | 'control.release' | 'control.take' | 'control.grant' | 'control.deny', body: Record<string, unknown> = {}): Promise<void> {
    if (!this.#call) return;
    const { role, self } = this.#state.control;
    const action = method === 'control.request' ? 'request' : method === 'control.release' ? 'release' : null;
    // The server makes an operator of an observer who may ask; the agent alone would refuse.
    const byServer = role === 'observer' && action !== null && this.source instanceof Access;
    const answer = byServer ? await api.control(this.source.session, action, self, { bearer: bearerFor(this.source.session) }) : await this.#call(method, body);
    const pending = typeof answer === 'object' && answer !== null && (answer as Record<string, unknown>)['state'] === 'pending';
    if (pending) this.#told({ type: 'pending', until_ms: now() + Number((answer as Record<string, unknown>)['timeout_ms']) });
    if (method === 'control.release') this.#told({ type: 'released', now_ms: now() });
    if (method === 'control.grant' || method === 'control.deny') this.#told({ type: 'answered', identity: String(body['identity']) });
  }

  async #loop(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      this.#set({ phase: this.element.childElementCount ? 'lost' : this.#state.phase === 'starting' ? 'starting' : 'connecting' });
      const began_ms = now();
      let why = 'The connection was lost.';
      try {
        why = await this.#once(signal);
      } catch (error) {
        if (signal.aborted) return;
        const refusal = error instanceof NoFallback ? 'no-fallback' : error instanceof Refused ? error.refusal : refusalOf(error);
        if (refusal) {
          this.#set({ phase: 'refused', refusal, why: error instanceof Error ? error.message : null });
          this.#run = null;
          return;
        }
        why = error instanceof Error ? error.message : why;
      }
      if (signal.aborted) return;
      if (now() - began_ms > SETTLED_MS && this.element.childElementCount) attempt = 0;
      this.#set({ why });
      this.#wake = new AbortController();
      await sleep(backoff_ms(attempt, Math.random()), AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  /** One offer, one stream; resolves with why it is over. */
  async #once(signal: AbortSignal): Promise<string> {
    const [{ VncStream }, { VncScreen }, offer] = await Promise.all([import('../vnc/stream'), import('../vnc/screen'), this.source.offer(signal, () => undefined)]);
    if (signal.aborted) return '';
    if (!offer.fallback) throw new NoFallback('This server has no VNC fallback.');
    this.#seat(offer);
    let over: (end: { code: number; reason: string }) => void = () => undefined;
    const ended = new Promise<{ code: number; reason: string }>((resolve) => { over = resolve; });
    const stream = new VncStream(address(offer.fallback.url, this.source), offer.fallback.ticket, {
      heard: (topic, message) => this.#heard(topic, message),
      closed: (code, reason) => over({ code, reason }),
    });
    const screen = new VncScreen(stream, {
      shown: () => this.#shown(screen),
      copied: (text) => this.on.copied?.(text),
    });
    const abort = (): void => stream.close();
    signal.addEventListener('abort', abort, { once: true });
    const deadline = setTimeout(() => { if (this.#screen !== screen) stream.close(); }, CONNECT_MS);
    this.#call = (method, body) => stream.call(method, body);
    const beats = setInterval(() => { if (holds(this.#state.control)) stream.beat(); }, BEAT_MS);
    // Laid out at once, so that noVNC knows the size that it scales to; seen once it has a picture.
    screen.element.classList.add('coming');
    this.element.append(screen.element);
    screen.setMode(this.#mode);
    this.#next = screen;
    this.#apply();
    try {
      const { code, reason } = await ended;
      if (code === ENDED) throw new Refused('ended', reason);
      if (code === REMOVED) throw new Refused('forbidden', reason);
      if (code === NO_AGENT && offer.state === 'waiting' && !this.#screen) this.#set({ phase: 'starting' });
      return reason || 'The connection was lost.';
    } finally {
      clearTimeout(deadline);
      clearInterval(beats);
      signal.removeEventListener('abort', abort);
      this.#call = null;
      this.#next = null;
      screen.close();
      if (this.#screen === screen) {
        this.#screen = null;
        screen.element.inert = true;
      } else screen.element.remove();
      this.#told({ type: 'no-room' });
    }
  }

  #shown(screen: VncScreen): void {
    this.#screen = screen;
    screen.element.classList.remove('coming');
    this.element.replaceChildren(screen.element);
    this.#apply();
    this.#set({ phase: 'showing', why: null });
  }

  #seat(offer: Offer): void {
    this.#told({ type: 'seat', role: offer.role, self: offer.identity, mayAsk: offer.may_ask });
  }

  #heard(topic: string, message: unknown): void {
    if (topic === 'cursor') this.#next?.cursor.receive(new TextEncoder().encode(JSON.stringify(message)));
    if (topic === 'attributes' && typeof message === 'object' && message !== null) {
      const text = (name: string): string => String((message as Record<string, unknown>)[`control.${name}`] ?? '');
      this.#told({ type: 'attributes', holder: text('holder'), name: text('name'), actor: text('actor'), mode: text('mode'), now_ms: now() });
    }
    if (topic === 'notice' && Array.isArray(message)) this.#notice(message as unknown[]);
  }

  #notice([kind, first, second, third, fourth]: unknown[]): void {
    const reason = String(first ?? '');
    if (kind === 'control.granted') this.#told({ type: 'granted', now_ms: now() });
    if (kind === 'control.denied') this.#told({ type: 'denied', reason });
    if (kind === 'control.lost') this.#told({ type: 'lost', reason, now_ms: now() });
    if (kind === 'control.requested') {
      this.#told({ type: 'asked', ask: { identity: reason, name: String(second ?? ''), actor: third === 'ai' ? 'ai' : 'person', until_ms: now() + Number(fourth ?? 0) } });
    }
  }

  #told(event: ControlEvent): void {
    const control = reduceControl(this.#state.control, event);
    if (control === this.#state.control) return;
    this.#set({ control });
    this.#apply();
  }

  /** What the state means for noVNC. */
  #apply(): void {
    const screen = this.#screen ?? this.#next;
    if (!screen) return;
    const { control } = this.#state;
    screen.setInput(!this.viewOnly && mayAct(control));
    screen.setSteers(holds(control));
    screen.setResize(this.#resize && holds(control));
  }

  #set(change: Partial<FallbackState>): void {
    const phase = change.phase ?? this.#state.phase;
    this.#state = { ...this.#state, ...change, since_ms: phase === this.#state.phase ? this.#state.since_ms : now() };
    this.on.state(this.#state);
  }
}

class NoFallback extends Error {}

class Refused extends Error {
  constructor(readonly refusal: Refusal, why: string) {
    super(why);
  }
}

/** Our own page goes to where it came from, whatever name the server has for itself. */
export function address(url: string, source: OfferSource): string {
  if (!(source instanceof Access)) return url;
  const here = new URL(new URL(url).pathname, location.href);
  here.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return here.href;
}

const sleep = (ms: number, wake: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
