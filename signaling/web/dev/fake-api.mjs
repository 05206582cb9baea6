/**
 * A canned shim for looking at the page without the real one: `npm run dev`, or `node dev/serve.mjs`
 * for the built page under its real CSP. Not shipped; knows just enough of the contract.
 *
 * LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET make its offers good for a real livekit-server.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const LIVEKIT_URL = process.env.LIVEKIT_URL ?? 'ws://127.0.0.1:7880';
const API_KEY = process.env.LIVEKIT_API_KEY ?? 'devkey';
const API_SECRET = process.env.LIVEKIT_API_SECRET ?? 'secret';
const KEY = 'dev';
const MANY = Number(process.env.FAKE_SESSIONS ?? 9);
const THUMB = new URL('./thumb.jpg', import.meta.url);

const minutes = (n) => new Date(Date.now() - n * 60_000).toISOString();
const row = (session, state, extra = {}) => ({
  session, kind: 'desktop', state, labels: {}, created_at: minutes(4), size_px: [1280, 720], watching: 0, control: null, recording: false, ...extra,
});
const sessions = new Map(
  [
    row('demo', 'live', { watching: 3, labels: { team: 'web' } }),
    row('browser-checkout-tests', 'live', { kind: 'browser', watching: 1, created_at: minutes(190), control: 'Ana', recording: true }),
    row('waiting', 'waiting', { created_at: minutes(0.2), size_px: null, watching: null }),
    row('gone-for-now', 'reconnecting', { created_at: minutes(3000), watching: 12 }),
    row('last-week', 'ended', { created_at: minutes(9000) }),
    ...Array.from({ length: Math.max(0, MANY - 5) }, (_, i) => row(`build-${i + 1}`, i % 5 === 4 ? 'waiting' : 'live', { created_at: minutes(i * 7), watching: i % 4 })),
  ].map((session) => [session.session, session]),
);

const b64 = (data) => Buffer.from(data).toString('base64url');
function token(room, identity, name) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: API_KEY, sub: identity, name, nbf: now - 5, exp: now + 600, video: { room, roomJoin: true, canPublish: false, canPublishData: false, canSubscribe: true } };
  const body = `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64(JSON.stringify(claims))}`;
  return `${body}.${createHmac('sha256', API_SECRET).update(body).digest('base64url')}`;
}

function send(res, status, body, type = 'application/json') {
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  res.end(type === 'application/json' || type === 'application/problem+json' ? JSON.stringify(body) : body);
}
const problem = (res, status, type, detail) => send(res, status, { type, title: type, status, detail }, 'application/problem+json');

async function readJson(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text ? JSON.parse(text) : {};
}

function offer(session, role) {
  const identity = `viewer-${randomBytes(4).toString('hex')}`;
  return {
    server_url: LIVEKIT_URL, participant_token: token(session.session, identity, 'Guest'), room_name: session.session,
    identity, role, state: session.state, expires_at: new Date(Date.now() + 600_000).toISOString(), fallback: null,
  };
}

/** Resolves with whether the request was one of ours. */
export async function fakeApi(req, res) {
  const path = new URL(req.url, 'http://x').pathname;
  if (!path.startsWith('/api/')) return false;
  const bearer = (req.headers.authorization ?? '').replace('Bearer ', '');
  if (path === '/api/v1/time') return send(res, 200, { unix_us: Date.now() * 1000 }), true;
  if (path === '/api/v1/auth/config') return send(res, 200, { api_key: true, oidc: process.env.FAKE_OIDC ? { issuer: 'https://login.example', client_id: 'x', scope: 'openid', resource: null, bearer: 'id_token', authorization_endpoint: 'https://login.example/auth', token_endpoint: 'https://login.example/token', end_session_endpoint: null } : null }), true;
  if (path === '/api/v1/join') {
    const { secret } = await readJson(req);
    if (secret === 'used') return problem(res, 410, 'link-used', 'This link has been used.'), true;
    return send(res, 201, { ...offer(sessions.get('demo'), 'operator'), grant: 'scg_dev', session: secret === 'waiting' ? 'waiting' : 'demo' }), true;
  }
  if (bearer !== KEY && !bearer.startsWith('scg_')) return problem(res, 401, 'unauthorized', 'A bearer API key is needed.'), true;
  if (path === '/api/v1/sessions' && req.method === 'GET') return send(res, 200, { items: process.env.FAKE_EMPTY ? [] : [...sessions.values()], next: null }), true;
  if (path === '/api/v1/sessions') {
    const { session = 'made-up', kind } = await readJson(req);
    sessions.set(session, row(session, 'waiting', { kind, created_at: minutes(0) }));
    return send(res, 201, { session, room: session, kind, state: 'waiting', agent: { credential: 'sca_Zk3…not-a-real-one', expires_at: minutes(-1440) } }), true;
  }
  const [, name, rest] = /^\/api\/v1\/sessions\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const session = sessions.get(name);
  if (!session) return problem(res, 404, 'session-unknown', 'There is no such session.'), true;
  if (!rest && req.method === 'DELETE') return (session.state = 'ended'), res.writeHead(204).end(), true;
  if (!rest) return send(res, 200, session), true;
  if (rest === '/thumbnail') return send(res, 200, readFileSync(THUMB), 'image/jpeg'), true;
  if (rest === '/usage') return send(res, 200, { session: name, uptime_seconds: 4000 + (Date.now() % 1e6) / 1000, cpu_seconds: { capture: 31, convert: 12, encode: 210, publish: 40, sound: 9, control: 1, record: 0, other: 12, process: 340 + ((Date.now() % 1e6) / 1000) * 0.12 }, bytes_sent: 812e6, watched_seconds: 2900, rss_bytes: 131e6 }), true;
  if (rest === '/participants') return send(res, 200, { items: [{ identity: 'viewer-1', name: 'Ana', role: 'operator', actor: 'person', joined_at: minutes(3) }, { identity: 'viewer-2', name: 'Test agent', role: 'operator', actor: 'ai', joined_at: minutes(2) }, { identity: 'viewer-3', name: 'viewer-3', role: 'observer', actor: 'person', joined_at: minutes(1) }], next: null }), true;
  if (rest === '/join-links' && req.method === 'GET') return send(res, 200, { items: [{ id: 'jl-0a1b2c3d4e5f', role: 'observer', name: 'Ana', created_at: minutes(5), expires_at: minutes(-55), max_uses: 5, uses: 1 }], next: null }), true;
  if (rest === '/join-links') return send(res, 201, { id: 'l1', url: `/sessions/${name}#join=${randomBytes(16).toString('base64url')}` }), true;
  if (rest === '/webrtc/offer') {
    if (session.state === 'ended') return problem(res, 410, 'session-ended', 'This session has ended.'), true;
    return send(res, 201, offer(session, (await readJson(req)).role ?? 'observer')), true;
  }
  return problem(res, 404, 'not-found', 'Nothing here.'), true;
}
