/**
 * Where the list comes from. Today a poll while somebody looks; server-sent events (issue 7) become
 * another `Feed` with the same three callbacks.
 */

import { ApiError, getSession, listSessions } from '../api';
import { apiKey, grantFor, grantedSessions, keepGrant } from '../grants';
import type { SessionInfo } from '../types';

export interface FeedHandlers {
  sessions(sessions: SessionInfo[]): void;
  /** The key is not (or no longer) good. */
  refused(): void;
  /** null: all is well again. */
  trouble(words: string | null): void;
}

export interface Feed {
  refresh(): void;
  close(): void;
}

const POLL_MS = 3_000;

export function pollFeed(on: FeedHandlers): Feed {
  let closed = false;
  let busy = false;
  let timer = 0;

  async function poll(): Promise<void> {
    clearTimeout(timer);
    if (closed || busy || document.visibilityState !== 'visible') return;
    busy = true;
    try {
      const sessions = apiKey() ? await listSessions({ bearer: apiKey() }) : await granted();
      if (!closed) {
        on.trouble(null);
        on.sessions(sessions);
      }
    } catch (error) {
      if (closed) return;
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return on.refused();
      on.trouble(error instanceof ApiError && error.status > 0 ? error.message : 'The server does not answer. Trying again…');
    } finally {
      busy = false;
      if (!closed) timer = window.setTimeout(() => void poll(), POLL_MS);
    }
  }

  const visible = (): void => void poll();
  document.addEventListener('visibilitychange', visible);
  void poll();
  return {
    refresh: () => void poll(),
    close() {
      closed = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', visible);
    },
  };
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
