import {
  Activity, ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Camera, Check, CircleQuestionMark, ClipboardList, Copy, Hand, EllipsisVertical, Eye, Expand, Globe, KeyRound, Link2, LogOut, Keyboard, Lock, Maximize, Minimize,
  Monitor, MonitorUp, MousePointer2, Pointer, Scaling, Touchpad, UserX, OctagonX, Plus, RefreshCw, Search, Timer, Users, X, createElement, type IconNode,
} from 'lucide';

const ICONS = {
  activity: Activity, back: ArrowLeft, browser: Globe, camera: Camera, check: Check, copy: Copy, end: OctagonX, exit: LogOut,
  expand: Expand, eye: Eye, fullscreen: Maximize, help: CircleQuestionMark, key: KeyRound, link: Link2, more: EllipsisVertical,
  monitor: Monitor, people: Users, plus: Plus, refresh: RefreshCw, search: Search, timer: Timer,
  windowed: Minimize, close: X,
  up: ArrowUp, down: ArrowDown, left: ArrowLeft, right: ArrowRight,
  control: MousePointer2, ask: Hand, keyboard: Keyboard, clipboard: ClipboardList, fit: Scaling, lock: Lock, touch: Pointer, trackpad: Touchpad, remove: UserX, give: MonitorUp,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, size = 18): SVGElement {
  const svg = createElement(ICONS[name], { width: size, height: size, 'stroke-width': 1.75, 'aria-hidden': 'true' });
  svg.classList.add('icon');
  return svg as SVGElement;
}
