/** The desktop in the window's size: once asked, it follows the window until control is gone. */

import { CallError } from '../room';
import { button, toast } from '../ui/controls';
import { Cleanup } from '../ui/dom';
import type { Host } from '../viewer/part';

const DEBOUNCE_MS = 600;
const SMALLEST_PX = 320;
const LARGEST_PX = 7_680;
const RESIZE_TIMEOUT_MS = 10_000;

/** Even sides, as the video wants them; within what X servers do. */
export function fitting(width: number, height: number): { width_px: number; height_px: number } {
  const side = (value: number): number => Math.min(LARGEST_PX, Math.max(SMALLEST_PX, Math.floor(value / 2) * 2));
  return { width_px: side(width), height_px: side(height) };
}

export class Fit {
  readonly button: HTMLButtonElement;
  readonly #cleanup = new Cleanup();
  #on = false;
  #timer = 0;
  #asked = '';

  constructor(readonly host: Host) {
    this.button = button({ label: 'Fit the desktop to the window', icon: 'fit', onClick: () => this.set(!this.#on) });
    this.button.setAttribute('aria-pressed', 'false');
    const observer = new ResizeObserver(() => {
      if (!this.#on) return;
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => void this.#resize(), DEBOUNCE_MS);
    });
    observer.observe(host.picture.stage);
    this.#cleanup.add(() => { observer.disconnect(); clearTimeout(this.#timer); });
  }

  get on(): boolean {
    return this.#on;
  }

  set(on: boolean): void {
    this.#on = on;
    this.#asked = '';
    clearTimeout(this.#timer);
    this.button.setAttribute('aria-pressed', String(on));
    if (on) void this.#resize();
  }

  close(): void {
    this.#on = false;
    this.#cleanup.run();
  }

  async #resize(): Promise<void> {
    const { stage } = this.host.picture;
    const size = fitting(stage.clientWidth, stage.clientHeight);
    const wanted = `${size.width_px}x${size.height_px}`;
    if (wanted === this.#asked || !stage.clientWidth) return;
    this.#asked = wanted;
    try {
      await this.host.call('desktop.resize', size, RESIZE_TIMEOUT_MS);
    } catch (error) {
      if (this.#on) toast(error instanceof CallError ? error.message : 'The desktop could not be resized.');
      this.set(false);
    }
  }
}
