/** WebRTC's own counters of the screen track, as rates over the time between two readings. */

import { entriesOf, inbound as inboundOf, num, type Entry, type Report } from './reports';

export interface Reading {
  at_ms: number;
  framesDecoded: number;
  bytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  width: number;
  height: number;
  rtt_ms: number | null;
  path: string | null;
  decoder: string | null;
}

export interface Rates {
  fps: number;
  kbps: number;
  /** Share of packets lost, 0–1; null while none were expected. */
  loss: number | null;
  width: number;
  height: number;
  rtt_ms: number | null;
  path: string | null;
  decoder: string | null;
}

const str = (value: unknown): string => (typeof value === 'string' ? value : '');

export function readReport(report: Report): Reading | null {
  const entries = entriesOf(report);
  const inbound = inboundOf(entries, 'video');
  if (!inbound) return null;
  const transport = entries.get(str(inbound['transportId']));
  const pair =
    entries.get(str(transport?.['selectedCandidatePairId'])) ??
    [...entries.values()].find((entry) => entry.type === 'candidate-pair' && entry['nominated'] === true && entry['state'] === 'succeeded');
  const rtt = pair?.['currentRoundTripTime'];
  return {
    at_ms: num(inbound['timestamp']),
    framesDecoded: num(inbound['framesDecoded']),
    bytesReceived: num(inbound['bytesReceived']),
    packetsReceived: num(inbound['packetsReceived']),
    packetsLost: num(inbound['packetsLost']),
    width: num(inbound['frameWidth']),
    height: num(inbound['frameHeight']),
    rtt_ms: typeof rtt === 'number' ? rtt * 1000 : null,
    path: pair ? pathName(entries.get(str(pair['localCandidateId'])), entries.get(str(pair['remoteCandidateId']))) : null,
    decoder: str(inbound['decoderImplementation']) || null,
  };
}

function pathName(local: Entry | undefined, remote: Entry | undefined): string {
  const protocol = (str(local?.['protocol']) || 'udp').toUpperCase();
  // A relay whose outer address differs from its socket's makes it a peer-reflexive candidate.
  const relay = str(local?.['relayProtocol']).toUpperCase();
  if (relay || local?.['candidateType'] === 'relay') return relay ? `TURN over ${relay}` : 'TURN';
  return remote?.['candidateType'] === 'relay' ? `${protocol} (relayed)` : protocol;
}

export function rates(before: Reading, after: Reading): Rates | null {
  const seconds = (after.at_ms - before.at_ms) / 1000;
  // Counters start again with a new connection.
  if (seconds <= 0 || after.bytesReceived < before.bytesReceived) return null;
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  const expected = lost + Math.max(0, after.packetsReceived - before.packetsReceived);
  return {
    fps: Math.max(0, after.framesDecoded - before.framesDecoded) / seconds,
    kbps: ((after.bytesReceived - before.bytesReceived) * 8) / 1000 / seconds,
    loss: expected > 0 ? lost / expected : null,
    width: after.width,
    height: after.height,
    rtt_ms: after.rtt_ms,
    path: after.path,
    decoder: after.decoder,
  };
}
