import { defineConfig, type Plugin } from 'vite';
import { fakeApi } from './dev/fake-api.mjs';

/** `npm run dev` without a shim: the canned API of dev/. With SHIM_URL set, the real one is proxied. */
const shim = process.env['SHIM_URL'];

function devApi(): Plugin {
  return {
    name: 'sessioncast-dev-api',
    configureServer(server) {
      if (!shim) server.middlewares.use((req, res, next) => void fakeApi(req, res).then((done) => done || next()));
    },
  };
}

export default defineConfig({
  plugins: [devApi()],
  server: shim ? { proxy: { '/api': { target: shim } } } : {},
  worker: { format: 'es' },
  build: {
    outDir: '../src/sessioncast_signaling/web_dist',
    emptyOutDir: true,
    target: ['chrome116', 'firefox128', 'safari17.4'],
    // Nothing inline: the page runs under `default-src 'none'`, data: URIs included.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    sourcemap: false,
    // livekit-client alone is more than the default; the budget that counts is 400 kB compressed.
    chunkSizeWarningLimit: 800,
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
