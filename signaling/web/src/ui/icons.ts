import {
  Activity, ArrowLeft, ChevronDown, Camera, Check, CircleQuestionMark, Copy, EllipsisVertical, Eye, Expand, KeyRound, Link2, LogOut, Maximize, Minimize,
  Monitor, OctagonX, Plus, RefreshCw, ScanLine, Search, Timer, Users, X, createElement, type IconNode,
} from 'lucide';

const ICONS = {
  activity: Activity, back: ArrowLeft, camera: Camera, check: Check, down: ChevronDown, copy: Copy, end: OctagonX, exit: LogOut,
  expand: Expand, eye: Eye, fullscreen: Maximize, help: CircleQuestionMark, key: KeyRound, link: Link2, more: EllipsisVertical,
  monitor: Monitor, people: Users, plus: Plus, refresh: RefreshCw, search: Search, timer: Timer, actual: ScanLine,
  windowed: Minimize, close: X,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, size = 18): SVGElement {
  const svg = createElement(ICONS[name], { width: size, height: size, 'stroke-width': 1.75, 'aria-hidden': 'true' });
  svg.classList.add('icon');
  return svg as SVGElement;
}
