/** The operator's microphone: asked for, measured, published for the agent alone. */

import type { Microphone } from './state';

export interface MicrophoneHandlers {
  changed(microphone: Microphone): void;
  /** 0…1, some twenty times a second while it is on. */
  level(level: number): void;
  /** Resolves when published; null takes it away. */
  publish(track: MediaStreamTrack | null): Promise<void>;
}

const LEVEL_MS = 50;

export class MicrophoneControl {
  #track: MediaStreamTrack | null = null;
  #context: AudioContext | null = null;
  #timer = 0;
  #muted = false;
  #busy = false;

  constructor(readonly on: MicrophoneHandlers) {}

  get open(): boolean {
    return this.#track !== null;
  }

  async start(): Promise<void> {
    if (this.#track || this.#busy) return;
    this.#busy = true;
    this.on.changed({ phase: 'asking' });
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
      const track = stream.getAudioTracks()[0];
      if (!track) throw new Error('no track');
      this.#track = track;
      track.addEventListener('ended', () => void this.stop());
      this.#measure(stream);
      await this.on.publish(track);
      this.#muted = false;
      this.on.changed({ phase: 'on', muted: false });
    } catch (error) {
      this.#release();
      this.on.changed({ phase: 'failed', why: words(error) });
    } finally {
      this.#busy = false;
    }
  }

  async stop(): Promise<void> {
    if (!this.#track) return;
    this.#release();
    this.on.changed({ phase: 'off' });
    await this.on.publish(null).catch(() => undefined);
  }

  /** A muted one stays published and sends silence: speaking again costs no time. */
  setMuted(muted: boolean): void {
    if (!this.#track || muted === this.#muted) return;
    this.#muted = muted;
    this.#track.enabled = !muted;
    this.on.changed({ phase: 'on', muted });
  }

  /** After a new connection: the same microphone again. */
  async republish(): Promise<void> {
    if (this.#track) await this.on.publish(this.#track).catch(() => undefined);
  }

  #measure(stream: MediaStream): void {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#context = context;
    this.#timer = window.setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      const db = 10 * Math.log10(sum / samples.length + 1e-9);
      this.on.level(Math.min(1, Math.max(0, (db + 60) / 50)));
    }, LEVEL_MS);
  }

  #release(): void {
    clearInterval(this.#timer);
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
    this.#track?.stop();
    this.#track = null;
    this.on.level(0);
  }

  close(): void {
    this.#release();
  }
}

function words(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError') return 'The browser does not allow the microphone here: allow it in the address bar';
  if (name === 'NotFoundError') return 'This computer has no microphone';
  if (name === 'NotReadableError') return 'Another program holds the microphone';
  if (!globalThis.isSecureContext) return 'A microphone needs https';
  return 'The microphone could not be opened';
}
