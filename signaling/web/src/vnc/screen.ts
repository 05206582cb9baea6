/** noVNC on a stage of ours. This module and noVNC are loaded when somebody needs them, not before. */

import RFB from '@novnc/novnc';
import { CursorOverlay } from '../cursor';
import { h } from '../ui/dom';
import type { VncStream } from './stream';

export interface ScreenHandlers {
  /** A picture is really there. */
  shown(): void;
  /** A program of the session copied text. */
  copied(text: string): void;
}

const LOOK_MS = 60;
/** Sharp enough for text; the H.264 path does not read it. */
const QUALITY = 7;

export class VncScreen {
  readonly element: HTMLElement;
  readonly cursor = new CursorOverlay();
  readonly #rfb: RFB;
  readonly #pointer: HTMLElement;
  readonly #observer = new ResizeObserver(() => this.#layout());
  #look: ReturnType<typeof setInterval> | null = null;
  #canvas: HTMLCanvasElement | null = null;
  #over = false;

  constructor(stream: VncStream, on: ScreenHandlers) {
    const target = h('div', { class: 'vnc-screen' });
    this.#pointer = h('div', { class: 'vnc-pointer' }, this.cursor.element);
    this.element = h('div', { class: 'vnc-stage', attrs: { 'data-mode': 'fit', 'data-steers': 'no' } }, target, this.#pointer);
    this.#rfb = new RFB(target, stream, { shared: true });
    this.#rfb.background = 'transparent';
    this.#rfb.qualityLevel = QUALITY;
    this.#rfb.scaleViewport = true;
    this.#rfb.viewOnly = true;
    this.#rfb.addEventListener('clipboard', (event) => on.copied(String((event as CustomEvent<{ text: unknown }>).detail.text)));
    // A failure inside of noVNC closes the stream, which says so; this keeps it from waiting for passwords.
    this.#rfb.addEventListener('credentialsrequired', () => this.#rfb.disconnect());
    this.#rfb.addEventListener('disconnect', () => { this.#over = true; });
    this.#look = setInterval(() => this.#see(on), LOOK_MS);
  }

  /** The desktop's size, once it is known. */
  get size(): { width: number; height: number } | null {
    const canvas = this.#canvas;
    return canvas && canvas.width ? { width: canvas.width, height: canvas.height } : null;
  }

  /** Keys, pointer and clipboard go to the session, or stay here. */
  setInput(on: boolean): void {
    if (this.#rfb.viewOnly === !on) return;
    this.#rfb.viewOnly = !on;
    if (on && this.element.contains(document.activeElement)) this.focus();
  }

  /** Whoever has control sees the pointer under the own hand; the others see where it is. */
  setSteers(on: boolean): void {
    this.element.dataset['steers'] = on ? 'yes' : 'no';
  }

  setMode(mode: 'fit' | 'actual'): void {
    this.element.dataset['mode'] = mode;
    this.#rfb.scaleViewport = mode === 'fit';
    this.#layout();
  }

  setResize(on: boolean): void {
    this.#rfb.resizeSession = on;
  }

  focus(): void {
    this.#rfb.focus({ preventScroll: true });
  }

  paste(text: string): void {
    this.#rfb.clipboardPasteFrom(text);
  }

  sendCtrlAltDel(): void {
    this.#rfb.sendCtrlAltDel();
  }

  async snapshot(): Promise<Blob | null> {
    return new Promise((resolve) => (this.#canvas ? this.#canvas.toBlob(resolve, 'image/png') : resolve(null)));
  }

  /** The last picture stays on the stage until its element is taken away. */
  close(): void {
    if (this.#look) clearInterval(this.#look);
    const canvas = this.#canvas;
    if (canvas?.width && !this.#look) {
      const last = h('canvas', { class: 'vnc-last', attrs: { width: canvas.width, height: canvas.height, 'aria-hidden': 'true' } });
      last.getContext('2d')?.drawImage(canvas, 0, 0);
      this.element.append(last);
    }
    this.#look = null;
    this.#observer.disconnect();
    this.cursor.close();
    if (!this.#over) this.#rfb.disconnect(); // it calls a second one an error
  }

  /** noVNC tells nobody of its first picture: its canvas is transparent until then. */
  #see(on: ScreenHandlers): void {
    const canvas = this.element.querySelector('canvas:not(.remote-cursor)') as HTMLCanvasElement | null;
    if (!canvas?.width) return;
    if (canvas !== this.#canvas) {
      this.#canvas = canvas;
      canvas.classList.add('vnc-canvas');
      canvas.setAttribute('aria-label', 'The session’s picture over VNC');
      this.#observer.observe(canvas);
      this.#observer.observe(this.element);
      this.#layout();
    }
    const dot = h('canvas', { attrs: { width: 1, height: 1 } }).getContext('2d');
    dot?.drawImage(canvas, canvas.width >> 1, canvas.height >> 1, 1, 1, 0, 0, 1, 1);
    if (!dot || dot.getImageData(0, 0, 1, 1).data[3] === 0) return;
    if (this.#look) clearInterval(this.#look);
    this.#look = null;
    this.#layout();
    on.shown();
  }

  #layout(): void {
    const canvas = this.#canvas;
    if (!canvas?.width) return;
    const box = canvas.getBoundingClientRect();
    const stage = this.element.getBoundingClientRect();
    this.#pointer.style.transform = `translate(${box.left - stage.left}px, ${box.top - stage.top}px)`;
    this.cursor.setScale(box.width / canvas.width);
  }
}
