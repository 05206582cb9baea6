/**
 * The driver of the state machine: gets in (link, grant or key), joins, watches over the connection,
 * and for as long as the session is not refused to us begins again with a fresh offer.
 */

import { ApiError } from '../api';
import { backoff_ms, initial, isLive, reduce, type Event, type Refusal, type State } from '../machine';
import { openLeg, sightings } from '../candidates';
import type { Sightings } from '../ladder';
import { CallError, ConnectFailure, H264_SUPPORTED, RoomLink, type RoomEnd, type RoomHandlers } from '../room';
import type { Offer } from '../types';
import { refusalOf, type OfferSource } from './access';

export interface ConnectionHandlers extends Omit<RoomHandlers, 'recovering' | 'recovered' | 'closed'> {
  state(state: State, before: State): void;
  /** A connection stands; null: it is gone. */
  room(room: RoomLink | null): void;
}

const POLL_MS = 2_000;
/** The agent sends at least one frame a second, changed or not. */
const STALL_MS = 4_000;
const REJOIN_AFTER_STALL_MS = 12_000;
const RECOVERY_PATIENCE_MS = 6_000;
/** The shim says live, the room has no agent: an SFU that lost its memory, or another one. */
const WRONG_ROOM_PATIENCE_MS = 8_000;
const LONGEST_RETRY_AFTER_MS = 30_000;
/** A join that takes longer than this has met a blocked network; the fallback must show something at 6 s. */
const JOIN_MS = 4_500;
/** While the fallback shows the session there is time, and no hurry. */
const PATIENT_JOIN_MS = 12_000;
const FALLBACK_RETRY_MS = 15_000;
const SIGHT_EVERY_MS = 250;
/** Once connected: ICE may still find a better way. */
const SETTLED_SIGHT_MS = 5_000;

const now = (): number => performance.now();
const sleep = (ms: number, wake: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });

export class Connection {
  #state: State = initial;
  #room: RoomLink | null = null;
  #worker: (() => Worker) | null;
  /** Aborted to end the present attempt: a new run, or the end. */
  #run = new AbortController();
  #wake = new AbortController();
  #lastFrame_ms = 0;
  #recoveringSince_ms = 0;
  #seen: Sightings | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;
  #polling = false;
  #end: RoomEnd['cause'] = 'lost';
  #closed = false;

  /** `worker` makes the reader of the frames' metadata; without it no latency is measured. */
  constructor(readonly session: string, readonly source: OfferSource, worker: (() => Worker) | null, readonly on: ConnectionHandlers) {
    this.#worker = worker;
  }

  get state(): State {
    return this.#state;
  }

  start(): void {
    this.#watch = setInterval(() => this.#supervise(), 500);
    document.addEventListener('visibilitychange', this.#wakeUp);
    addEventListener('online', this.#wakeUp);
    void this.#loop();
  }

  close(): void {
    this.#closed = true;
    if (this.#watch) clearInterval(this.#watch);
    document.removeEventListener('visibilitychange', this.#wakeUp);
    removeEventListener('online', this.#wakeUp);
    this.#run.abort();
    this.#wake.abort();
    this.#room?.close();
  }

  /** A person asked: after signing in, or "try again". */
  restart(): void {
    this.#dispatch({ type: 'restart' });
    this.#again();
  }

  /** The worker is fixed when the Room is made, so this is a new offer and a new Room; the last picture stays. */
  setWorker(worker: (() => Worker) | null): void {
    if (worker === this.#worker) return;
    this.#worker = worker;
    if (this.#state.transport.phase === 'refused') return;
    this.#dispatch({ type: 'switch' });
    this.#again();
  }

  frame(now_ms: number): void {
    // 60 a second come by; the state only needs to know now and then.
    const known = isLive(this.#state) && now_ms - this.#lastFrame_ms < 250;
    if (known) return;
    this.#lastFrame_ms = now_ms;
    this.#dispatch({ type: 'frame', now_ms });
  }

  send(topic: string, payload: Uint8Array<ArrayBuffer>, reliable: boolean): void {
    void this.#room?.send(topic, payload, reliable).catch(() => undefined);
  }

  call(method: string, body: Record<string, unknown>, timeout_ms?: number): Promise<unknown> {
    return this.#room?.call(method, body, timeout_ms) ?? Promise.reject(new CallError(0, 'There is no connection to the session.'));
  }

  sendBytes(topic: string, mime: string, bytes: Uint8Array<ArrayBuffer>, attributes?: Record<string, string>): Promise<void> {
    return this.#room?.sendBytes(topic, mime, bytes, attributes) ?? Promise.reject(new CallError(0, 'There is no connection to the session.'));
  }

  /** What a part of the viewer has to report. */
  tell(event: Event): void {
    this.#dispatch(event);
  }

  #dispatch(event: Event): void {
    const before = this.#state;
    const next = reduce(before, event);
    if (next === before || this.#closed) return;
    this.#state = next;
    this.on.state(next, before);
  }

  #again(): void {
    this.#run.abort();
    this.#leave();
    this.#run = new AbortController();
    void this.#loop();
  }

  #leave(): void {
    const room = this.#room;
    this.#room = null;
    if (room) this.on.room(null);
    room?.close();
    this.on.screen(null);
  }

  readonly #wakeUp = (): void => {
    if (document.visibilityState !== 'visible') return;
    // Frames are not presented in a hidden tab: give it a moment before calling it stalled.
    this.#lastFrame_ms = now();
    this.#wake.abort();
  };

  async #loop(): Promise<void> {
    const { signal } = this.#run;
    if (!H264_SUPPORTED()) {
      this.#dispatch({ type: 'ladder', event: { type: 'unplayable' } });
      return this.#dispatch({ type: 'refused', refusal: 'no-h264' });
    }
    while (!this.#closed && !signal.aborted) {
      let why: string;
      let retryAfter_ms: number | null = null;
      try {
        const offer = await this.source.offer(signal, (step) => this.#dispatch({ type: step }));
        if (signal.aborted) return;
        this.#dispatch({ type: 'offered', state: offer.state, role: offer.role, identity: offer.identity, mayAsk: offer.may_ask, now_ms: now() });
        why = await this.#join(offer, signal);
      } catch (error) {
        if (signal.aborted || this.#closed) return;
        const refusal = this.#afterEnd(refusalOf(error));
        if (refusal) return this.#dispatch({ type: 'refused', refusal });
        if (error instanceof ApiError) retryAfter_ms = error.retryAfter_ms;
        why = error instanceof Error ? error.message : 'Something unexpected happened.';
      }
      if (signal.aborted || this.#closed) return;
      this.#leave();
      const wait_ms = Math.max(backoff_ms(this.#state.attempt, Math.random()), Math.min(retryAfter_ms ?? 0, LONGEST_RETRY_AFTER_MS), this.#inFallback() ? FALLBACK_RETRY_MS : 0);
      this.#dispatch({ type: 'lost', why, now_ms: now(), wait_ms });
      this.#wake = new AbortController();
      await sleep(wait_ms, AbortSignal.any([this.#wake.signal, signal]));
    }
  }

  /** Resolves with the reason when the connection is over; rejects if it never came to be. */
  async #join(offer: Offer, signal: AbortSignal): Promise<string> {
    let over: (end: RoomEnd) => void = () => undefined;
    const ended = new Promise<RoomEnd>((resolve) => { over = resolve; });
    const mine = <A extends unknown[]>(handler: (...args: A) => void) => (...args: A) => {
      if (!signal.aborted) handler(...args);
    };
    const room = new RoomLink(this.session, {
      agent: mine((present, attributes, sid) => {
        this.#dispatch({ type: 'agent', present, displayLost: attributes['state'] === 'display-lost', now_ms: now() });
        this.on.agent(present, attributes, sid);
      }),
      screen: mine((track) => {
        if (!track) this.#dispatch({ type: 'picture-gone' });
        this.on.screen(track);
      }),
      sound: mine(this.on.sound),
      caption: mine(this.on.caption),
      data: mine(this.on.data),
      bytes: mine(this.on.bytes),
      people: mine(this.on.people),
      recovering: mine(() => {
        this.#recoveringSince_ms = now();
        this.#dispatch({ type: 'recovering' });
      }),
      recovered: mine(() => this.#dispatch({ type: 'recovered', now_ms: now() })),
      closed: over,
    }, this.#worker?.() ?? null);
    this.#room = room;
    this.#giveUp = (why) => over({ cause: 'lost', why });
    signal.addEventListener('abort', () => this.#giveUp('superseded'), { once: true });
    const sighting = new AbortController();
    this.#seen = null;
    const both = AbortSignal.any([signal, sighting.signal]);
    this.#dispatch({ type: 'ladder', event: { type: 'begin' } });
    void this.#look(room, both);
    try {
      await room.connect(offer.server_url, offer.participant_token, this.#inFallback() ? PATIENT_JOIN_MS : JOIN_MS);
    } catch (error) {
      sighting.abort();
      if (error instanceof ConnectFailure && !signal.aborted) this.#dispatch({ type: 'ladder', event: { type: 'gave-up', signal: error.signal, why: error.message, sightings: this.#seen } });
      throw error;
    }
    void ended.then(() => sighting.abort());
    if (signal.aborted) {
      room.close();
      return 'superseded';
    }
    this.on.room(room);
    this.#dispatch({ type: 'joined', now_ms: now() });
    const end = await ended;
    this.#end = end.cause;
    return end.why;
  }

  #inFallback(): boolean {
    return ['trying', 'open'].includes(this.#state.ladder.legs.vnc.state);
  }

  /** Watches which ways are tried, answer and are taken, for as long as this connection lives. */
  async #look(room: RoomLink, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = sightings(await room.reports() as unknown as Iterable<[string, unknown]>[], room.relayTrouble);
      if (signal.aborted) return;
      this.#seen = seen;
      const there = ['connected', 'recovering'].includes(this.#state.transport.phase);
      if (there) this.#dispatch({ type: 'ladder', event: { type: 'opened', leg: openLeg(seen) } });
      else this.#dispatch({ type: 'ladder', event: { type: 'sighted', sightings: seen, now_ms: now() } });
      await sleep(there ? SETTLED_SIGHT_MS : SIGHT_EVERY_MS, signal);
    }
  }

  /** Refused right after the server had closed the room or put us out: then that is the reason to name. */
  #afterEnd(refusal: Refusal | null): Refusal | null {
    if (refusal !== 'link-used' && refusal !== 'sign-in') return refusal;
    return { deleted: 'ended', removed: 'forbidden', lost: refusal }[this.#end] as Refusal;
  }

  #giveUp: (why: string) => void = () => undefined;

  /** Twice a second: what no event tells us. */
  #supervise(): void {
    const { transport, session, picture } = this.#state;
    const at_ms = now();
    if (transport.phase === 'recovering' && at_ms - this.#recoveringSince_ms > RECOVERY_PATIENCE_MS) this.#giveUp('The media connection did not come back.');
    if (transport.phase !== 'connected' || document.visibilityState !== 'visible') return;
    if (session.agent && !session.displayLost && picture.phase !== 'none') {
      const still_ms = at_ms - Math.max(this.#lastFrame_ms, transport.since_ms);
      if (picture.phase === 'fresh' && still_ms > STALL_MS) this.#dispatch({ type: 'picture-gone' });
      if (still_ms > REJOIN_AFTER_STALL_MS) this.#giveUp('The picture had stalled.');
    }
    if (!session.agent) void this.#ask();
  }

  /** While the agent is away: has the session ended, or come back somewhere else? */
  async #ask(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    const { signal } = this.#run;
    try {
      const told = await this.source.ask(signal);
      if (told === 'ended') {
        this.#dispatch({ type: 'refused', refusal: 'ended' });
        this.#leave();
        this.#run.abort();
      } else if (told) {
        this.#dispatch({ type: 'told', state: told, now_ms: now() });
        const { session, transport } = this.#state;
        const alone_ms = now() - session.since_ms;
        if (told === 'live' && !session.agent && transport.phase === 'connected' && alone_ms > WRONG_ROOM_PATIENCE_MS) this.#giveUp('The session is live elsewhere.');
      }
    } catch (error) {
      const refusal = refusalOf(error);
      if ((refusal === 'ended' || refusal === 'unknown-session') && !signal.aborted) {
        this.#dispatch({ type: 'refused', refusal });
        this.#leave();
        this.#run.abort();
      }
    }
    await sleep(POLL_MS, signal);
    this.#polling = false;
  }
}
