import { defineConfig } from 'vite';

/** `<session-view>` as one file that any page can load and copy, noVNC in it; it knows nothing of ours but the offer's answer. */
export default defineConfig({
  build: {
    outDir: '../src/sessioncast_signaling/web_dist/embed',
    emptyOutDir: true,
    target: ['chrome116', 'firefox128', 'safari17.4'],
    lib: { entry: 'src/embed.ts', formats: ['es'], fileName: () => 'session-view.js' },
    rolldownOptions: { output: { codeSplitting: false } },
    minify: 'oxc',
    sourcemap: false,
    chunkSizeWarningLimit: 1_000,
  },
});
