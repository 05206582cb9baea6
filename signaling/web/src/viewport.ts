/** Where the picture lies on the stage: fitted or 1:1 in device pixels. Pure arithmetic. */

export type Mode = 'fit' | 'actual';

export interface Size {
  width: number;
  height: number;
}

export interface Placement {
  /** Page pixels per desktop pixel. */
  scale: number;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Whole device pixels per desktop pixel (2, 3 …): scale by repeating, not by blurring. */
  integer: boolean;
}

/** A fit this close above a whole scale is drawn at the whole scale: crisp beats two percent. */
const SNAP = 1.03;

export function place(stage: Size, desktop: Size, mode: Mode, pixelRatio: number): Placement {
  const fit = Math.min(stage.width / desktop.width, stage.height / desktop.height);
  let scale = mode === 'actual' ? 1 / pixelRatio : Number.isFinite(fit) ? fit : 1;
  const device = scale * pixelRatio;
  const whole = Math.floor(device + 1e-9);
  const snapped = whole >= 1 && device / whole <= SNAP;
  if (snapped) scale = whole / pixelRatio;
  const width = desktop.width * scale;
  const height = desktop.height * scale;
  const onPixel = (value: number): number => Math.round(value * pixelRatio) / pixelRatio;
  return {
    scale, width, height,
    left: onPixel(Math.max(0, (stage.width - width) / 2)),
    top: onPixel(Math.max(0, (stage.height - height) / 2)),
    integer: snapped && whole >= 2,
  };
}

/** `"1280x720"` of the agent's attribute; null if it is not a size. */
export function parseSize(text: string | undefined): Size | null {
  const match = /^([1-9][0-9]{0,4})x([1-9][0-9]{0,4})$/.exec(text ?? '');
  return match ? { width: Number(match[1]), height: Number(match[2]) } : null;
}

/** The desktop may be one pixel smaller than the video (even sides); anything else is a size in transit. */
export function visibleSize(video: Size, desktop: Size | null): Size {
  if (!desktop) return video;
  const close = (a: number, b: number): boolean => a - b === 0 || a - b === 1;
  return close(video.width, desktop.width) && close(video.height, desktop.height) ? desktop : video;
}
