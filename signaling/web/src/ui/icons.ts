import {
  Activity, ArrowLeft, Camera, Check, CircleQuestionMark, Copy, EllipsisVertical, Eye, Expand, Globe, KeyRound, Link2, LogOut, Maximize, Minimize,
  Gauge, LayoutGrid, Monitor, OctagonX, Plus, RefreshCw, Search, Timer, Users, X, createElement, type IconNode,
} from 'lucide';

const ICONS = {
  activity: Activity, back: ArrowLeft, browser: Globe, camera: Camera, check: Check, copy: Copy, end: OctagonX, exit: LogOut,
  expand: Expand, eye: Eye, fullscreen: Maximize, help: CircleQuestionMark, key: KeyRound, link: Link2, more: EllipsisVertical,
  gauge: Gauge, monitor: Monitor, people: Users, plus: Plus, refresh: RefreshCw, search: Search, timer: Timer,
  wall: LayoutGrid, windowed: Minimize, close: X,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, size = 18): SVGElement {
  const svg = createElement(ICONS[name], { width: size, height: size, 'stroke-width': 1.75, 'aria-hidden': 'true' });
  svg.classList.add('icon');
  return svg as SVGElement;
}
