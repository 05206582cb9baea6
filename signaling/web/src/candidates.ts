/** What the browser's own ICE counters say about each way (ladder.ts). Pure: a report in, numbers out. */

import type { MediaLeg, Sighting, Sightings } from './ladder';
import { entriesOf, num, type Entry, type Report } from './reports';

const nothing = (): Sightings => ({
  udp: { there: false, asked: 0, answered: 0, open: false },
  tcp: { there: false, asked: 0, answered: 0, open: false },
  turn: { there: false, asked: 0, answered: 0, open: false },
});

function legOf(local: Entry | undefined): MediaLeg {
  // A relay whose outer address differs from its socket's makes it a peer-reflexive candidate.
  if (local?.['candidateType'] === 'relay' || local?.['relayProtocol']) return 'turn';
  return local?.['protocol'] === 'tcp' ? 'tcp' : 'udp';
}

/** `relayTrouble` is what the browser said when it gathered relay candidates, if anything. */
export function sightings(reports: readonly Report[], relayTrouble: string | null = null): Sightings {
  const seen = nothing();
  for (const report of reports) {
    const entries = entriesOf(report);
    const selected = new Set([...entries.values()].filter((entry) => entry.type === 'transport').map((entry) => entry['selectedCandidatePairId']));
    for (const pair of entries.values()) {
      if (pair.type !== 'candidate-pair') continue;
      const way = seen[legOf(entries.get(String(pair['localCandidateId'])))];
      way.there = true;
      way.asked += num(pair['requestsSent']);
      way.answered += num(pair['responsesReceived']);
      if (pair['state'] === 'succeeded' && (selected.has(pair.id) || pair['selected'] === true || pair['nominated'] === true)) way.open = true;
    }
    for (const entry of entries.values()) {
      if (entry.type === 'local-candidate' && entry['candidateType'] === 'relay') seen.turn.there = true;
    }
  }
  if (relayTrouble && !seen.turn.there) seen.turn.trouble = relayTrouble;
  return seen;
}

/** The best way that is open. */
export function openLeg(seen: Sightings): MediaLeg | null {
  return (['udp', 'tcp', 'turn'] as const).find((leg) => seen[leg].open) ?? null;
}

export interface CandidateError {
  url: string;
  errorCode: number;
  errorText: string;
}

/** An `icecandidateerror`, as a sentence; null for what concerns no relay (a STUN server that is silent). */
export function relayWords({ url, errorCode, errorText }: CandidateError): string | null {
  if (!/^turns?:/.test(url)) return null;
  const host = url.replace(/^turns?:/, '').replace(/\?.*$/, '');
  if (errorCode === 401 || errorCode === 403 || errorCode === 431) return `The TURN relay ${host} refused our credentials (${errorCode}).`;
  if (errorCode >= 300 && errorCode < 700) return `The TURN relay ${host} refused: ${errorText || errorCode}.`;
  return `The TURN relay ${host} cannot be reached.`;
}

export type { Sighting };
