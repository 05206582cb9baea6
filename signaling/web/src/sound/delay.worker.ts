/** Hands decoded pictures on after a while, in their order: the inside of delay.ts. */

/** Once: where pictures come from and go to. */
export interface Ends {
  readable: ReadableStream<VideoFrame>;
  writable: WritableStream<VideoFrame>;
}
export interface SetDelay {
  delay_ms: number;
}

/** What of a worker's scope is used here (the page's own types are the DOM's). */
const scope = globalThis as unknown as { onmessage: (event: { data: Ends | SetDelay }) => void };
/** A timer's own imprecision: what is due this soon goes now. */
const SOON_MS = 0.5;

let delay_ms = 0;
let writer: WritableStreamDefaultWriter<VideoFrame> | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;
const waiting: { picture: VideoFrame; due_ms: number }[] = [];

scope.onmessage = ({ data }) => {
  if ('delay_ms' in data) return setDelay(data.delay_ms);
  writer = data.writable.getWriter();
  void read(data.readable.getReader());
};

/** Also for what waits already; none is overtaken by what comes later. */
function setDelay(next_ms: number): void {
  delay_ms = next_ms;
  const latest_ms = performance.now() + delay_ms;
  for (const each of waiting) each.due_ms = Math.min(each.due_ms, latest_ms);
  if (timer !== null) clearTimeout(timer);
  timer = null;
  arm();
}

async function read(pictures: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
  for (;;) {
    const { done, value } = await pictures.read();
    if (done) return;
    waiting.push({ picture: value, due_ms: performance.now() + delay_ms });
    arm();
  }
}

function arm(): void {
  const first = waiting[0];
  if (timer === null && first) timer = setTimeout(release, Math.max(0, first.due_ms - performance.now()));
}

function release(): void {
  timer = null;
  const now_ms = performance.now() + SOON_MS;
  for (let first = waiting[0]; first && first.due_ms <= now_ms; first = waiting[0]) {
    waiting.shift();
    // The writer closes it; one that it refuses is closed here, for pictures are few and large.
    const { picture } = first;
    void writer?.write(picture).catch(() => picture.close());
  }
  arm();
}
