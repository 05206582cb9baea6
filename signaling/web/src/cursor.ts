/**
 * The remote pointer: topic `cursor` (docs/protocol.md) drawn as an overlay in desktop coordinates, or worn by
 * the page's own pointer where that is the one that moves it. Never both, never none.
 * Parsing is pure; the drawing is one small canvas moved by a transform.
 */

import { cssCursor } from './control/csscursor';

export type CursorMessage =
  | { type: 'img'; hash: string; width: number; height: number; hotX: number; hotY: number; png: Uint8Array<ArrayBuffer> }
  | { type: 'pos'; seq: number; x: number; y: number; hash: string; visible: boolean };

const MAX_SIDE_PX = 512;
const MAX_PNG_BYTES = 262_144;
const MAX_SHAPES = 48;

const whole = (value: unknown, low: number, high: number): value is number => typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high;

/** null for anything that is not a cursor message: a bad packet changes nothing. */
export function parseCursor(payload: Uint8Array): CursorMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return null;
  }
  if (!Array.isArray(message)) return null;
  if (message[0] === 'img') {
    const [, hash, width, height, hotX, hotY, base64] = message as unknown[];
    if (typeof hash !== 'string' || !whole(width, 1, MAX_SIDE_PX) || !whole(height, 1, MAX_SIDE_PX)) return null;
    if (!whole(hotX, -MAX_SIDE_PX, MAX_SIDE_PX) || !whole(hotY, -MAX_SIDE_PX, MAX_SIDE_PX) || typeof base64 !== 'string') return null;
    const png = decodeBase64(base64);
    return png ? { type: 'img', hash, width, height, hotX, hotY, png } : null;
  }
  if (message[0] === 'pos') {
    const [, seq, x, y, hash, visible] = message as unknown[];
    if (!whole(seq, 0, Number.MAX_SAFE_INTEGER) || !whole(x, -65_536, 65_536) || !whole(y, -65_536, 65_536) || typeof hash !== 'string') return null;
    return { type: 'pos', seq, x, y, hash, visible: visible === true || visible === 1 };
  }
  return null;
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> | null {
  if (base64.length > (MAX_PNG_BYTES * 4) / 3) return null;
  try {
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch {
    return null;
  }
}

export interface Shape {
  width: number;
  height: number;
  hotX: number;
  hotY: number;
  bitmap: ImageBitmap | null;
}

/** A pointer smaller than this share of its size cannot be seen on a phone. */
const MIN_SCALE = 0.6;

export class CursorOverlay {
  readonly element: HTMLCanvasElement;
  #shapes = new Map<string, Shape>();
  #seq = -1;
  #at: { x: number; y: number; hash: string; visible: boolean } | null = null;
  #drawn: string | null = null;
  #scale = 1;
  #embedded = false;
  #frame = 0;
  /** The element over which the page's own pointer has the remote shape. */
  #worn: HTMLElement | null = null;
  #wears = '';
  /** Where the pointer will be once the session has heard of it (touch). */
  #predicted: { x: number; y: number } | null = null;

  constructor() {
    this.element = document.createElement('canvas');
    this.element.className = 'remote-cursor';
    this.element.setAttribute('aria-hidden', 'true');
    this.element.hidden = true;
  }

  /** A new agent counts its positions from the start again; its shapes may differ too. */
  reset(): void {
    this.#seq = -1;
    this.#at = null;
    this.#schedule();
  }

  /** The pointer is already in the picture: draw none. */
  setEmbedded(embedded: boolean): void {
    this.#embedded = embedded;
    this.#schedule();
  }

  /** Page pixels per desktop pixel. */
  setScale(scale: number): void {
    this.#scale = scale;
    this.#schedule();
  }

  /** The page's own pointer over this element is the remote one: it wears the shape, and nothing is drawn. */
  wear(element: HTMLElement | null): void {
    if (element === this.#worn) return;
    if (this.#worn) this.#worn.style.cursor = '';
    this.#worn = element;
    this.#wears = '';
    // At once: between two frames there must not be two pointers.
    this.#draw();
  }

  /** Draw it there already; null: where the session says. */
  predict(at: { x: number; y: number } | null): void {
    this.#predicted = at;
    this.#schedule();
  }

  /** The last known place, in pixels of the desktop. */
  get place(): { x: number; y: number } | null {
    return this.#predicted ?? this.#at;
  }

  receive(payload: Uint8Array): void {
    const message = parseCursor(payload);
    if (message?.type === 'img') void this.#keep(message);
    if (message?.type === 'pos') {
      if (message.seq <= this.#seq) return;
      this.#seq = message.seq;
      this.#at = message;
      this.#schedule();
    }
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    for (const shape of this.#shapes.values()) shape.bitmap?.close();
    this.#shapes.clear();
    this.element.remove();
  }

  async #keep(message: CursorMessage & { type: 'img' }): Promise<void> {
    if (this.#shapes.has(message.hash)) return;
    const { width, height, hotX, hotY } = message;
    const shape: Shape = { width, height, hotX, hotY, bitmap: null };
    this.#shapes.set(message.hash, shape);
    if (this.#shapes.size > MAX_SHAPES) {
      const [oldest, old] = this.#shapes.entries().next().value!;
      old.bitmap?.close();
      this.#shapes.delete(oldest);
    }
    try {
      shape.bitmap = await createImageBitmap(new Blob([message.png], { type: 'image/png' }));
    } catch {
      this.#shapes.delete(message.hash);
      return;
    }
    this.#drawn = null;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const at = this.#at ?? (this.#predicted ? { ...this.#predicted, hash: '', visible: true } : null);
    const known = this.#shapes.get(at?.hash ?? '');
    const shape = known?.bitmap ? known : ARROW;
    const worn = this.#worn !== null && this.#wear(this.#worn, shape, at?.visible ?? true, at?.hash ?? '');
    this.element.hidden = worn || this.#embedded || !at?.visible;
    if (!at || this.element.hidden) return;
    if (this.#drawn !== (shape === ARROW ? '' : at.hash)) {
      this.#paint(shape);
      this.#drawn = shape === ARROW ? '' : at.hash;
    }
    const scale = Math.max(this.#scale, MIN_SCALE);
    const { x: left, y: top } = this.#predicted ?? at;
    this.element.style.transform = `translate(${left * this.#scale - shape.hotX * scale}px, ${top * this.#scale - shape.hotY * scale}px) scale(${scale})`;
  }

  /** False if no browser would show a pointer of this size: then it is drawn after all. */
  #wear(element: HTMLElement, shape: Shape, visible: boolean, hash: string): boolean {
    const scale = Math.max(this.#scale, MIN_SCALE);
    const wanted = this.#embedded || !visible ? 'none' : `${shape === ARROW ? '' : hash}@${scale.toFixed(3)}`;
    if (wanted === this.#wears) return !(element.style.cursor === 'none' && wanted !== 'none');
    this.#wears = wanted;
    if (wanted === 'none' || shape === ARROW || !shape.bitmap) {
      element.style.cursor = wanted === 'none' ? 'none' : 'default';
      return true;
    }
    element.style.cursor ||= 'default'; // while the picture is being made
    const fits = cssCursor(shape.bitmap, shape, scale, hash, (value) => {
      if (this.#wears === wanted && this.#worn === element) element.style.cursor = value;
    });
    if (!fits) element.style.cursor = 'none';
    return fits;
  }

  #paint(shape: Shape): void {
    this.element.width = shape.width;
    this.element.height = shape.height;
    this.element.style.width = `${shape.width}px`;
    this.element.style.height = `${shape.height}px`;
    const context = this.element.getContext('2d');
    if (!context) return;
    if (shape.bitmap) context.drawImage(shape.bitmap, 0, 0, shape.width, shape.height);
    else paintArrow(context);
  }
}

/** Until the first shape has come: never no pointer at all. */
const ARROW: Shape = { width: 14, height: 20, hotX: 1, hotY: 1, bitmap: null };

function paintArrow(context: CanvasRenderingContext2D): void {
  const outline: [number, number][] = [[1, 1], [1, 16], [4.6, 12.8], [7, 18.4], [9.6, 17.3], [7.2, 11.9], [12, 11.9]];
  context.beginPath();
  for (const [x, y] of outline) context.lineTo(x, y);
  context.closePath();
  context.fillStyle = '#000';
  context.strokeStyle = '#fff';
  context.lineWidth = 1.4;
  context.fill();
  context.stroke();
}
