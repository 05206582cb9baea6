/**
 * Where the list comes from. The server's events bring each session that has changed, as it is now;
 * without them (an older server, a proxy that holds streams back, a join link's grant) it is a poll,
 * while somebody looks.
 */

import { ApiError, events, getSession, listSessions } from '../api';
import { apiKey, grantFor, grantedSessions, keepGrant } from '../grants';
import { toSession, type SessionInfo } from '../types';
import { EventParser } from './sse';

export interface FeedHandlers {
  sessions(sessions: SessionInfo[]): void;
  /** The key is not (or no longer) good. */
  refused(): void;
  /** null: all is well again. */
  trouble(words: string | null): void;
  /** Whether the list is live by events, or polled. */
  live?(live: boolean): void;
}

export interface Feed {
  refresh(): void;
  close(): void;
}

const POLL_MS = 3_000;
/** With events: only what an event may have missed. */
const SLOW_POLL_MS = 30_000;
const GATHER_MS = 100;
const SILENCE_MS = 45_000;
const RETRY_MS = 3_000;
const UNKNOWN_RETRY_MS = 300_000;

export function feed(on: FeedHandlers): Feed {
  const gone = new AbortController();
  let known = new Map<string, SessionInfo>();
  let live = false;
  let busy = false;
  let timer = 0;

  async function poll(): Promise<void> {
    clearTimeout(timer);
    if (gone.signal.aborted || busy || document.visibilityState !== 'visible') return;
    busy = true;
    try {
      const sessions = apiKey() ? await listSessions({ bearer: apiKey(), signal: gone.signal }) : await granted();
      if (gone.signal.aborted) return;
      known = new Map(sessions.map((session) => [session.session, session]));
      on.trouble(null);
      on.sessions(sessions);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return on.refused();
      on.trouble(error instanceof ApiError && error.status > 0 ? error.message : 'The server does not answer. Trying again…');
    } finally {
      busy = false;
      if (!gone.signal.aborted) timer = window.setTimeout(() => void poll(), live ? SLOW_POLL_MS : POLL_MS);
    }
  }

  /** Events come in flocks: one drawing shows them all. */
  let gathering = 0;
  function told(session: SessionInfo): void {
    known.set(session.session, session);
    if (gathering) return;
    gathering = window.setTimeout(() => {
      gathering = 0;
      on.sessions([...known.values()]);
    }, GATHER_MS);
  }

  /** One stream after the other, for as long as somebody looks. */
  async function listen(): Promise<void> {
    while (!gone.signal.aborted && apiKey()) {
      let wait_ms = RETRY_MS;
      try {
        if (document.visibilityState === 'visible') await stream();
      } catch (error) {
        // A server without the route: it may be replaced some day.
        if (error instanceof ApiError && [404, 405, 501].includes(error.status)) wait_ms = UNKNOWN_RETRY_MS;
      }
      if (live) {
        live = false;
        on.live?.(false);
        void poll();
      }
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }

  async function stream(): Promise<void> {
    const quiet = new AbortController();
    let silence = 0;
    const heard = (): void => {
      clearTimeout(silence);
      silence = window.setTimeout(() => quiet.abort(), SILENCE_MS);
    };
    const hidden = (): void => { if (document.visibilityState !== 'visible') quiet.abort(); };
    document.addEventListener('visibilitychange', hidden);
    try {
      const body = await events({ bearer: apiKey(), signal: AbortSignal.any([gone.signal, quiet.signal]) });
      const parser = new EventParser();
      const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>).getReader();
      live = true;
      on.live?.(true);
      void poll();
      heard();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        for (const event of parser.push(value)) {
          const session = event.type === 'session' ? rowOf(event.data) : null;
          if (session) told(session);
          else void poll();
        }
      }
    } finally {
      clearTimeout(silence);
      document.removeEventListener('visibilitychange', hidden);
    }
  }

  const visible = (): void => void poll();
  document.addEventListener('visibilitychange', visible);
  void poll();
  void listen();
  return {
    refresh: () => void poll(),
    close() {
      gone.abort();
      clearTimeout(timer);
      clearTimeout(gathering);
      document.removeEventListener('visibilitychange', visible);
    },
  };
}

/** The session as it is now; null for what cannot be read. */
function rowOf(data: string): SessionInfo | null {
  try {
    return toSession(JSON.parse(data));
  } catch {
    return null;
  }
}

/** Without a key: the sessions whose links were opened in this browser. */
async function granted(): Promise<SessionInfo[]> {
  const answers = await Promise.all(grantedSessions().map(async (session) => {
    try {
      return await getSession(session, { bearer: grantFor(session)?.grant ?? null });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) throw error;
      // The grant has died, or its session has: nothing to come back to.
      if ([401, 403, 404, 410].includes(error.status)) keepGrant(session, null);
      return null;
    }
  }));
  return answers.filter((session) => session !== null);
}
