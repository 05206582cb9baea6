/** The page's workers, as assets of our own (worker-src 'self'). */

import metadataUrl from 'livekit-client/frame-metadata-worker?worker&url';
import delayUrl from './sound/delay.worker?worker&url';

const OURS: readonly string[] = [metadataUrl, delayUrl];

interface TrustedTypePolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedTypePolicy;
}

let policy: TrustedTypePolicy | null = null;

/** The script addresses that `require-trusted-types-for 'script'` must let through. */
function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!types) return url;
  policy ??= types.createPolicy('sessioncast', {
    createScriptURL: (candidate) => {
      if (!OURS.includes(candidate)) throw new TypeError('not one of our workers');
      return candidate;
    },
  });
  return policy.createScriptURL(url);
}

/** Reads LiveKit's frame metadata. */
export const metadataWorker = (): Worker => new Worker(trusted(metadataUrl), { type: 'module' });
/** Delays decoded pictures (sound/delay.ts). */
export const delayWorker = (): Worker => new Worker(trusted(delayUrl), { type: 'module' });
