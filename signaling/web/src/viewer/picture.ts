/**
 * The picture: the video, the canvas that keeps its last frame when it goes, the remote pointer,
 * and their place on the stage.
 */

import { WHOLE, keepInside, toPixel, zoomAbout, type View } from '../control/geometry';
import type { Point } from '../control/messages';
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
  /** The picture's own rectangle on the stage: what input listens on, and where overlays lie. */
  readonly frame: HTMLElement;
  readonly #cleanup = new Cleanup();
  #desktop: Size | null = null;
  #held: Size | null = null;
  #mode: Mode = 'fit';
  #generation = 0;
  #view: View = WHOLE;
  #placement: Placement | null = null;

  constructor() {
    this.#video = h('video', { class: 'picture-video', attrs: { autoplay: true, playsinline: true, disablepictureinpicture: true, 'aria-label': 'The session’s live picture' } });
    this.#video.muted = true;
    this.#last = h('canvas', { class: 'picture-last', attrs: { hidden: true, 'aria-hidden': 'true' } });
    this.frame = h('div', { class: 'picture-frame' }, this.#video, this.#last, this.cursor.element);
    this.stage = h('div', { class: 'stage', attrs: { 'data-mode': 'fit' } }, this.frame);
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

  /** As it lies on the stage now; null before there is a picture. */
  get placement(): Placement | null {
    return this.#placement;
  }

  get video(): HTMLVideoElement {
    return this.#video;
  }

  get zoomed(): boolean {
    return this.#view !== WHOLE;
  }

  /** A point of the page → a pixel of the desktop, its edge for what lies outside; null before there is a picture. */
  toPixel(clientX: number, clientY: number): Point | null {
    const size = this.size;
    if (!size || !this.#placement) return null;
    const corner = this.frame.getBoundingClientRect();
    return toPixel(clientX - corner.left, clientY - corner.top, this.#placement.scale, size);
  }

  /** Pinch: by a factor about a point of the page, and shifted along. */
  zoom(factor: number, at: Point, shift: Point): void {
    const fitted = this.#fitted();
    if (!fitted) return;
    if (this.#mode === 'actual') return this.stage.scrollBy(-shift.x, -shift.y);
    const corner = this.stage.getBoundingClientRect();
    const stage = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    const from = { x: at.x - corner.left - stage.width / 2, y: at.y - corner.top - stage.height / 2 };
    this.#view = zoomAbout(this.#view, factor, from, shift, fitted, stage);
    this.#layout();
  }

  /** Shifts a zoomed view so that this pixel of the desktop can be seen. */
  reveal(pixel: Point): void {
    if (!this.#placement || !this.zoomed) return;
    const { scale, left, top } = this.#placement;
    const margin = 48;
    const off = (at: number, size: number): number => (at < margin ? margin - at : at > size - margin ? size - margin - at : 0);
    const shift = { x: off(left + pixel.x * scale, this.stage.clientWidth), y: off(top + pixel.y * scale, this.stage.clientHeight) };
    if (shift.x || shift.y) this.zoom(1, { x: 0, y: 0 }, shift);
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
    this.#view = WHOLE;
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
    this.frame.hidden = !size;
    if (!size || !stage.width || !stage.height) return;
    const fitted = place(stage, size, this.#mode, devicePixelRatio || 1);
    this.#view = this.zoomed ? keepInside(this.#view, fitted, stage) : WHOLE;
    const placement = this.zoomed ? zoomed(fitted, this.#view, stage) : fitted;
    this.#placement = placement;
    const { style } = this.frame;
    style.width = `${placement.width}px`;
    style.height = `${placement.height}px`;
    style.left = `${placement.left}px`;
    style.top = `${placement.top}px`;
    this.frame.classList.toggle('integer-scale', placement.integer);
    // The padding row or column of an odd desktop hangs over the frame's edge, and is cut off there.
    const scaled = (px: number): string => `${px * placement.scale}px`;
    this.#video.style.width = scaled(this.#video.videoWidth || size.width);
    this.#video.style.height = scaled(this.#video.videoHeight || size.height);
    this.cursor.setScale(placement.scale);
    this.onPlacement(placement, size);
  }

  #fitted(): Placement | null {
    const size = this.size;
    return size ? place({ width: this.stage.clientWidth, height: this.stage.clientHeight }, size, 'fit', devicePixelRatio || 1) : null;
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

function zoomed(fitted: Placement, view: View, stage: Size): Placement {
  const width = fitted.width * view.zoom;
  const height = fitted.height * view.zoom;
  return {
    scale: fitted.scale * view.zoom, width, height, integer: false,
    left: (stage.width - width) / 2 + view.panX,
    top: (stage.height - height) / 2 + view.panY,
  };
}
