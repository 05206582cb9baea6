/** A remote pointer's picture as a CSS cursor: the browser draws it itself, without any delay. */

/** Larger ones are refused by browsers. */
const MAX_SIDE_PX = 128;
const MAX_KEPT = 64;

export interface HotSpot {
  width: number;
  height: number;
  hotX: number;
  hotY: number;
}

/** The value for `style.cursor`, one per shape and scale. */
const made = new Map<string, string>();

/** Calls `use` now or soon; false if the picture is too large for a CSS cursor. */
export function cssCursor(bitmap: ImageBitmap, spot: HotSpot, scale: number, hash: string, use: (value: string) => void): boolean {
  const width = Math.max(1, Math.round(spot.width * scale));
  const height = Math.max(1, Math.round(spot.height * scale));
  if (width > MAX_SIDE_PX || height > MAX_SIDE_PX) return false;
  const ratio = Math.min(2, Math.max(1, Math.ceil(devicePixelRatio || 1)));
  const name = `${hash}@${width}x${height}x${ratio}`;
  const known = made.get(name);
  if (known) {
    use(known);
    return true;
  }
  const canvas = document.createElement('canvas');
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => {
    if (!blob) return;
    const url = URL.createObjectURL(blob);
    const hot = `${clampSpot(spot.hotX * scale, width)} ${clampSpot(spot.hotY * scale, height)}`;
    const image = ratio === 1 ? `url("${url}")` : `image-set(url("${url}") ${ratio}x)`;
    const value = `${image} ${hot}, default`;
    keep(name, value);
    use(value);
  }, 'image/png');
  return true;
}

const clampSpot = (value: number, size: number): number => Math.max(0, Math.min(size - 1, Math.round(value)));

function keep(name: string, value: string): void {
  made.set(name, value);
  if (made.size <= MAX_KEPT) return;
  const [oldest, old] = made.entries().next().value!;
  made.delete(oldest);
  const url = /url\("(blob:[^"]+)"\)/.exec(old)?.[1];
  if (url) URL.revokeObjectURL(url);
}
