/** The built page with the canned shim, under the CSP that the real shim sends. `node dev/serve.mjs [port]` */
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fakeApi } from './fake-api.mjs';

const DIST = fileURLToPath(new URL('../../src/sessioncast_signaling/web_dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const sfu = new URL(process.env.LIVEKIT_URL ?? 'ws://127.0.0.1:7880');
const CSP = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "worker-src 'self'",
  `connect-src 'self' ${sfu.protocol}//${sfu.host} ${sfu.protocol.replace('ws', 'http')}//${sfu.host}`,
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", 'trusted-types sessioncast',
].join('; ');

createServer(async (req, res) => {
  if (await fakeApi(req, res)) return;
  const path = normalize(new URL(req.url, 'http://x').pathname);
  const file = path.startsWith('/assets/') && existsSync(join(DIST, path)) ? path : path.startsWith('/assets/') ? null : '/index.html';
  if (!file) return res.writeHead(404).end();
  res.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  createReadStream(join(DIST, file)).pipe(res);
}).listen(Number(process.argv[2] ?? 8090), '127.0.0.1', () => console.log(`http://127.0.0.1:${process.argv[2] ?? 8090}/  API key: dev`));
