import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScreenTrack, SoundTrack } from '../src/room';
import { LipSync } from '../src/sound/lipsync';

const RAW = { readyState: 'live' } as MediaStreamTrack;
const LATER = { writable: {}, stop: vi.fn() };

class FakeWorker {
  onerror: (() => void) | null = null;
  readonly postMessage = vi.fn();
  readonly terminate = vi.fn();
}

/** A sound that is loud, with 30 ms in the jitter buffer. */
function loud(): SoundTrack {
  let seconds = 0;
  const stats = (): Promise<RTCStatsReport> => {
    seconds += 1;
    const inbound = { type: 'inbound-rtp', kind: 'audio', jitterBufferDelay: 48_000 * 0.03 * seconds, jitterBufferEmittedCount: 48_000 * seconds, totalAudioEnergy: seconds };
    return Promise.resolve(new Map([['a', inbound]]) as unknown as RTCStatsReport);
  };
  return { media: {} as MediaStreamTrack, stats };
}

describe('lip sync', () => {
  const worker = new FakeWorker();
  const show = vi.fn();
  const delayed = vi.fn();
  let lips: LipSync;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('MediaStreamTrackProcessor', class { readonly readable = {}; });
    vi.stubGlobal('MediaStreamTrackGenerator', function generator() { return LATER; });
    lips = new LipSync({ makeWorker: () => worker as unknown as Worker, show, delayed });
    lips.screen({ media: RAW } as ScreenTrack);
    lips.sound(loud());
  });
  afterEach(() => {
    lips.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.clearAllMocks();
  });

  it('shows the later track while somebody listens who only watches, and the other one at once when not', async () => {
    lips.want(true);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(show).toHaveBeenLastCalledWith(LATER);
    expect(delayed.mock.lastCall?.[0]).toBeGreaterThan(30);
    expect(worker.postMessage).toHaveBeenLastCalledWith({ delay_ms: delayed.mock.lastCall?.[0] });
    lips.want(false);
    expect(show).toHaveBeenLastCalledWith(RAW);
    expect(delayed).toHaveBeenLastCalledWith(0);
    expect(worker.terminate).toHaveBeenCalledOnce();
  });

  it('does nothing for whoever acts', async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(show).not.toHaveBeenCalled();
  });

  it('does nothing where the browser cannot', async () => {
    vi.stubGlobal('MediaStreamTrackGenerator', undefined);
    lips.want(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(show).not.toHaveBeenCalled();
    expect(delayed).not.toHaveBeenCalled();
  });

  it('goes back for good when its worker fails', async () => {
    lips.want(true);
    await vi.advanceTimersByTimeAsync(3_000);
    worker.onerror?.();
    expect(show).toHaveBeenLastCalledWith(RAW);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(show).toHaveBeenLastCalledWith(RAW);
  });
});
