import {
  Gauge, LayoutGrid,
  Activity, ArrowLeft, Camera, Captions, Check, CircleQuestionMark, Copy, EllipsisVertical, Eye, Expand, Globe, KeyRound, Link2, LogOut, Maximize, Minimize,
  Mic, MicOff, Monitor, OctagonX, Plus, RefreshCw, Search, Timer, Users, Volume2, VolumeX, X, createElement, type IconNode,
} from 'lucide';

const ICONS = {
  gauge: Gauge, wall: LayoutGrid,
  activity: Activity, back: ArrowLeft, browser: Globe, camera: Camera, captions: Captions, check: Check, copy: Copy, end: OctagonX, exit: LogOut,
  expand: Expand, eye: Eye, fullscreen: Maximize, help: CircleQuestionMark, key: KeyRound, link: Link2, more: EllipsisVertical,
  microphone: Mic, 'microphone-off': MicOff, monitor: Monitor, muted: VolumeX, sound: Volume2, people: Users, plus: Plus, refresh: RefreshCw, search: Search, timer: Timer,
  windowed: Minimize, close: X,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName, size = 18): SVGElement {
  const svg = createElement(ICONS[name], { width: size, height: size, 'stroke-width': 1.75, 'aria-hidden': 'true' });
  svg.classList.add('icon');
  return svg as SVGElement;
}
