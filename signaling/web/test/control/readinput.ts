/** docs/protocol.md's rules for topic `input`, as short as they can be said: what the agent takes. */

const whole = (value: unknown, low: number, high: number): boolean => Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
const number = (value: unknown, limit: number): boolean => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= limit;
const place = (x: unknown, y: unknown): boolean => number(x, 100_000) && number(y, 100_000);
const placeOrNull = (x: unknown, y: unknown): boolean => (x === null && y === null) || place(x, y);
const seq = (value: unknown): boolean => whole(value, 0, Number.MAX_SAFE_INTEGER);
const frame = (value: unknown): boolean => whole(value, 0, 2 ** 32 - 1);
const flag = (value: unknown): boolean => value === null || typeof value === 'boolean';
const keysym = (value: unknown): boolean => {
  if (!Number.isInteger(value)) return false;
  const sym = value as number;
  if (sym >= 0x0100_0100 && sym <= 0x0110_ffff) return !(sym >= 0x0100_d800 && sym <= 0x0100_dfff);
  return (sym >= 0x20 && sym <= 0x7e) || (sym >= 0xa0 && sym <= 0xffff) || (sym >= 0x1008_fe00 && sym <= 0x1008_ffff);
};

const KINDS: Record<string, (m: unknown[]) => boolean> = {
  move: ([s, x, y, f, ...more]) => seq(s) && place(x, y) && frame(f) && !more.length,
  rel: ([s, dx, dy, ...more]) => seq(s) && number(dx, 10_000) && number(dy, 10_000) && !more.length,
  button: ([s, b, d, x, y, f, ...more]) => seq(s) && whole(b, 0, 4) && typeof d === 'boolean' && placeOrNull(x, y) && frame(f) && !more.length,
  wheel: ([s, dx, dy, x, y, f, ...more]) => seq(s) && number(dx, 10_000) && number(dy, 10_000) && placeOrNull(x, y) && frame(f) && !more.length,
  key: ([k, d, c, ...more]) => keysym(k) && typeof d === 'boolean' && typeof c === 'string' && /^[A-Za-z0-9]{0,32}$/.test(c) && !more.length,
  text: ([t, ...more]) => typeof t === 'string' && [...t].length >= 1 && [...t].length <= 1_000 && !/[^\P{Cc}\n\t\r]/u.test(t) && !/\p{Cs}/u.test(t) && !more.length,
  touch: ([s, p, f, fr, ...more]) => seq(s) && ['start', 'move', 'end', 'cancel'].includes(p as string) && fingers(p as string, f) && frame(fr) && !more.length,
  beat: ([k, b, c, n, ...more]) => Array.isArray(k) && k.length <= 64 && k.every(keysym) && Array.isArray(b) && b.every((one) => whole(one, 0, 4)) && flag(c) && flag(n) && c !== undefined && n !== undefined && !more.length,
  reset: (more) => more.length === 0,
};

function fingers(phase: string, value: unknown): boolean {
  if (!Array.isArray(value) || value.length > 10 || (value.length === 0 && (phase === 'start' || phase === 'move'))) return false;
  const ids = new Set(value.map((one) => (Array.isArray(one) ? one[0] : null)));
  return ids.size === value.length && value.every((one) => Array.isArray(one) && one.length === 3 && seq(one[0]) && place(one[1], one[2]));
}

export function readInput(raw: string): boolean {
  if (new TextEncoder().encode(raw).length > 8_192) return false;
  let message: unknown;
  try {
    message = JSON.parse(raw);
  } catch {
    return false;
  }
  // JSON.parse reads 1.0 as 1; the agent does not, and JSON.stringify never writes it.
  if (!Array.isArray(message) || message[0] !== 1 || /^\[1\./.test(raw)) return false;
  const rule = Object.hasOwn(KINDS, String(message[1])) && typeof message[1] === 'string' ? KINDS[message[1]] : undefined;
  return rule ? rule(message.slice(2)) : false;
}
