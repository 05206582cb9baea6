/** How a wall of 16:9 pictures is laid out. Pure. */

/** Each tile decodes a stream of its own: more than this and a laptop drops frames. */
export const MAX_TILES = 9;

/** The number of columns that makes the pictures largest. */
export function columns(tiles: number, width_px: number, height_px: number): number {
  let best = 1;
  let bestWidth_px = 0;
  for (let count = 1; count <= Math.max(1, tiles); count += 1) {
    const rows = Math.ceil(tiles / count);
    const wide_px = Math.min(width_px / count, (height_px / rows) * (16 / 9));
    if (wide_px > bestWidth_px + 0.5) {
      best = count;
      bestWidth_px = wide_px;
    }
  }
  return best;
}
