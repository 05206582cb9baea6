/** What the viewer is made of beside the picture. Add yours here; each is one module with one `MakePart`. */

import { browserPart } from '../browser/part';
import { controlPart } from '../control/part';
import { soundPart } from '../sound/part';
import type { MakePart } from './part';

export const PARTS: readonly MakePart[] = [controlPart, browserPart, soundPart];
