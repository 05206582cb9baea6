/** Pointer and wheel events in the session's measure. Pure. */

import type { Size } from '../viewport';
import type { Point } from './messages';

/** A page's point relative to the picture's corner → a pixel of the desktop; outside counts as its edge. */
export function toPixel(x: number, y: number, scale: number, desktop: Size): Point {
  const within = (value: number, size: number): number => Math.max(0, Math.min(size - 1, Math.floor(value / scale)));
  return { x: within(x, desktop.width), y: within(y, desktop.height) };
}

/** Firefox counts a notch in lines (three of them), others in pixels (100 to 120). */
const LINE_PX = 32;

export interface WheelLike {
  deltaX: number;
  deltaY: number;
  /** 0 pixels, 1 lines, 2 pages. */
  deltaMode: number;
}

export function wheelPixels({ deltaX, deltaY, deltaMode }: WheelLike, page: Size): { dx: number; dy: number } {
  const finite = (value: number): number => (Number.isFinite(value) ? value : 0);
  const [x, y] = deltaMode === 1 ? [LINE_PX, LINE_PX] : deltaMode === 2 ? [page.width, page.height] : [1, 1];
  return { dx: finite(deltaX) * x, dy: finite(deltaY) * y };
}

/** The bits of `buttons` in the order of `MouseEvent.button`: left, middle, right, back, forward. */
const BITS = [1, 4, 2, 8, 16] as const;

/** Which buttons went down or up between two events, whatever events said so. */
export function buttonChanges(before: number, after: number): { button: number; down: boolean }[] {
  const changes: { button: number; down: boolean }[] = [];
  BITS.forEach((bit, button) => {
    if ((before & bit) !== (after & bit)) changes.push({ button, down: (after & bit) !== 0 });
  });
  return changes;
}

/** A view into the picture: how much larger than fitted, and which way it is shifted (page pixels). */
export interface View {
  zoom: number;
  panX: number;
  panY: number;
}

export const WHOLE: View = { zoom: 1, panX: 0, panY: 0 };
const MAX_ZOOM = 8;

/** Zooms about a point (from the middle of the stage) and shifts; what is under the fingers stays there. */
export function zoomAbout(view: View, factor: number, at: Point, shift: Point, picture: Size, stage: Size): View {
  const zoom = Math.max(1, Math.min(MAX_ZOOM, view.zoom * factor));
  if (zoom < 1.02) return WHOLE;
  const real = zoom / view.zoom;
  return keepInside({ zoom, panX: at.x - (at.x - view.panX) * real + shift.x, panY: at.y - (at.y - view.panY) * real + shift.y }, picture, stage);
}

/** No further than the picture's own edge. `picture` is its size at zoom 1. */
export function keepInside(view: View, picture: Size, stage: Size): View {
  const spareX = Math.max(0, (picture.width * view.zoom - stage.width) / 2);
  const spareY = Math.max(0, (picture.height * view.zoom - stage.height) / 2);
  const within = (value: number, spare: number): number => Math.max(-spare, Math.min(spare, value)) || 0;
  return { zoom: view.zoom, panX: within(view.panX, spareX), panY: within(view.panY, spareY) };
}
