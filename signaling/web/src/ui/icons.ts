import {
  Gauge, LayoutGrid,
  Activity, ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Camera, Captions, Check, CircleQuestionMark, ClipboardList, Copy, Download, EllipsisVertical, Eye, Expand, Globe,
  KeyRound, Keyboard, Link2, Lock, LogOut, Maximize, Mic, MicOff, Minimize, Monitor, MousePointer2, OctagonX, Plus, Pointer, RefreshCw, Scaling, Search,
  Timer, Touchpad, UserX, Users, Volume2, VolumeX, X, createElement, type IconNode,
} from 'lucide';

const ICONS = {
  gauge: Gauge, wall: LayoutGrid,
  activity: Activity, back: ArrowLeft, browser: Globe, camera: Camera, captions: Captions, check: Check, copy: Copy, download: Download, end: OctagonX, exit: LogOut,
  expand: Expand, eye: Eye, forward: ArrowRight, fullscreen: Maximize, help: CircleQuestionMark, key: KeyRound, link: Link2, more: EllipsisVertical,
  microphone: Mic, 'microphone-off': MicOff, monitor: Monitor, muted: VolumeX, sound: Volume2, people: Users, plus: Plus, refresh: RefreshCw, search: Search, timer: Timer,
  windowed: Minimize, close: X,
  up: ArrowUp, down: ArrowDown, left: ArrowLeft, right: ArrowRight,
  control: MousePointer2, keyboard: Keyboard, clipboard: ClipboardList, fit: Scaling, lock: Lock, touch: Pointer, trackpad: Touchpad, remove: UserX,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, size = 18): SVGElement {
  const svg = createElement(ICONS[name], { width: size, height: size, 'stroke-width': 1.75, 'aria-hidden': 'true' });
  svg.classList.add('icon');
  return svg as SVGElement;
}
