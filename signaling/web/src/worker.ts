/** The worker that reads LiveKit's frame metadata, as an asset of our own (worker-src 'self'). */

import workerUrl from 'livekit-client/frame-metadata-worker?worker&url';

interface TrustedTypePolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedTypePolicy;
}

let policy: TrustedTypePolicy | null = null;

/** The one script address that `require-trusted-types-for 'script'` must let through. */
function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!types) return url;
  policy ??= types.createPolicy('sessioncast', {
    createScriptURL: (candidate) => {
      if (candidate !== workerUrl) throw new TypeError('not one of our workers');
      return candidate;
    },
  });
  return policy.createScriptURL(url);
}

export function metadataWorker(): Worker {
  return new Worker(trusted(workerUrl), { type: 'module' });
}
