/** The stats overlay. Every number says in its tool tip how it is measured. */

import { WINDOW_S, type LatencySummary } from '../latency';
import { ladderLines, noLadder, pathWords, type Ladder } from '../ladder';
import type { Rates } from '../stats';
import { h, setText } from '../ui/dom';

const PATH_TIP = 'How the picture travels: UDP directly, over TCP, relayed by a TURN server, or by the VNC fallback.';
const ROWS = [
  ['photon', 'Input to photon', 'From a key, click or wheel step sent by this page to the moment the browser shows the next picture that differs: median of the last 60 s. Measured while these statistics are open and you have control. On a screen that changes by itself it is the next change, whatever made it.'],
  ['resolution', 'Resolution', 'Width and height of the decoded video. Even sides only: an odd desktop is padded by one pixel, which is cut off here.'],
  ['fps', 'Frames', 'Frames decoded per second, counted by the browser over the last second. A still screen sends only a few: nothing changed.'],
  ['bitrate', 'Bitrate', 'Bytes of the video track received over the last second, without packet headers.'],
  ['rtt', 'Round trip', 'To the media server and back, measured by the browser’s connectivity checks.'],
  ['loss', 'Loss', 'Share of the video’s packets that did not arrive in the last second. Most are sent again.'],
  ['path', 'Path', PATH_TIP],
  ['delay', 'Waits for sound', 'Sound comes later than a picture, by what the browser keeps of it against gaps. While there is sound to hear and you only watch, the picture waits for it; with control, muted, or in a silence it does not.'],
  ['decoder', 'Decoder', 'The decoder that the browser chose.'],
] as const;

const LATENCY_TIP = 'From the capture of a change on the desktop to the moment the browser shows that frame. A still screen has none to measure. Both clocks are compared with the server’s.';
const MEASURE_TIP = 'Reads the capture time out of every frame. The reader is fixed when the connection is made, so switching this rejoins once; the last picture stays meanwhile. In Chromium the reading itself makes each frame up to 16 ms later.';

export interface StatsPanel {
  element: HTMLElement;
  setRates(rates: Rates | null): void;
  setLatency(summary: LatencySummary | null, perSecond: readonly number[], error_ms: number | null): void;
  setMeasure(on: boolean): void;
  setPhoton(summary: LatencySummary | null): void;
  /** How long pictures wait for their sound. */
  setDelay(delay_ms: number): void;
  setLadder(ladder: Ladder): void;
}

export function statsPanel(onMeasure: (on: boolean) => void): StatsPanel {
  const values = new Map<string, HTMLElement>();
  const row = (key: string, label: string, tip: string): HTMLElement => {
    const value = h('span', { class: 'stat-value', text: '–' });
    values.set(key, value);
    return h('div', { class: 'stat', attrs: { tabindex: 0, 'data-tip': tip, role: 'group', 'aria-label': label } }, h('span', { class: 'stat-label', text: label }), value);
  };
  const spark = h('canvas', { class: 'spark', attrs: { role: 'img', 'aria-label': 'Glass-to-glass latency, p95 of each of the last 60 seconds' } });
  const toggle = h('button', { class: 'switch', attrs: { type: 'button', role: 'switch', 'aria-checked': 'false', 'data-tip': MEASURE_TIP } }, h('span', { class: 'switch-knob', attrs: { 'aria-hidden': 'true' } }), h('span', { text: 'Measure latency' }));
  let measuring = false;
  let ladder = noLadder;
  let path: string | null = null;
  const putPath = (): void => {
    const shown = path ?? (ladder.legs.vnc.state === 'open' ? 'VNC fallback' : null);
    put('path', shown ? pathWords(shown, ladder) : '–');
  };
  toggle.addEventListener('click', () => onMeasure(!measuring));
  const latency = h(
    'div', { class: 'latency', attrs: { hidden: true } },
    h('div', { class: 'latency-rows' },
      row('now', 'Glass to glass', `${LATENCY_TIP} This is the latest frame.`),
      row('p50', 'p50', 'Half of the frames of the last 60 s were quicker than this.'),
      row('p95', 'p95', 'Of 20 frames in the last 60 s, 19 were quicker than this.')),
    spark,
    h('div', { class: 'spark-scale' }, h('span', { text: '60 s ago' }), h('span', { class: 'spark-top' }), h('span', { text: 'now' })),
  );
  const top = latency.querySelector<HTMLElement>('.spark-top')!;
  const element = h('section', { class: 'stats', attrs: { 'aria-label': 'Statistics', 'data-tips': 'left', hidden: true } }, h('div', { class: 'stats-rows' }, ...ROWS.map(([key, label, tip]) => row(key, label, tip))), latency, toggle);
  const put = (key: string, text: string): void => setText(values.get(key)!, text);

  const show = (key: string, shown: boolean): void => { values.get(key)!.parentElement!.hidden = !shown; };

  for (const key of ['photon', 'delay']) show(key, false);
  return {
    element,
    setRates(rates) {
      put('resolution', rates?.width ? `${rates.width} × ${rates.height}` : '–');
      put('fps', rates ? `${rates.fps.toFixed(rates.fps < 10 ? 1 : 0)} fps` : '–');
      put('bitrate', rates ? bitrate(rates.kbps) : '–');
      put('rtt', rates?.rtt_ms == null ? '–' : milliseconds(rates.rtt_ms));
      put('loss', rates?.loss == null ? '–' : `${(rates.loss * 100).toFixed(rates.loss > 0 && rates.loss < 0.01 ? 2 : 1)} %`);
      path = rates?.path ?? null;
      putPath();
      put('decoder', rates?.decoder ?? '–');
      // Browsers hide it from pages that capture nothing.
      show('decoder', Boolean(rates?.decoder));
    },
    setLatency(summary, perSecond, error_ms) {
      put('now', summary ? milliseconds(summary.now_ms) : 'no change yet');
      put('p50', summary ? milliseconds(summary.p50_ms) : '–');
      put('p95', summary ? milliseconds(summary.p95_ms) : '–');
      const now = values.get('now')!.parentElement!;
      now.dataset['tip'] = error_ms === null ? `${LATENCY_TIP} The server’s clock is not known yet.` : `${LATENCY_TIP} This is the latest frame; the clocks agree to ± ${error_ms.toFixed(1)} ms.`;
      const peak = drawSpark(spark, perSecond);
      setText(top, peak ? `peak ${milliseconds(peak)}` : '');
    },
    setPhoton(summary) {
      show('photon', summary !== null);
      if (summary) put('photon', `${milliseconds(summary.p50_ms)} (p95 ${milliseconds(summary.p95_ms)})`);
    },
    setDelay(delay_ms) {
      show('delay', delay_ms > 0);
      put('delay', milliseconds(delay_ms));
    },
    setLadder(now) {
      if (now === ladder) return;
      ladder = now;
      values.get('path')!.parentElement!.dataset['tip'] = [PATH_TIP, ...ladderLines(ladder)].join(' · ');
      putPath();
    },
    setMeasure(on) {
      measuring = on;
      toggle.setAttribute('aria-checked', String(on));
      latency.hidden = !on;
    },
  };
}

export const milliseconds = (ms: number): string => (ms < 9.95 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);
export const bitrate = (kbps: number): string => (kbps >= 1000 ? `${(kbps / 1000).toFixed(kbps < 10_000 ? 2 : 1)} Mb/s` : `${Math.round(kbps)} kb/s`);

function drawSpark(canvas: HTMLCanvasElement, values: readonly number[]): number {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width) return 0;
  if (canvas.width !== Math.round(width * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  if (!context) return 0;
  const style = getComputedStyle(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const known = values.filter(Number.isFinite);
  const peak = known.length ? Math.max(...known) : 0;
  const ceiling = Math.max(20, peak * 1.15);
  const step = width / WINDOW_S;
  context.fillStyle = style.color;
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    const bar = Math.max(1, (value / ceiling) * (height - 1));
    context.fillRect(index * step, height - bar, Math.max(1, step - 1), bar);
  });
  return peak;
}
