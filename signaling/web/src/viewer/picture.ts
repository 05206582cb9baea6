/**
 * The picture: the video, the canvas that keeps its last frame when it goes, the remote pointer,
 * and their place on the stage.
 */

import { CursorOverlay } from '../cursor';
import { Cleanup, h } from '../ui/dom';
import { place, visibleSize, type Mode, type Placement, type Size } from '../viewport';

export interface PresentedFrame {
  now_ms: number;
  shown_ms: number;
  rtpTimestamp: number | null;
}

export class Picture {
  readonly stage: HTMLElement;
  readonly cursor = new CursorOverlay();
  onFrame: (frame: PresentedFrame) => void = () => undefined;
  onPlacement: (placement: Placement, desktop: Size) => void = () => undefined;

  readonly #video: HTMLVideoElement;
  readonly #last: HTMLCanvasElement;
  readonly #frame: HTMLElement;
  readonly #cleanup = new Cleanup();
  #desktop: Size | null = null;
  #held: Size | null = null;
  #mode: Mode = 'fit';
  #generation = 0;

  constructor() {
    this.#video = h('video', { class: 'picture-video', attrs: { autoplay: true, playsinline: true, disablepictureinpicture: true, 'aria-label': 'The session’s live picture' } });
    this.#video.muted = true;
    this.#last = h('canvas', { class: 'picture-last', attrs: { hidden: true, 'aria-hidden': 'true' } });
    this.#frame = h('div', { class: 'picture-frame' }, this.#video, this.#last, this.cursor.element);
    this.stage = h('div', { class: 'stage', attrs: { 'data-mode': 'fit' } }, this.#frame);
    const observer = new ResizeObserver(() => this.#layout());
    observer.observe(this.stage);
    this.#cleanup.add(() => observer.disconnect());
    this.#cleanup.listen(this.#video, 'resize', () => this.#layout());
    this.#watchPixelRatio();
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** The size that people see: the desktop's own, without padding. */
  get size(): Size | null {
    const video = { width: this.#video.videoWidth, height: this.#video.videoHeight };
    if (video.width && this.#last.hidden) return visibleSize(video, this.#desktop);
    return this.#held ?? (video.width ? visibleSize(video, this.#desktop) : null);
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
    this.stage.dataset['mode'] = mode;
    this.#layout();
  }

  setDesktopSize(size: Size | null): void {
    this.#desktop = size;
    this.#layout();
  }

  show(media: MediaStreamTrack): void {
    const generation = ++this.#generation;
    this.#video.srcObject = new MediaStream([media]);
    void this.#video.play().catch(() => undefined);
    this.#watchFrames(generation);
  }

  /** Keeps the last frame on the stage before its track goes. */
  hold(): void {
    this.#generation += 1;
    const size = this.#last.hidden ? this.size : null;
    if (!size || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.#last.width = size.width;
    this.#last.height = size.height;
    this.#last.getContext('2d')?.drawImage(this.#video, 0, 0);
    this.#held = size;
    this.#last.hidden = false;
    this.#layout();
  }

  async snapshot(): Promise<Blob | null> {
    const size = this.size;
    if (!size) return null;
    const canvas = h('canvas', { attrs: { width: size.width, height: size.height } });
    canvas.getContext('2d')?.drawImage(this.#last.hidden ? this.#video : this.#last, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  }

  close(): void {
    this.#generation += 1;
    this.#cleanup.run();
    this.cursor.close();
    this.#video.srcObject = null;
  }

  #presented(frame: PresentedFrame): void {
    if (!this.#last.hidden) {
      this.#last.hidden = true;
      this.#layout();
    }
    this.onFrame(frame);
  }

  #watchFrames(generation: number): void {
    if (!('requestVideoFrameCallback' in this.#video)) {
      // Old Firefox: no time of each frame, but still the truth about whether one was shown.
      (this.#video as HTMLVideoElement).addEventListener('timeupdate', () => {
        if (generation === this.#generation && this.#video.videoWidth) {
          const now_ms = performance.now();
          this.#presented({ now_ms, shown_ms: now_ms, rtpTimestamp: null });
        }
      });
      return;
    }
    const next = (now_ms: number, frame: VideoFrameCallbackMetadata): void => {
      if (generation !== this.#generation) return;
      this.#presented({ now_ms, shown_ms: frame.expectedDisplayTime, rtpTimestamp: frame.rtpTimestamp ?? null });
      this.#video.requestVideoFrameCallback(next);
    };
    this.#video.requestVideoFrameCallback(next);
  }

  #layout(): void {
    const size = this.size;
    const stage = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    this.#frame.hidden = !size;
    if (!size || !stage.width || !stage.height) return;
    const placement = place(stage, size, this.#mode, devicePixelRatio || 1);
    const { style } = this.#frame;
    style.width = `${placement.width}px`;
    style.height = `${placement.height}px`;
    style.left = `${placement.left}px`;
    style.top = `${placement.top}px`;
    this.#frame.classList.toggle('integer-scale', placement.integer);
    // The padding row or column of an odd desktop hangs over the frame's edge, and is cut off there.
    const scaled = (px: number): string => `${px * placement.scale}px`;
    this.#video.style.width = scaled(this.#video.videoWidth || size.width);
    this.#video.style.height = scaled(this.#video.videoHeight || size.height);
    this.cursor.setScale(placement.scale);
    this.onPlacement(placement, size);
  }

  #watchPixelRatio(): void {
    let query: MediaQueryList;
    const changed = (): void => {
      this.#layout();
      query.removeEventListener('change', changed);
      watch();
    };
    const watch = (): void => {
      query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      query.addEventListener('change', changed);
    };
    watch();
    this.#cleanup.add(() => query.removeEventListener('change', changed));
  }
}
