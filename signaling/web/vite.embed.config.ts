import { defineConfig } from 'vite';

/** `<session-view>` as a file that any page can load, and one that it loads where VNC is needed. It knows nothing of ours but the offer's answer. */
export default defineConfig({
  build: {
    outDir: '../src/sessioncast_signaling/web_dist/embed',
    emptyOutDir: true,
    target: ['chrome116', 'firefox128', 'safari17.4'],
    lib: { entry: 'src/embed.ts', formats: ['es'], fileName: () => 'session-view.js' },
    modulePreload: false,
    minify: 'oxc',
    sourcemap: false,
    chunkSizeWarningLimit: 800,
  },
});
