/** What is common to all who read the browser's WebRTC statistics. Pure. */

/** A report, as `RTCStatsReport` gives it to who iterates. */
export type Report = Iterable<[string, unknown]>;
export type Entry = Record<string, unknown> & { id: string; type: string };

export const num = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

export function entriesOf(report: Report): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [id, entry] of report) entries.set(id, entry as Entry);
  return entries;
}

/** What was received of the track of this kind, in a report of one track. */
export function inbound(entries: Map<string, Entry>, kind: 'audio' | 'video'): Entry | undefined {
  return [...entries.values()].find((entry) => entry.type === 'inbound-rtp' && entry['kind'] === kind);
}
